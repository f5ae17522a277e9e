package dev.skep.pool;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongPredicate;

/**
 * Asks the kernel how much of the slab is in memory: the sums of {@code Rss} and {@code Anonymous}
 * over the mappings inside it, from {@code /proc/self/smaps} (proc_pid_smaps(5)). Takes
 * milliseconds, and longer the more is resident, since the kernel walks the page tables.
 */
final class SlabResidency {
  private static final Path SMAPS = Path.of("/proc/self/smaps");

  private SlabResidency() {}

  /** What is resident from {@code start} to {@code end}. */
  static ResidentBytes bytes(long start, long end) {
    return bytes(address -> address >= start && address < end);
  }

  /** What is resident of the mappings whose address is {@code wanted}. */
  static ResidentBytes bytes(LongPredicate wanted) {
    long kib = 0;
    long anonymousKib = 0;
    boolean inside = false;
    try (BufferedReader lines = Files.newBufferedReader(SMAPS)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int dash = line.indexOf('-');
        int space = line.indexOf(' ');
        if (dash > 0 && space > dash && isHex(line, dash)) {
          long from = Long.parseUnsignedLong(line, 0, dash, 16);
          inside = wanted.test(from);
        } else if (inside && line.startsWith("Rss:")) {
          kib += kibibytes(line);
        } else if (inside && line.startsWith("Anonymous:")) {
          anonymousKib += kibibytes(line);
        }
      }
    } catch (IOException e) {
      return ResidentBytes.UNKNOWN;
    }
    return new ResidentBytes(anonymousKib * 1_024, (kib - anonymousKib) * 1_024);
  }

  /** Of a line such as {@code Rss: 128 kB}. */
  private static long kibibytes(String line) {
    return Long.parseLong(line.substring(line.indexOf(':') + 1, line.length() - 2).strip());
  }

  private static boolean isHex(String line, int length) {
    for (int i = 0; i < length; i++) {
      if (Character.digit(line.charAt(i), 16) < 0) {
        return false;
      }
    }
    return true;
  }
}
