package dev.skep.pool;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The process's mappings, as the kernel tells them (proc_pid_maps(5)). */
final class Mappings {
  private Mappings() {}

  private static List<String> lines() {
    try {
      return Files.readAllLines(Path.of("/proc/self/maps"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Images mapped in a pool's slab. */
  static int images(PoolingAllocator pool) {
    return count(pool, true);
  }

  /** Mappings that a pool's slab has been cut into. */
  static int all(PoolingAllocator pool) {
    return count(pool, false);
  }

  private static int count(PoolingAllocator pool, boolean imagesOnly) {
    long start = pool.slabAddress();
    long end = start + pool.layout().totalBytes();
    int found = 0;
    for (String line : lines()) {
      long from = Long.parseUnsignedLong(line, 0, line.indexOf('-'), 16);
      if (from >= start && from < end && (!imagesOnly || line.contains("skep-image"))) {
        found++;
      }
    }
    return found;
  }
}
