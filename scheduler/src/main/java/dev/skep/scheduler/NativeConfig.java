package dev.skep.scheduler;

import java.time.Duration;

/**
 * Bounds of compiling to machine code.
 *
 * @param compilers threads that compile, 0 to 64; with 0 the node stays on tier 1
 * @param queueCapacity most versions waiting, 1 to 100,000
 * @param perTenant of those, most of one tenant's, 1 to 100,000
 * @param afterRuns runs on tier 1, of a version on this node, after which it is queued; from 1
 * @param afterFuel fuel of those runs after which it is queued, if that comes first; from 1
 * @param budget CPU time that compiling a module may take besides what its size allows
 * @param budgetNanosPerByte CPU time that each byte of the module allows on top
 * @param mostBudget CPU time that no module may exceed
 * @param lease how long a node has a module to itself without a sign of life, 1 s to an hour
 */
public record NativeConfig(
    int compilers,
    int queueCapacity,
    int perTenant,
    long afterRuns,
    long afterFuel,
    Duration budget,
    long budgetNanosPerByte,
    Duration mostBudget,
    Duration lease) {

  public static final NativeConfig DEFAULTS =
      new NativeConfig(
          // A compiler keeps a core busy for seconds; guests have the others.
          1,
          1_024,
          // An eighth, as of the queue of tier 1.
          128,
          // Compiling 10 KB takes some 0.3 s of a core. Ten runs say that a function is in use; a
          // function that is called once a month never gets there, and needs no machine code.
          10,
          // A second of a core: whoever spends that in fewer runs saves more than compiling costs.
          1_000_000_000,
          Duration.ofSeconds(20),
          // 5 KB a second, a sixth of what compiling reaches.
          200_000,
          Duration.ofMinutes(10),
          // Renewed at every third of it; a node that has died is noticed after a minute.
          Duration.ofMinutes(1));

  public NativeConfig {
    check("compilers", compilers, 0, 64);
    check("queueCapacity", queueCapacity, 1, 100_000);
    check("perTenant", perTenant, 1, 100_000);
    check("afterRuns", afterRuns, 1, Long.MAX_VALUE);
    check("afterFuel", afterFuel, 1, Long.MAX_VALUE);
    check("budget in ms", budget.toMillis(), 1, 3_600_000);
    check("budgetNanosPerByte", budgetNanosPerByte, 0, 1_000_000_000);
    check("mostBudget in ms", mostBudget.toMillis(), 1, 24 * 3_600_000);
    check("lease in ms", lease.toMillis(), 1_000, 3_600_000);
  }

  public NativeConfig withCompilers(int value) {
    return new NativeConfig(
        value,
        queueCapacity,
        perTenant,
        afterRuns,
        afterFuel,
        budget,
        budgetNanosPerByte,
        mostBudget,
        lease);
  }

  public NativeConfig withDemand(long runs, long fuel) {
    return new NativeConfig(
        compilers,
        queueCapacity,
        perTenant,
        runs,
        fuel,
        budget,
        budgetNanosPerByte,
        mostBudget,
        lease);
  }

  public NativeConfig withLease(Duration value) {
    return new NativeConfig(
        compilers,
        queueCapacity,
        perTenant,
        afterRuns,
        afterFuel,
        budget,
        budgetNanosPerByte,
        mostBudget,
        value);
  }

  private static void check(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + min + " to " + max);
    }
  }

  /** CPU time that a module of this size may take to compile. */
  public Duration budgetOf(int moduleBytes) {
    Duration wanted = budget.plusNanos(moduleBytes * budgetNanosPerByte);
    return wanted.compareTo(mostBudget) < 0 ? wanted : mostBudget;
  }
}
