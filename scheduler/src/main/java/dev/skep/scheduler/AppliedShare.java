package dev.skep.scheduler;

import dev.skep.limits.TenantShare;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.SlotShare;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps one tenant's share of the pool what its limits say.
 *
 * <p>The limits come with every run, so that a change needs no word from elsewhere; nearly always
 * they are those of the run before, and that takes one comparison and no lock.
 *
 * <p>A floor can be more than the pool has left to promise: other floors, and slots that others
 * hold, come first. The tenant then gets the highest floor there is and all the rest of its share,
 * and what is missing is asked for again with its runs, once a second, as others give slots back.
 *
 * <p>Thread-safe.
 */
final class AppliedShare {
  private static final Logger LOG = LoggerFactory.getLogger(AppliedShare.class);

  /** Between two tries for a floor: some 20 steps each, so rare beside the runs. */
  static final long RETRY_NANOS = 1_000_000_000L;

  private final TenantId tenant;
  private final SlotOwner owner;
  private volatile @Nullable TenantShare applied;
  private volatile int missingSlots;
  private volatile long triedNanos;
  private volatile long notPromised;

  AppliedShare(TenantId tenant, SlotOwner owner) {
    this.tenant = tenant;
    this.owner = owner;
  }

  /**
   * Gives the tenant this share from now on.
   *
   * @param nowNanos of {@link System#nanoTime()}, about now
   */
  void apply(TenantShare wanted, long nowNanos) {
    if (!wanted.equals(applied) || isRetryDue(nowNanos)) {
      change(wanted, nowNanos);
    }
  }

  private boolean isRetryDue(long nowNanos) {
    return missingSlots > 0 && nowNanos - triedNanos >= RETRY_NANOS;
  }

  private synchronized void change(TenantShare wanted, long nowNanos) {
    boolean changed = !wanted.equals(applied);
    if (!changed && !isRetryDue(nowNanos)) {
      return;
    }
    triedNanos = nowNanos;
    int promised = promise(wanted);
    missingSlots = wanted.slotFloor() - promised;
    applied = wanted;
    if (changed && missingSlots > 0) {
      notPromised = notPromised + 1;
      LOG.atWarn()
          .addKeyValue("tenant", tenant)
          .addKeyValue("slotFloor", wanted.slotFloor())
          .addKeyValue("promised", promised)
          .log("the pool cannot promise a tenant's floor; it has what could be promised");
    }
  }

  /** Applies a share with the highest floor that the pool can promise, and answers that floor. */
  private int promise(TenantShare wanted) {
    int refused = wanted.slotFloor();
    if (owner.share(slotShare(wanted, refused))) {
      return refused;
    }
    // What was promised before is still there, so this cannot be refused.
    int promised = Math.min(owner.share().floorSlots(), refused);
    owner.share(slotShare(wanted, promised));
    while (refused - promised > 1) {
      int middle = (promised + refused) >>> 1;
      if (owner.share(slotShare(wanted, middle))) {
        promised = middle;
      } else {
        refused = middle;
      }
    }
    return promised;
  }

  private static SlotShare slotShare(TenantShare share, int floor) {
    return new SlotShare(
        floor,
        share.slotCeiling(),
        share.slotWeight(),
        share.liveMemoryBytes(),
        share.liveTableElements());
  }

  /** Slots of its floor, of each class, that the pool has not promised. */
  int missingSlots() {
    return missingSlots;
  }

  /** Changes whose floor could not be promised in full at once. */
  long notPromised() {
    return notPromised;
  }
}
