package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * Discards many ranges in one call (process_madvise(2) on the process itself, Linux 6.13 and up):
 * the processors are told once that translations have changed, not once a range.
 *
 * <p>Not thread-safe: it holds the buffer of the call.
 */
public final class BatchedDiscard {
  private static final int MADV_DONTNEED = 4;

  private static final @Nullable MethodHandle PROCESS_MADVISE = optional();

  /** A descriptor of this process, or −1. */
  private static final int SELF = PROCESS_MADVISE == null ? -1 : self();

  private static final boolean SUPPORTED = SELF >= 0 && works();

  private final MemorySegment vector;

  /**
   * @param mostRanges of one call, 1 to 1,024
   */
  public BatchedDiscard(int mostRanges) {
    vector = Arena.ofAuto().allocate(16L * mostRanges, 8);
  }

  private static @Nullable MethodHandle optional() {
    try {
      return Libc.handle(
          "process_madvise",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT));
    } catch (RuntimeException e) {
      return null; // An older C library.
    }
  }

  private static int self() {
    try {
      MethodHandle open =
          Libc.handle(
              "pidfd_open",
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      return (int) open.invokeExact(Libc.state(), (int) ProcessHandle.current().pid(), 0);
    } catch (Throwable e) {
      return -1; // An older C library: ranges are discarded one by one.
    }
  }

  /** Tries it: older kernels refuse this advice through this call. */
  private static boolean works() {
    long page = Libc.mapPrivate(Libc.PAGE_BYTES);
    try {
      RawMemory.putByte(page, (byte) 1);
      BatchedDiscard one = new BatchedDiscard(1);
      return one.call(new long[] {page}, new long[] {Libc.PAGE_BYTES}, 1) == Libc.PAGE_BYTES
          && RawMemory.getByte(page) == 0;
    } finally {
      Libc.unmap(page, Libc.PAGE_BYTES);
    }
  }

  /** Whether this kernel can. */
  public static boolean isSupported() {
    return SUPPORTED;
  }

  /**
   * Discards the first {@code count} ranges.
   *
   * @return how many are surely discarded, from the first; {@code count} unless the kernel refused
   */
  public int discard(long[] addresses, long[] lengths, int count) {
    if (!SUPPORTED) {
      return 0;
    }
    long bytes = call(addresses, lengths, count);
    int done = 0;
    while (done < count && bytes >= lengths[done]) {
      bytes -= lengths[done++];
    }
    return done;
  }

  private long call(long[] addresses, long[] lengths, int count) {
    for (int i = 0; i < count; i++) {
      vector.setAtIndex(ValueLayout.JAVA_LONG, 2L * i, addresses[i]);
      vector.setAtIndex(ValueLayout.JAVA_LONG, 2L * i + 1, lengths[i]);
    }
    if (PROCESS_MADVISE == null) {
      return -1;
    }
    try {
      return (long)
          PROCESS_MADVISE.invokeExact(
              Libc.state(), SELF, vector.address(), (long) count, MADV_DONTNEED, 0);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }
}
