package dev.skep.scheduler;

/**
 * What compiling to machine code holds and has done on this node.
 *
 * @param queued versions that wait
 * @param compiling modules being compiled
 * @param compiled modules compiled
 * @param unsupported modules that use what is not translated
 * @param failed modules that did not work out
 * @param lost compiles whose result was not kept: another node had taken over, or the module had
 *     gone
 * @param takenOver compiles begun after a node had not finished the same
 * @param compileNanos wall-clock time of all compiles
 * @param refusedOfTenant asks refused because the tenant had as many waiting as it may
 * @param refusedInAll asks refused because the node had
 * @param refusedArtifacts artifacts that were loaded and not run, because they were not whole
 */
public record NativeStats(
    int queued,
    int compiling,
    long compiled,
    long unsupported,
    long failed,
    long lost,
    long takenOver,
    long compileNanos,
    long refusedOfTenant,
    long refusedInAll,
    long refusedArtifacts) {}
