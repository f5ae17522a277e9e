package dev.skep.scheduler;

import dev.skep.limits.PriceTable;

/**
 * Bounds of the scheduler.
 *
 * @param workers most guests that execute at once in their first turn, and as many that have had
 *     it; 1 to 1,024; guests never block, so one a core
 * @param turnNanos how long a run keeps its worker while others wait, 1 to an hour; it is looked at
 *     when a slice of fuel has been used up, every 0.1 ms in compiled code
 * @param queueCapacity most runs waiting over all tenants, 1 to 1,000,000
 * @param compileQueueCapacity most modules waiting to be compiled, 1 to 100,000
 * @param compilesPerTenant of those, most of one tenant's, 1 to 100,000
 * @param codeCacheBytes most bytes of generated classes kept for modules without instances
 * @param prices what runs cost
 */
public record SchedulerConfig(
    int workers,
    long turnNanos,
    int queueCapacity,
    int compileQueueCapacity,
    int compilesPerTenant,
    long codeCacheBytes,
    PriceTable prices) {

  public static final SchedulerConfig DEFAULTS =
      new SchedulerConfig(
          Math.max(1, Runtime.getRuntime().availableProcessors()),
          // Some fifty times what handing a worker over costs, and what a caller over HTTP does not
          // notice.
          1_000_000,
          // Two seconds of work at half a millisecond each.
          4_096,
          1_024,
          // An eighth: eight tenants have to flood the queue before a ninth is refused.
          128,
          512L << 20,
          PriceTable.DEFAULTS);

  public SchedulerConfig {
    check("workers", workers, 1, 1_024);
    check("turnNanos", turnNanos, 1, 3_600_000_000_000L);
    check("queueCapacity", queueCapacity, 1, 1_000_000);
    check("compileQueueCapacity", compileQueueCapacity, 1, 100_000);
    check("compilesPerTenant", compilesPerTenant, 1, 100_000);
    check("codeCacheBytes", codeCacheBytes, 1 << 20, 1L << 40);
  }

  private static void check(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + min + " to " + max);
    }
  }

  public SchedulerConfig withWorkers(int value) {
    return new SchedulerConfig(
        value,
        turnNanos,
        queueCapacity,
        compileQueueCapacity,
        compilesPerTenant,
        codeCacheBytes,
        prices);
  }

  public SchedulerConfig withTurnNanos(long value) {
    return new SchedulerConfig(
        workers,
        value,
        queueCapacity,
        compileQueueCapacity,
        compilesPerTenant,
        codeCacheBytes,
        prices);
  }

  public SchedulerConfig withQueueCapacity(int value) {
    return new SchedulerConfig(
        workers, turnNanos, value, compileQueueCapacity, compilesPerTenant, codeCacheBytes, prices);
  }
}
