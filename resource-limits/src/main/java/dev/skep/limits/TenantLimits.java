package dev.skep.limits;

/**
 * What a tenant may hold and have under way on one node, over all its functions. Immutable.
 *
 * @param concurrency most runs executing at once, 1 to 1,024
 * @param queueDepth most runs waiting, 0 to 100,000; one more is refused with {@code 429}
 * @param functions most functions stored, 1 to 1,000,000
 * @param share its part of the slots, and what its running stores may hold together
 * @param overrides what its stores may use beyond or below the defaults
 */
public record TenantLimits(
    int concurrency, int queueDepth, int functions, TenantShare share, LimitOverrides overrides) {

  public static final TenantLimits DEFAULTS =
      new TenantLimits(
          // One tenant may fill a small node when nobody else wants it; fairness is the queue's.
          16,
          // At 1 ms a run, about a second of waiting.
          1_024,
          1_000,
          TenantShare.DEFAULTS,
          LimitOverrides.NONE);

  public TenantLimits {
    StoreLimits.check("concurrency", concurrency, 1, 1_024);
    StoreLimits.check("queueDepth", queueDepth, 0, 100_000);
    StoreLimits.check("functions", functions, 1, 1_000_000);
  }

  /** With the default share. */
  public TenantLimits(int concurrency, int queueDepth, int functions, LimitOverrides overrides) {
    this(concurrency, queueDepth, functions, TenantShare.DEFAULTS, overrides);
  }

  public TenantLimits withShare(TenantShare value) {
    return new TenantLimits(concurrency, queueDepth, functions, value, overrides);
  }
}
