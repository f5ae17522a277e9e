package dev.skep.limits;

/**
 * What one store may use up. Immutable; every limit holds over the whole run.
 *
 * @param fuel most units of fuel, 0 to {@link #MAX_FUEL}
 * @param memoryBytes most bytes of linear memory over all memories of the store, 0 to 4 GiB; growth
 *     past it answers the guest −1
 * @param tableElements most elements over all tables of the store, 0 to 10,000,000; growth past it
 *     answers the guest −1
 * @param instances most instances in the store, 1 to 64 (one today: modules cannot instantiate)
 * @param callDepth most nested calls, 1 to {@link #MAX_CALL_DEPTH}; a call counts one, and one more
 *     for every 16 words of locals and operands, because that is what it takes of the host's stack
 * @param deadlineNanos most wall-clock nanoseconds from when the guest starts to run, 1 to {@link
 *     #MAX_DEADLINE_NANOS}; time in a queue does not count, nor does time for which a long run is
 *     put aside so that others have their turn
 */
public record StoreLimits(
    long fuel,
    long memoryBytes,
    long tableElements,
    int instances,
    int callDepth,
    long deadlineNanos) {

  /** Keeps the sum of a month's fuel over all tenants within a long. */
  public static final long MAX_FUEL = 1_000_000_000_000_000L;

  /** What a worker's stack of {@link #STACK_BYTES_PER_CALL} bytes a unit can hold. */
  public static final int MAX_CALL_DEPTH = 65_536;

  /** An hour: longer work belongs in several runs. */
  public static final long MAX_DEADLINE_NANOS = 3_600_000_000_000L;

  /**
   * Host stack that one unit of call depth may take: an interpreted JVM frame is some 12 words of
   * its own plus locals and operands (16 words a unit), rounded up generously.
   */
  public static final int STACK_BYTES_PER_CALL = 512;

  /** The one place of the defaults. */
  public static final StoreLimits DEFAULTS =
      new StoreLimits(
          // About one second on one core; a 2 KB JSON transform takes some 60,000.
          1_000_000_000L,
          // Enough for what wasi-libc programs and compilers to Wasm ask at start.
          64L << 20,
          // A large C++ program has some 2,000 indirect functions; Wasmtime's default.
          20_000,
          1,
          // Wasmtime's default stack of 512 KiB holds about as many small frames.
          8_192,
          10_000_000_000L);

  public StoreLimits {
    check("fuel", fuel, 0, MAX_FUEL);
    check("memoryBytes", memoryBytes, 0, 1L << 32);
    check("tableElements", tableElements, 0, 10_000_000);
    check("instances", instances, 1, 64);
    check("callDepth", callDepth, 1, MAX_CALL_DEPTH);
    check("deadlineNanos", deadlineNanos, 1, MAX_DEADLINE_NANOS);
  }

  static void check(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + min + " to " + max);
    }
  }

  public StoreLimits withFuel(long value) {
    return new StoreLimits(value, memoryBytes, tableElements, instances, callDepth, deadlineNanos);
  }

  public StoreLimits withMemoryBytes(long value) {
    return new StoreLimits(fuel, value, tableElements, instances, callDepth, deadlineNanos);
  }

  public StoreLimits withTableElements(long value) {
    return new StoreLimits(fuel, memoryBytes, value, instances, callDepth, deadlineNanos);
  }

  public StoreLimits withCallDepth(int value) {
    return new StoreLimits(fuel, memoryBytes, tableElements, instances, value, deadlineNanos);
  }

  public StoreLimits withDeadlineNanos(long value) {
    return new StoreLimits(fuel, memoryBytes, tableElements, instances, callDepth, value);
  }
}
