package dev.skep.loadtest;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * What a figure was measured on, without which it says nothing.
 *
 * @param cores that the JVM may use
 * @param memoryBytes of the machine
 */
record Machine(
    String cpu, int cores, long memoryBytes, String kernel, String jdk, List<String> flags) {

  static Machine here() {
    return new Machine(
        field(Path.of("/proc/cpuinfo"), "model name"),
        Runtime.getRuntime().availableProcessors(),
        kibibytes(field(Path.of("/proc/meminfo"), "MemTotal")),
        System.getProperty("os.name") + " " + System.getProperty("os.version"),
        System.getProperty("java.vm.name") + " " + Runtime.version(),
        ManagementFactory.getRuntimeMXBean().getInputArguments());
  }

  /** Memory of this process that is really there, in bytes, or 0 where the system does not say. */
  static long residentBytes() {
    return kibibytes(field(Path.of("/proc/self/status"), "VmRSS"));
  }

  /** Memory that the page tables of this process take, in bytes; not part of what is resident. */
  static long pageTableBytes() {
    return kibibytes(field(Path.of("/proc/self/status"), "VmPTE"));
  }

  /**
   * Bytes on the heap that are still reachable: used memory after collections, of which one could
   * leave what only a second one finds.
   */
  @SuppressWarnings("ExplicitGC") // measuring it is the point
  static long heapBytesAfterCollection() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  private static String field(Path file, String name) {
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(name)) {
          return line.substring(line.indexOf(':') + 1).trim();
        }
      }
    } catch (IOException e) {
      // Not Linux: the figure is left out.
    }
    return "unknown";
  }

  static long kibibytes(String text) {
    return text.endsWith(" kB") ? Long.parseLong(text.substring(0, text.length() - 3)) << 10 : 0;
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "%d cores (%s), %.1f GiB, %s%n%s %s",
        cores,
        cpu,
        memoryBytes / (double) (1L << 30),
        kernel,
        jdk,
        String.join(" ", flags));
  }

  JsonObject toJson() {
    return new JsonObject()
        .put("cpu", cpu)
        .put("cores", cores)
        .put("memoryBytes", memoryBytes)
        .put("kernel", kernel)
        .put("jdk", jdk)
        .put("flags", flags);
  }
}
