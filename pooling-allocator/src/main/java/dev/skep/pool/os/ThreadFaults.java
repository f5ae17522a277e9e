package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Counts the page faults that a thread has taken (getrusage(2), {@code RUSAGE_THREAD}).
 *
 * <p>A page that a thread writes for the first time faults, and so does one that was swapped out,
 * write-protected or only read before; a thread whose count has not changed has written no page
 * that was not its own and writable already.
 */
public final class ThreadFaults {
  private static final int RUSAGE_THREAD = 1;

  /** {@code struct rusage}: two timevals, then fourteen longs. */
  private static final long RUSAGE_BYTES = 144;

  private static final long MINOR = 64;
  private static final long MAJOR = 72;

  private static final MethodHandle GETRUSAGE =
      Libc.handle(
          "getrusage",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));

  private static final ThreadLocal<MemorySegment> BUFFER =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(RUSAGE_BYTES, 8));

  private static final boolean SUPPORTED = works();

  private ThreadFaults() {}

  /** Tries it: some sandboxes count nothing. */
  private static boolean works() {
    long before = read();
    long page = Libc.mapPrivate(Libc.PAGE_BYTES);
    try {
      RawMemory.putByte(page, (byte) 1);
      return before >= 0 && read() > before;
    } finally {
      Libc.unmap(page, Libc.PAGE_BYTES);
    }
  }

  /** Whether this system counts. */
  public static boolean isSupported() {
    return SUPPORTED;
  }

  /** Faults of the calling thread since it began, or −1 if the system does not say. */
  public static long count() {
    return SUPPORTED ? read() : -1;
  }

  private static long read() {
    MemorySegment buffer = BUFFER.get();
    try {
      int result = (int) GETRUSAGE.invokeExact(Libc.state(), RUSAGE_THREAD, buffer.address());
      return result < 0
          ? -1
          : buffer.get(ValueLayout.JAVA_LONG, MINOR) + buffer.get(ValueLayout.JAVA_LONG, MAJOR);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }
}
