package dev.skep.pool;

import dev.skep.pool.os.Libc;

/**
 * Counts the pages of page tables that touched memory needs, with four levels of 512 entries
 * (x86-64 and aarch64 with pages of 4 KiB): a table is a page, and one of the lowest level covers 2
 * MiB, of the next 1 GiB, of the next 512 GiB. The highest is there in every process.
 *
 * <p>Ranges must come in ascending order, so that a table that two of them share is counted once.
 * Not thread-safe.
 */
final class PageTables {
  private static final int[] SHIFTS = {21, 30, 39};

  /** Of each level, the last table counted. */
  private final long[] last = {-1, -1, -1};

  private long tables;

  /** Memory from {@code from} to {@code to} has been touched. */
  void touch(long from, long to) {
    if (from >= to) {
      return;
    }
    for (int level = 0; level < SHIFTS.length; level++) {
      long first = Math.max(from >>> SHIFTS[level], last[level] + 1);
      long end = (to - 1) >>> SHIFTS[level];
      if (first <= end) {
        tables += end - first + 1;
        last[level] = end;
      }
    }
  }

  /** What they take. */
  long bytes() {
    return tables * Libc.PAGE_BYTES;
  }
}
