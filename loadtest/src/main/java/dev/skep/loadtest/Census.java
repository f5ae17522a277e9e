package dev.skep.loadtest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What this process holds and could leak.
 *
 * @param threads names of the live threads, in order, but for those of the JVM's common pool and of
 *     a scheduler's workers, which come and go: see {@link #workers}
 * @param fileDescriptors open ones, from {@code /proc/self/fd}
 * @param heapBytes reachable
 * @param metaspaceBytes of classes
 */
record Census(List<String> threads, int fileDescriptors, long heapBytes, long metaspaceBytes) {
  private static final String COMMON_POOL = "ForkJoinPool.commonPool";

  private static final String WORKERS = "skep-worker-";

  /** Threads that check uploads, and end when they have had nothing to do for a second. */
  private static final String CHECKS = "skep-check";

  /** For all of those together; one that is there longer is counted. */
  private static final Duration CHECKS_PATIENCE = Duration.ofSeconds(10);

  /** Collects garbage first, so that what only garbage holds is not counted. Some seconds. */
  static Census take() throws InterruptedException {
    long heap = Machine.heapBytesAfterCollection();
    awaitChecks();
    List<String> threads =
        names().filter(name -> !name.startsWith(COMMON_POOL) && !name.startsWith(WORKERS)).toList();
    return new Census(threads, openFiles(), heap, metaspace());
  }

  /** Names of the workers' threads, in order: none once every scheduler has been closed. */
  static List<String> workers() {
    return names().filter(name -> name.startsWith(WORKERS)).toList();
  }

  private static Stream<String> names() {
    return Thread.getAllStackTraces().keySet().stream().map(Thread::getName).sorted();
  }

  private static void awaitChecks() throws InterruptedException {
    long deadlineNanos = System.nanoTime() + CHECKS_PATIENCE.toNanos();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      Duration left = Duration.ofNanos(deadlineNanos - System.nanoTime());
      if (thread.getName().equals(CHECKS) && left.isPositive()) {
        var _ = thread.join(left);
      }
    }
  }

  private static int openFiles() {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      // The listing itself is one of them, each time.
      return (int) open.count();
    } catch (IOException e) {
      throw new UncheckedIOException("this needs Linux", e);
    }
  }

  private static long metaspace() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getName().equals("Metaspace"))
        .map(MemoryPoolMXBean::getUsage)
        .mapToLong(usage -> usage.getUsed())
        .sum();
  }

  /** Threads that are here and were not in {@code before}, by name. */
  List<String> newThreads(Census before) {
    TreeMap<String, Integer> counts = new TreeMap<>();
    threads.forEach(name -> counts.merge(name, 1, Integer::sum));
    before.threads.forEach(name -> counts.merge(name, -1, Integer::sum));
    counts.values().removeIf(count -> count <= 0);
    return List.copyOf(new TreeSet<>(counts.keySet()));
  }
}
