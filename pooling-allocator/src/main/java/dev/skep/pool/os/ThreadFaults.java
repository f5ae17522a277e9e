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

  /** Where the kernel writes, and what it last said. */
  private static final class Count {
    private final MemorySegment buffer = Arena.ofAuto().allocate(RUSAGE_BYTES, 8);
    private long latest = -1;
  }

  private static final ThreadLocal<Count> COUNT = ThreadLocal.withInitial(Count::new);

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

  /**
   * What {@link #count} last answered to the calling thread, or answers now if it has not been
   * asked. If the next count is still the same, the thread has taken no fault since: not since
   * then, and so not since now. It saves a call of the kernel, during which threads of a process
   * wait for each other.
   */
  public static long latest() {
    long latest = SUPPORTED ? COUNT.get().latest : -1;
    return latest >= 0 ? latest : count();
  }

  private static long read() {
    Count count = COUNT.get();
    MemorySegment buffer = count.buffer;
    try {
      int result = (int) GETRUSAGE.invokeExact(Libc.state(), RUSAGE_THREAD, buffer.address());
      count.latest =
          result < 0
              ? -1
              : buffer.get(ValueLayout.JAVA_LONG, MINOR) + buffer.get(ValueLayout.JAVA_LONG, MAJOR);
      return count.latest;
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }
}
