package dev.skep.pool;

/**
 * The slots of one class.
 *
 * @param memoryBytes what each holds
 * @param slots in all
 * @param leased out on a lease, running or idle
 * @param cold free and zero
 * @param warm free, and holding the images of a module
 * @param pending waiting to be given back to the kernel with others; a take makes them cold
 * @param retired never used again, because they could not be cleared
 * @param unpromised slots that are neither leased nor kept for somebody's floor
 * @param affinityHits takes that found a slot with the module's images
 * @param affinityMisses takes that did not
 * @param affinityEvictions warm slots that had to be cleared, for others or because too many were
 *     warm
 */
public record ClassStats(
    long memoryBytes,
    int slots,
    int leased,
    int cold,
    int warm,
    int pending,
    int retired,
    int unpromised,
    long affinityHits,
    long affinityMisses,
    long affinityEvictions) {}
