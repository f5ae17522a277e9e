package dev.skep.pool;

/**
 * Machine code mapped in a process.
 *
 * @param mappings there are now
 * @param bytes of them, whole pages
 * @param mostBytes that there may be
 * @param leases of those who run it, now
 * @param mapped mappings made since the start
 * @param refused mappings refused, by the bound or by the kernel
 */
public record CodeStats(
    int mappings, long bytes, long mostBytes, long leases, long mapped, long refused) {}
