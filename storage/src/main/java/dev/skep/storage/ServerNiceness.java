package dev.skep.storage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
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

  /** How long a new process may stand in front. A look takes a millisecond or two. */
  private static final long LOOK_SECONDS = 2;

  private final long postmaster;
  private final byte[] nice;

  /** Those that have stepped back and live; of the one thread. */
  private final Set<Long> done = new HashSet<>();

  private final ScheduledExecutorService looks =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("skep-database-niceness").factory());

  /**
   * @param postmaster the server's first process, whose children the others are
   * @param nice of each session, 0 to 19
   */
  ServerNiceness(long postmaster, int nice) {
    this.postmaster = postmaster;
    this.nice = (nice + "\n").getBytes(StandardCharsets.US_ASCII);
    var _ = looks.scheduleWithFixedDelay(this::look, 0, LOOK_SECONDS, TimeUnit.SECONDS);
  }

  private void look() {
    try (Stream<ProcessHandle> children =
        ProcessHandle.of(postmaster).map(ProcessHandle::children).orElseGet(Stream::empty)) {
      Set<Long> living = new HashSet<>();
      living.add(postmaster);
      children.forEach(child -> living.add(child.pid()));
      done.retainAll(living);
      for (long pid : living) {
        if (!done.contains(pid) && stepBack(pid)) {
          done.add(pid);
        }
      }
    } catch (RuntimeException e) {
      LOG.atWarn().setCause(e).log("PostgreSQL's processes were not looked at");
    }
  }

  /** Without privileges the kernel takes one change in 0.1 s; the others come at the next look. */
  private boolean stepBack(long pid) {
    try {
      Files.write(Path.of("/proc/" + pid + "/autogroup"), nice);
      return true;
    } catch (IOException e) {
      LOG.atDebug()
          .setCause(e)
          .log("no groups by session, or they may not be changed, or the process has ended");
      return false;
    }
  }

  /** Looks no more. The processes stay where they are. */
  @Override
  public void close() {
    looks.shutdownNow();
  }
}
