package dev.skep.loadtest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What this process holds and could leak.
 *
 * @param threads names of the live threads, in order, but for the JVM's common pool, whose threads
 *     come and go
 * @param fileDescriptors open ones, from {@code /proc/self/fd}
 * @param heapBytes reachable
 * @param metaspaceBytes of classes
 */
record Census(List<String> threads, int fileDescriptors, long heapBytes, long metaspaceBytes) {
  private static final String COMMON_POOL = "ForkJoinPool.commonPool";

  /** Collects garbage first, so that what only garbage holds is not counted. Some seconds. */
  static Census take() {
    long heap = Machine.heapBytesAfterCollection();
    List<String> threads =
        Thread.getAllStackTraces().keySet().stream()
            .map(Thread::getName)
            .filter(name -> !name.startsWith(COMMON_POOL))
            .sorted()
            .toList();
    return new Census(threads, openFiles(), heap, metaspace());
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
