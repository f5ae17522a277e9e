package dev.skep.engine;

/**
 * What the engine has done since start.
 *
 * @param checked modules checked, whatever came of it
 * @param checkCpuNanos CPU time it took, nanoseconds; of checks that were given up too, as soon as
 *     they end
 * @param compiled modules compiled
 * @param compileNanos time it took, nanoseconds
 * @param refused uploads refused
 * @param interpretedFunctions functions too large for a JVM method, over all compiled modules
 */
public record EngineStats(
    long checked,
    long checkCpuNanos,
    long compiled,
    long compileNanos,
    long refused,
    long interpretedFunctions) {}
