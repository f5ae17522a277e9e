package dev.skep.loadtest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What the kernel says of this process's memory (proc_pid_status(5), proc_pid_maps(5)).
 *
 * @param addressBytes address space, {@code VmSize}
 * @param pageTableBytes page tables of all levels, {@code VmPTE}
 * @param mappings lines of {@code maps}
 */
record ProcessMemory(long addressBytes, long pageTableBytes, List<Mapping> mappings) {
  private static final Path SELF = Path.of("/proc/self");

  /** One mapping, {@code end} not in it. */
  record Mapping(long start, long end) {
    private static Mapping parse(String line) {
      int dash = line.indexOf('-');
      return new Mapping(
          Long.parseUnsignedLong(line, 0, dash, 16),
          Long.parseUnsignedLong(line, dash + 1, line.indexOf(' '), 16));
    }

    long bytes() {
      return end - start;
    }
  }

  static ProcessMemory now() {
    long size = 0;
    long tables = 0;
    try {
      for (String line : Files.readAllLines(SELF.resolve("status"))) {
        if (line.startsWith("VmSize:")) {
          size = Machine.kibibytes(line.substring("VmSize:".length()).strip());
        } else if (line.startsWith("VmPTE:")) {
          tables = Machine.kibibytes(line.substring("VmPTE:".length()).strip());
        }
      }
      return new ProcessMemory(
          size,
          tables,
          Files.readAllLines(SELF.resolve("maps")).stream().map(Mapping::parse).toList());
    } catch (IOException e) {
      throw new UncheckedIOException("this needs Linux", e);
    }
  }

  /** The mapping of so many bytes that was not there before. */
  Mapping since(ProcessMemory before, long bytes) {
    return mappings.stream()
        .filter(mapping -> mapping.bytes() == bytes && !before.mappings.contains(mapping))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no new mapping has " + bytes + " bytes"));
  }

  /** Mappings that lie within {@code range}. */
  long within(Mapping range) {
    return mappings.stream()
        .filter(mapping -> mapping.start() >= range.start() && mapping.end() <= range.end())
        .count();
  }
}
