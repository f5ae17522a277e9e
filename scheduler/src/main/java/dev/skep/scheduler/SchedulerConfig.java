package dev.skep.scheduler;

import dev.skep.limits.PriceTable;

/**
 * Bounds of the scheduler.
 *
 * @param workers threads that run guests, 1 to 1,024; guests never block, so one a core
 * @param queueCapacity most runs waiting over all tenants, 1 to 1,000,000
 * @param compileQueueCapacity most modules waiting to be compiled, 1 to 100,000
 * @param codeCacheBytes most bytes of generated classes kept for modules without instances
 * @param prices what runs cost
 */
public record SchedulerConfig(
    int workers,
    int queueCapacity,
    int compileQueueCapacity,
    long codeCacheBytes,
    PriceTable prices) {

  public static final SchedulerConfig DEFAULTS =
      new SchedulerConfig(
          Math.max(1, Runtime.getRuntime().availableProcessors()),
          // Two seconds of work at half a millisecond each.
          4_096,
          1_024,
          512L << 20,
          PriceTable.DEFAULTS);

  public SchedulerConfig {
    check("workers", workers, 1, 1_024);
    check("queueCapacity", queueCapacity, 1, 1_000_000);
    check("compileQueueCapacity", compileQueueCapacity, 1, 100_000);
    check("codeCacheBytes", codeCacheBytes, 1 << 20, 1L << 40);
  }

  private static void check(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + min + " to " + max);
    }
  }

  public SchedulerConfig withWorkers(int value) {
    return new SchedulerConfig(value, queueCapacity, compileQueueCapacity, codeCacheBytes, prices);
  }

  public SchedulerConfig withQueueCapacity(int value) {
    return new SchedulerConfig(workers, value, compileQueueCapacity, codeCacheBytes, prices);
  }
}
