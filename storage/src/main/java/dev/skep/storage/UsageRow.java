package dev.skep.storage;

import dev.skep.scheduler.FunctionName;

/**
 * What one function used in one hour.
 *
 * @param function what ran
 * @param hourEpochMillis when the hour began, milliseconds since 1970
 * @param runs that started in the hour, 0 or more
 * @param failedRuns those of them that ended otherwise than {@code completed}
 * @param fuel units consumed by the runs
 * @param nanoDollars price of all these runs
 * @param durationNanos wall-clock time of the guests, summed
 * @param compiles versions charged for compiling
 * @param compileFuel units charged for that, not among {@code fuel}
 * @param compileNanoDollars price of that, not within {@code nanoDollars}
 * @param tier2Runs of the runs, those on tier 2
 */
public record UsageRow(
    FunctionName function,
    long hourEpochMillis,
    long runs,
    long failedRuns,
    long fuel,
    long nanoDollars,
    long durationNanos,
    long compiles,
    long compileFuel,
    long compileNanoDollars,
    long tier2Runs) {

  /** With all runs on tier 1. */
  public UsageRow(
      FunctionName function,
      long hourEpochMillis,
      long runs,
      long failedRuns,
      long fuel,
      long nanoDollars,
      long durationNanos,
      long compiles,
      long compileFuel,
      long compileNanoDollars) {
    this(
        function,
        hourEpochMillis,
        runs,
        failedRuns,
        fuel,
        nanoDollars,
        durationNanos,
        compiles,
        compileFuel,
        compileNanoDollars,
        0);
  }
}
