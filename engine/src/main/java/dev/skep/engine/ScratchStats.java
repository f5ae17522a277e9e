package dev.skep.engine;

/**
 * Scratch space on a node.
 *
 * @param usedBytes heap that runs take now
 * @param refusedOfTenant times that a run was refused more because its tenant had its part, since
 *     start
 * @param refusedInAll times because all of the node's was taken
 */
public record ScratchStats(long usedBytes, long refusedOfTenant, long refusedInAll) {}
