package dev.skep.loadtest.hostile;

import dev.skep.limits.StoreLimits;

/**
 * The limits that a kind runs under. Small, so that the corpus is quick; each leaves one limit to
 * be the first that is reached.
 */
public enum Regime {
  /** A small tenant's: fuel ends first, after a millisecond or so. */
  SMALL(1_000_000, 64, 1_000, 1_000, 60_000),

  /** Fuel without end: the deadline ends it. */
  DEADLINE(StoreLimits.MAX_FUEL, 64, 1_000, 1_000, 20),

  /** Fuel and memory for all that can be asked of them: bounds decide, and not the meter. */
  RICH(1_000_000_000_000L, 1_024, 20_000, 8_192, 60_000),

  /** The deepest calls there are. */
  DEEP(1_000_000_000_000L, 64, 1_000, StoreLimits.MAX_CALL_DEPTH, 60_000);

  private static final long PAGE_BYTES = 65_536;
  private static final long NANOS_PER_MILLI = 1_000_000;

  private final long fuel;
  private final long pages;
  private final long tableElements;
  private final int callDepth;
  private final long deadlineMillis;

  Regime(long fuel, long pages, long tableElements, int callDepth, long deadlineMillis) {
    this.fuel = fuel;
    this.pages = pages;
    this.tableElements = tableElements;
    this.callDepth = callDepth;
    this.deadlineMillis = deadlineMillis;
  }

  public StoreLimits limits() {
    return new StoreLimits(
        fuel, pages * PAGE_BYTES, tableElements, 1, callDepth, deadlineMillis * NANOS_PER_MILLI);
  }
}
