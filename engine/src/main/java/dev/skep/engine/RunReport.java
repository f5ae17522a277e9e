package dev.skep.engine;

/**
 * What a run did and used.
 *
 * @param result how it ended
 * @param fuel units consumed
 * @param memoryPeakBytes most linear memory held at once
 * @param durationNanos wall-clock time of the guest
 * @param stderr what a command wrote there, cut at the engine's bound; empty otherwise
 */
public record RunReport(
    RunResult result, long fuel, long memoryPeakBytes, long durationNanos, byte[] stderr) {}
