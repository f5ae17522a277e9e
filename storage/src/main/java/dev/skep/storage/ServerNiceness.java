package dev.skep.storage;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a server's processes step back behind those of other sessions, where the kernel groups
 * processes by session (sched(7), autogroup). Their own niceness holds within a session only, and
 * every process of PostgreSQL begins a session of its own: each would weigh as much as the whole
 * node. So they are looked for, because they come and go with connections.
 */
final class ServerNiceness implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ServerNiceness.class);
  private static final Path PROC = Path.of("/proc");

  /** How long a new process may stand in front. A look takes a millisecond or two. */
  private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(2);

  /** From those who have no privileges the kernel takes one change in 0.1 s. */
  private static final Duration BETWEEN_CHANGES = Duration.ofMillis(150);

  private final ClusterProcesses processes;
  private final int nice;
  private final ScheduledExecutorService looks =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("skep-database-niceness").factory());

  /**
   * Looks from now on.
   *
   * @param nice of each session, 0 to 19
   */
  ServerNiceness(ClusterProcesses processes, int nice) {
    this.processes = processes;
    this.nice = nice;
    looks.execute(this::look);
  }

  /** Whether this kernel groups processes by session and lets their groups be changed. */
  static boolean isPossible() {
    return Files.isWritable(PROC.resolve("self/autogroup"));
  }

  private void look() {
    boolean all = false;
    try {
      all = stepBack();
    } catch (RuntimeException e) {
      LOG.atWarn().setCause(e).log("PostgreSQL's processes were not looked at");
    } finally {
      if (!looks.isShutdown()) {
        Duration next = all ? BETWEEN_LOOKS : BETWEEN_CHANGES;
        var _ = looks.schedule(this::look, next.toMillis(), TimeUnit.MILLISECONDS);
      }
    }
  }

  /** Whether nothing is left to change for now. */
  private boolean stepBack() {
    OptionalLong postmaster = processes.postmaster();
    if (postmaster.isEmpty()) {
      return true;
    }
    try (Stream<ProcessHandle> children =
        ProcessHandle.of(postmaster.getAsLong()).stream().flatMap(ProcessHandle::children)) {
      return LongStream.concat(
              LongStream.of(postmaster.getAsLong()), children.mapToLong(ProcessHandle::pid))
          .allMatch(this::stepBack);
    }
  }

  /**
   * Whether nothing is left to change of a process: one that has ended or that may not be changed
   * never can be.
   */
  private boolean stepBack(long pid) {
    Path group = PROC.resolve(pid + "/autogroup");
    try {
      if (Files.readString(group).strip().endsWith(" nice " + nice)) {
        return true;
      }
      // Not by a channel, which takes the kernel's "not now" for nothing written.
      try (OutputStream out = new FileOutputStream(group.toFile())) {
        return changed(out);
      }
    } catch (IOException e) {
      LOG.atDebug().setCause(e).log("a process of PostgreSQL does not step back");
      return true;
    }
  }

  private boolean changed(OutputStream group) {
    try {
      group.write((nice + "\n").getBytes(StandardCharsets.US_ASCII));
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** Looks no more. The processes stay where they are. */
  @Override
  public void close() {
    looks.shutdownNow();
  }
}
