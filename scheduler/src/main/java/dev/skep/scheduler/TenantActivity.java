package dev.skep.scheduler;

/**
 * What a tenant has done on this node since start.
 *
 * @param tenant who
 * @param queued runs waiting now
 * @param running runs executing now
 * @param runs ended
 * @param failed of those, not completed
 * @param refused not admitted
 * @param fuel consumed
 * @param nanoDollars owed for it
 */
public record TenantActivity(
    TenantId tenant,
    int queued,
    int running,
    long runs,
    long failed,
    long refused,
    long fuel,
    long nanoDollars) {}
