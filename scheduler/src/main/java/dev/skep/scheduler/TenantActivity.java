package dev.skep.scheduler;

/**
 * What a tenant has done on this node since start.
 *
 * @param tenant who
 * @param queued runs waiting now
 * @param running runs that have begun and not ended
 * @param aside of those, the ones that wait for their next turn
 * @param yields times a run of its gave up its worker
 * @param runs ended
 * @param failed of those, not completed
 * @param refused not admitted
 * @param fuel consumed
 * @param nanoDollars owed for it
 * @param slots leased now, running and warm
 * @param liveBytes linear memory of its running stores
 * @param liveElements table elements of its running stores
 * @param evictionsCaused warm instances closed because it needed a slot
 * @param evictionsSuffered warm instances of its own closed because somebody needed a slot
 */
public record TenantActivity(
    TenantId tenant,
    int queued,
    int running,
    int aside,
    long yields,
    long runs,
    long failed,
    long refused,
    long fuel,
    long nanoDollars,
    int slots,
    long liveBytes,
    long liveElements,
    long evictionsCaused,
    long evictionsSuffered) {}
