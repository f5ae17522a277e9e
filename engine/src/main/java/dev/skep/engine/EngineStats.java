package dev.skep.engine;

/**
 * What the engine has done since start.
 *
 * @param compiled modules compiled
 * @param compileNanos time it took, nanoseconds
 * @param refused uploads refused
 * @param interpretedFunctions functions too large for a JVM method, over all compiled modules
 */
public record EngineStats(
    long compiled, long compileNanos, long refused, long interpretedFunctions) {}
