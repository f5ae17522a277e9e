package dev.skep.scheduler;

/**
 * What the scheduler holds and has done.
 *
 * @param workers most guests that execute at once at each level
 * @param queued runs waiting
 * @param queueCapacity most that may wait
 * @param running runs that have begun and not ended
 * @param aside of those, the ones that have given up their worker and wait for their next turn
 * @param yields times a run gave up its worker
 * @param yieldsRefused times a run kept its worker because as many were aside as may
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
    int aside,
    long yields,
    long yieldsRefused,
    int warm,
    long warmHits,
    long warmMisses,
    long warmEvictions) {}
