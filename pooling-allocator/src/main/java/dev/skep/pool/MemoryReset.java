package dev.skep.pool;

import dev.skep.pool.os.Libc;
import dev.skep.pool.os.PageScan;
import dev.skep.pool.os.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * Returns a memory to its image.
 *
 * <p>Pages that the run has written are restored in place, up to a number besides those of a copied
 * image; the rest is given back to the kernel, which brings the origin of the mapping back: zeroes,
 * or the image where it is mapped. Restoring in place is cheaper by the page faults that the next
 * run does not take, and keeps the pages resident meanwhile; the number bounds that.
 *
 * <pre>
 *  with the page-map scan:     0 ──■■──────■──■■■■──│ walk_end ──────── high water
 *                              written: restored     rest: discarded
 *  without:                    0 ■■■■■■■■■■■■■■■■■■■│ keep ──────────── high water
 *                              all: restored         rest: discarded
 * </pre>
 *
 * What is written is what {@link PageScan} says, there and nowhere else; a page that the scan does
 * not name is as the kernel first gave it. Source: Wasmtime's {@code reset_with_pagemap}, whose
 * predicate leaves out pages that are swapped out; this one does not.
 *
 * <h2>Without a scan</h2>
 *
 * A scan looks at every page of the memory, some 15 ns each. What it found is remembered: those
 * pages stay writable, so as long as the thread that runs the guest takes no page fault, no other
 * page can have been written (see {@link dev.skep.pool.os.ThreadFaults}), and the same pages are
 * restored without asking again. A run that faults, on whatever page, is followed by a scan.
 */
final class MemoryReset {
  /** Whether to ask the kernel for the pages written. */
  private final boolean scanning;

  private final long keepBytes;
  private final SlotKernel kernel;

  MemoryReset(SlotKernel kernel, boolean scanning, long keepBytes) {
    this.kernel = kernel;
    this.scanning = scanning && keepBytes > 0;
    this.keepBytes = keepBytes;
  }

  /** Whether it is of use to know that a run has not faulted. */
  boolean watchesFaults() {
    return scanning;
  }

  /**
   * Resets the memory of {@code highBytes} at {@code base}, the most it has been.
   *
   * @param image what it is to hold, or null for zeroes
   * @param mapped whether the image is what the kernel brings back
   * @param known what the reset before answered, if no page can have been written since but those;
   *     else null
   * @return all pages that are resident and were written, as offsets from {@code base}, from and to
   *     in turn; null if that is not known
   */
  long @Nullable [] reset(
      long base,
      long highBytes,
      @Nullable MemoryImage image,
      boolean mapped,
      long @Nullable [] known,
      ResetFigures figures) {
    if (known != null) {
      for (int i = 0; i < known.length; i += 2) {
        restore(base, known[i], known[i + 1], image);
      }
      return known;
    }
    // A copied image is resident anyway: to discard it would be to copy it again.
    long keep = image == null || mapped ? keepBytes : keepBytes + image.bytes();
    PageScan scan = scanning && highBytes > 0 ? kernel.pageScan() : null;
    long kept;
    if (scan == null) {
      kept = Math.min(keep, highBytes);
      restore(base, 0, kept, image);
    } else {
      kept = scan(scan, base, highBytes, keep, image);
    }
    if (kept == highBytes) {
      return scan == null ? null : found(scan, base);
    }
    kernel.discard(base + kept, highBytes - kept);
    figures.discardedBytes.add(highBytes - kept);
    if (image != null && !mapped) {
      // The kernel has brought zeroes back.
      image.copyTo(base, kept, highBytes);
      return null;
    }
    return scan == null ? null : found(scan, base);
  }

  /** Restores what the kernel says was written and answers up to where it has looked. */
  private static long scan(
      PageScan scan, long base, long highBytes, long keep, @Nullable MemoryImage image) {
    long end = scan.scan(base, base + highBytes, keep / Libc.PAGE_BYTES);
    for (int i = 0; i < scan.found(); i++) {
      restore(base, scan.start(i) - base, scan.end(i) - base, image);
    }
    return end - base;
  }

  private static long[] found(PageScan scan, long base) {
    long[] ranges = new long[2 * scan.found()];
    for (int i = 0; i < scan.found(); i++) {
      ranges[2 * i] = scan.start(i) - base;
      ranges[2 * i + 1] = scan.end(i) - base;
    }
    return ranges;
  }

  private static void restore(long base, long from, long to, @Nullable MemoryImage image) {
    if (image != null) {
      image.restore(base, from, to);
    } else if (from < to) {
      RawMemory.fill(base + from, to - from, (byte) 0);
    }
  }
}
