package dev.skep.scheduler;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How much of the workers' time each tenant has had lately, beside the average of those that had
 * some. What was used is halved every {@link #EPOCH_NANOS}; so it forgets within a second.
 *
 * <p>Thread-safe and lock-free. Beside a change of epoch a few additions may be halved or not,
 * which is nothing to who compares shares.
 */
final class WorkShares {
  private static final int EPOCH_SHIFT = 26;

  /** Some 67 ms: longer than any turn, and shorter than anybody's patience. */
  static final long EPOCH_NANOS = 1L << EPOCH_SHIFT;

  /** An amount of time that fades. */
  static class Fading {
    private final AtomicLong nanos = new AtomicLong();
    private final AtomicLong epoch = new AtomicLong();

    /** Answers whether this is the first look at it in this epoch. */
    final boolean fade(long nowNanos) {
      long now = nowNanos >> EPOCH_SHIFT;
      long then = epoch.get();
      if (now == then || !epoch.compareAndSet(then, now)) {
        return false;
      }
      long halvings = Math.min(63, Math.max(0, now - then));
      nanos.updateAndGet(value -> value >> halvings);
      return true;
    }

    final void add(long more) {
      nanos.addAndGet(more);
    }

    final long nanos(long nowNanos) {
      var _ = fade(nowNanos);
      return nanos.get();
    }
  }

  /** One tenant's. */
  static final class Share extends Fading {}

  private final Fading all = new Fading();
  private final AtomicInteger tenants = new AtomicInteger();
  private volatile int tenantsBefore;

  /** Counts time that a tenant has had. */
  void add(Share share, long nanos, long nowNanos) {
    if (all.fade(nowNanos)) {
      tenantsBefore = tenants.getAndSet(0);
    }
    if (share.fade(nowNanos)) {
      tenants.incrementAndGet();
    }
    share.add(nanos);
    all.add(nanos);
  }

  /** Whether a tenant has had more than the average. */
  boolean isAboveAverage(Share share, long nowNanos) {
    int count = Math.max(1, Math.max(tenants.get(), tenantsBefore));
    return share.nanos(nowNanos) > all.nanos(nowNanos) / count;
  }
}
