package dev.skep.scheduler;

/**
 * How the pool keeps the tenants' floors.
 *
 * @param notPromised changes of a share since start whose floor could not be promised in full
 * @param missingSlots slots of floors, of each class, that are not promised now
 */
public record FloorStats(long notPromised, long missingSlots) {}
