package dev.skep.engine;

import java.util.List;

/**
 * What a run did and used.
 *
 * @param result how it ended
 * @param fuel units consumed
 * @param memoryPeakBytes most linear memory held at once
 * @param durationNanos wall-clock time of the guest
 * @param stderr what the guest wrote there, cut at the engine's bound
 * @param refused what it asked for and was not granted
 */
public record RunReport(
    RunResult result,
    long fuel,
    long memoryPeakBytes,
    long durationNanos,
    byte[] stderr,
    List<RefusedCall> refused) {

  /** Of a run that was refused nothing. */
  public RunReport(
      RunResult result, long fuel, long memoryPeakBytes, long durationNanos, byte[] stderr) {
    this(result, fuel, memoryPeakBytes, durationNanos, stderr, List.of());
  }
}
