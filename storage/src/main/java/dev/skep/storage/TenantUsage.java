package dev.skep.storage;

import dev.skep.scheduler.TenantId;

/**
 * What one tenant used in a time.
 *
 * @param tenant who pays
 * @param runs that started in it, 1 or more
 * @param failedRuns those of them that ended otherwise than {@code completed}
 * @param fuel units consumed
 * @param nanoDollars price of all these runs
 * @param durationNanos wall-clock time of the guests, summed
 */
public record TenantUsage(
    TenantId tenant, long runs, long failedRuns, long fuel, long nanoDollars, long durationNanos) {}
