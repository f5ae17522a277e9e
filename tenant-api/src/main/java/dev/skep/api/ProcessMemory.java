package dev.skep.api;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What Linux says of this process's mappings, read at most every five seconds: listing tens of
 * thousands of mappings takes the kernel milliseconds. Thread-safe; a reading blocks.
 */
final class ProcessMemory {
  private static final long FRESH_NANOS = 5_000_000_000L;
  private static final long UNKNOWN = -1;

  /**
   * What was read; −1 where the kernel does not say.
   *
   * @param mappings that the process has
   * @param mostMappings that it may have
   * @param sharedBytes resident pages of shared memory, which in this process are those of mapped
   *     images, counted once for each mapping
   */
  record Reading(long mappings, long mostMappings, long sharedBytes) {
    /** How many more it may have, or −1. */
    long headroom() {
      return mappings < 0 || mostMappings < 0 ? UNKNOWN : Math.max(0, mostMappings - mappings);
    }
  }

  private final Path proc;
  private final LongSupplier nanoTime;
  private @Nullable Reading reading;
  private long readNanos;

  ProcessMemory() {
    this(Path.of("/proc"), System::nanoTime);
  }

  /**
   * @param proc where procfs is mounted (proc_pid_maps(5), proc_pid_status(5), proc_sys_vm(5))
   * @param nanoTime a clock
   */
  ProcessMemory(Path proc, LongSupplier nanoTime) {
    this.proc = proc;
    this.nanoTime = nanoTime;
  }

  /** At most five seconds old. */
  synchronized Reading read() {
    long now = nanoTime.getAsLong();
    Reading known = reading;
    if (known == null || now - readNanos >= FRESH_NANOS) {
      known = new Reading(mappings(), mostMappings(), sharedBytes());
      reading = known;
      readNanos = now;
    }
    return known;
  }

  /** A line a mapping. */
  private long mappings() {
    byte[] buffer = new byte[1 << 16];
    long lines = 0;
    try (InputStream maps = Files.newInputStream(proc.resolve("self/maps"))) {
      for (int read = maps.read(buffer); read >= 0; read = maps.read(buffer)) {
        for (int i = 0; i < read; i++) {
          lines += buffer[i] == '\n' ? 1 : 0;
        }
      }
    } catch (IOException e) {
      return UNKNOWN;
    }
    return lines;
  }

  private long mostMappings() {
    // In one read: such a file gives nothing more to a second, and readString begins with a byte.
    try (BufferedReader most = Files.newBufferedReader(proc.resolve("sys/vm/max_map_count"))) {
      String line = most.readLine();
      return line == null ? UNKNOWN : Long.parseLong(line.strip());
    } catch (IOException | NumberFormatException e) {
      return UNKNOWN;
    }
  }

  private long sharedBytes() {
    return status(proc.resolve("self/status"), "RssShmem:");
  }

  /** Resident memory of a process in bytes, or 0 if there is none of this id. */
  static long residentBytes(long pid) {
    return Math.max(0, status(Path.of("/proc", Long.toString(pid), "status"), "VmRSS:"));
  }

  private static long status(Path file, String name) {
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(name) && line.endsWith(" kB")) {
          return 1_024 * Long.parseLong(line.substring(name.length(), line.length() - 3).strip());
        }
      }
    } catch (IOException | NumberFormatException e) {
      return UNKNOWN;
    }
    return UNKNOWN;
  }
}
