package dev.skep.scheduler;

/**
 * What the scheduler holds and has done.
 *
 * @param workers threads that run guests
 * @param queued runs waiting
 * @param queueCapacity most that may wait
 * @param running runs executing
 * @param warm idle instances
 * @param warmHits runs that found a warm instance
 * @param warmMisses runs that did not
 * @param warmEvictions warm instances closed because a slot was needed
 */
public record SchedulerStats(
    int workers,
    int queued,
    int queueCapacity,
    int running,
    int warm,
    long warmHits,
    long warmMisses,
    long warmEvictions) {}
