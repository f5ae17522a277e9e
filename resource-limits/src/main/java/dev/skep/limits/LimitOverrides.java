package dev.skep.limits;

import org.jspecify.annotations.Nullable;

/**
 * Limits that a tenant or a function sets differently; a null leaves what stands. A function's
 * overrides may lower its tenant's limits and never raise them: see {@link #within}.
 *
 * @param fuel units of fuel a run, or null
 * @param memoryBytes bytes over all memories, or null
 * @param tableElements elements over all tables, or null
 * @param callDepth nested calls, or null
 * @param deadlineNanos wall-clock nanoseconds, or null
 */
public record LimitOverrides(
    @Nullable Long fuel,
    @Nullable Long memoryBytes,
    @Nullable Long tableElements,
    @Nullable Integer callDepth,
    @Nullable Long deadlineNanos) {

  public static final LimitOverrides NONE = new LimitOverrides(null, null, null, null, null);

  public LimitOverrides {
    if (fuel != null) {
      StoreLimits.check("fuel", fuel, 0, StoreLimits.MAX_FUEL);
    }
    if (memoryBytes != null) {
      StoreLimits.check("memoryBytes", memoryBytes, 0, 1L << 32);
    }
    if (tableElements != null) {
      StoreLimits.check("tableElements", tableElements, 0, 10_000_000);
    }
    if (callDepth != null) {
      StoreLimits.check("callDepth", callDepth, 1, StoreLimits.MAX_CALL_DEPTH);
    }
    if (deadlineNanos != null) {
      StoreLimits.check("deadlineNanos", deadlineNanos, 1, StoreLimits.MAX_DEADLINE_NANOS);
    }
  }

  /** The limits that hold where these are set over {@code base}; for an operator's overrides. */
  public StoreLimits over(StoreLimits base) {
    return new StoreLimits(
        fuel != null ? fuel : base.fuel(),
        memoryBytes != null ? memoryBytes : base.memoryBytes(),
        tableElements != null ? tableElements : base.tableElements(),
        base.instances(),
        callDepth != null ? callDepth : base.callDepth(),
        deadlineNanos != null ? deadlineNanos : base.deadlineNanos());
  }

  /** As {@link #over}, but no limit above {@code ceiling}'s; for a tenant's own overrides. */
  public StoreLimits within(StoreLimits ceiling) {
    StoreLimits asked = over(ceiling);
    return new StoreLimits(
        Math.min(asked.fuel(), ceiling.fuel()),
        Math.min(asked.memoryBytes(), ceiling.memoryBytes()),
        Math.min(asked.tableElements(), ceiling.tableElements()),
        ceiling.instances(),
        Math.min(asked.callDepth(), ceiling.callDepth()),
        Math.min(asked.deadlineNanos(), ceiling.deadlineNanos()));
  }
}
