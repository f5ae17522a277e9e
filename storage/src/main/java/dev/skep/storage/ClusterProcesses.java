package dev.skep.storage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds and stops the PostgreSQL processes of one cluster, whoever started them.
 *
 * <p>PostgreSQL outlives a JVM that is killed, and leaves {@code postmaster.pid} when it is killed
 * itself. That file alone proves nothing: its number may since have gone to another process, and
 * backends may outlive their postmaster, still attached to its shared memory. So processes are
 * recognised by what they do: every PostgreSQL process works in its cluster's directory, and the
 * first ones ({@code initdb}, the postmaster) name it in their arguments. Both are read from {@code
 * /proc}, for Linux is what the binaries are for.
 */
final class ClusterProcesses {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterProcesses.class);
  private static final Path PROC = Path.of("/proc");

  /** Between two looks at processes that are ending. */
  private static final Duration POLL = Duration.ofMillis(20);

  private final Path cluster;

  /**
   * @param cluster absolute path of the data directory, which need not exist
   */
  ClusterProcesses(Path cluster) {
    this.cluster = cluster;
  }

  /** Ids of all live processes of the cluster; a scan of {@code /proc}, some milliseconds. */
  List<Long> pids() {
    List<Long> pids = new ArrayList<>();
    ProcessHandle.allProcesses()
        .mapToLong(ProcessHandle::pid)
        .filter(pid -> pid != ProcessHandle.current().pid())
        .filter(this::belongs)
        .forEach(pids::add);
    return pids;
  }

  /** The live postmaster that {@code postmaster.pid} names, if it is one of this cluster's. */
  OptionalLong postmaster() {
    Path file = cluster.resolve("postmaster.pid");
    try (var lines = Files.lines(file, StandardCharsets.UTF_8)) {
      long pid = Long.parseLong(lines.findFirst().orElse("").strip());
      return belongs(pid) ? OptionalLong.of(pid) : OptionalLong.empty();
    } catch (IOException | NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  private boolean belongs(long pid) {
    Path process = PROC.resolve(Long.toString(pid));
    try {
      String[] arguments =
          Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1).split("\0", -1);
      // A zombie, dead but not yet waited for, has none.
      if (!isPostgres(arguments[0])) {
        return false;
      }
      String path =
          new String(
              cluster.toString().getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
      return Arrays.asList(arguments).contains(path)
          || Files.readSymbolicLink(process.resolve("cwd")).equals(cluster);
    } catch (IOException e) {
      // It ended meanwhile, or is another user's.
      return false;
    }
  }

  /** Backends call themselves {@code postgres: role database …}. */
  private static boolean isPostgres(String command) {
    String name = command.substring(command.lastIndexOf('/') + 1);
    return name.equals("postgres")
        || name.equals("initdb")
        || name.equals("pg_ctl")
        || command.startsWith("postgres: ");
  }

  /**
   * Stops whatever runs on the cluster: a fast shutdown (sessions are cut off, nothing committed is
   * lost) for at most {@code patience}, then by force, after which the next start replays the
   * write-ahead log. Removes a {@code postmaster.pid} that no live process stands behind. Blocks.
   *
   * @throws DatabaseUnavailableException if processes survive even that
   */
  void stop(Duration patience) throws IOException {
    OptionalLong postmaster = postmaster();
    if (postmaster.isPresent()) {
      LOG.atInfo().addKeyValue("pid", postmaster.getAsLong()).log("stopping PostgreSQL");
      interrupt(postmaster.getAsLong());
    }
    boolean stopped;
    if (postmaster.isPresent()) {
      stopped = awaitGone(patience);
    } else {
      // Backends notice within moments that their postmaster is gone.
      stopped = awaitGone(Duration.ofSeconds(5));
    }
    if (!stopped) {
      List<Long> left = pids();
      LOG.atWarn().addKeyValue("pids", left).log("PostgreSQL does not stop; killing it");
      left.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
      if (!awaitGone(Duration.ofSeconds(10))) {
        throw new DatabaseUnavailableException(
            "PostgreSQL processes " + pids() + " of " + cluster + " survive being killed", null);
      }
    }
    // Its number may belong to an unrelated process by now, for which PostgreSQL would refuse to
    // start. The directory's lock is ours and nobody works in it, so it is stale.
    Files.deleteIfExists(cluster.resolve("postmaster.pid"));
  }

  /** Sends SIGINT, "fast shutdown"; Java itself can send only SIGTERM, which waits for clients. */
  private static void interrupt(long pid) throws IOException {
    Process kill =
        new ProcessBuilder("sh", "-c", "kill -INT \"$0\"", Long.toString(pid))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      kill.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Waits until no process is left; whether that was in time. An interrupt does not cut it short,
   * because what follows is killing.
   */
  private boolean awaitGone(Duration patience) {
    long startNanos = System.nanoTime();
    boolean interrupted = false;
    boolean gone = pids().isEmpty();
    while (!gone && System.nanoTime() - startNanos < patience.toNanos()) {
      try {
        Thread.sleep(POLL);
      } catch (InterruptedException e) {
        interrupted = true;
      }
      gone = pids().isEmpty();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return gone;
  }
}
