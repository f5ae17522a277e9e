package dev.skep.pool;

/**
 * What the pool holds and has done.
 *
 * @param slots in the slab
 * @param leased slots out on a lease, running or idle
 * @param free slots that can be taken
 * @param retired slots that could not be cleared and are never used again
 * @param taken leases given out since start
 * @param refused takes refused because no slot was free
 * @param resets slots returned to their image since start
 * @param closed leases given back since start
 * @param reservedBytes address space of the slab
 */
public record PoolStats(
    int slots,
    int leased,
    int free,
    int retired,
    long taken,
    long refused,
    long resets,
    long closed,
    long reservedBytes) {}
