package dev.skep.pool;

import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Somebody whose slots are counted together, a tenant for instance; the pool knows no more of it.
 *
 * <p>Thread-safe. Leasing and giving back take the owner's own lock for some nanoseconds; what
 * running stores do (growth, {@link SlotLease#open}, {@link SlotLease#reset}) takes none.
 */
public final class SlotOwner {
  private final SlotCredits credits;
  private final AtomicLong liveBytes = new AtomicLong();
  private final AtomicLong liveElements = new AtomicLong();
  private final int[] leased;
  private volatile int total;
  private volatile SlotShare share = SlotShare.ANY;

  SlotOwner(SlotCredits credits) {
    this.credits = credits;
    this.leased = new int[credits.classes()];
  }

  public SlotShare share() {
    return share;
  }

  /**
   * Changes what this owner is sure of and may have. What it holds beyond a lower ceiling it keeps
   * until it gives it back.
   *
   * @return whether it was changed; not if the floor is more than the pool has left to promise
   */
  public synchronized boolean share(SlotShare value) {
    if (value.equals(share)) {
      return true;
    }
    for (int i = 0; i < leased.length; i++) {
      int more = Math.max(value.floorSlots(), leased[i]) - Math.max(share.floorSlots(), leased[i]);
      if (!credits.take(i, more)) {
        while (--i >= 0) {
          credits.give(
              i, Math.max(value.floorSlots(), leased[i]) - Math.max(share.floorSlots(), leased[i]));
        }
        return false;
      }
    }
    int more = Math.max(value.floorSlots(), total) - Math.max(share.floorSlots(), total);
    if (!credits.takeInstances(more)) {
      for (int i = 0; i < leased.length; i++) {
        credits.give(
            i, Math.max(value.floorSlots(), leased[i]) - Math.max(share.floorSlots(), leased[i]));
      }
      return false;
    }
    share = value;
    return true;
  }

  /** Slots leased now, over all classes. */
  public int leased() {
    return total;
  }

  /** Linear memory of its stores that run, in bytes. */
  public long liveBytes() {
    return liveBytes.get();
  }

  /** Table elements of its stores that run. */
  public long liveElements() {
    return liveElements.get();
  }

  /**
   * Whether it holds more slots of a class than it is sure of, so that one can be taken from it.
   */
  public synchronized boolean isAboveFloor(int slotClass) {
    return leased[slotClass] > share.floorSlots();
  }

  /** Counts a slot of a class as leased, unless that is too many or another's for sure. */
  synchronized TakeRefused.@Nullable Reason lease(int slotClass) {
    if (total >= share.ceilingSlots()) {
      return TakeRefused.Reason.CEILING;
    }
    boolean slot = leased[slotClass] < share.floorSlots();
    if (!slot && !credits.take(slotClass, 1)) {
      return TakeRefused.Reason.NO_SLOT;
    }
    if (total >= share.floorSlots() && !credits.takeInstances(1)) {
      if (!slot) {
        credits.give(slotClass, 1);
      }
      return TakeRefused.Reason.NO_INSTANCE;
    }
    leased[slotClass]++;
    total = total + 1;
    return null;
  }

  synchronized void giveBack(int slotClass) {
    leave(slotClass);
    total = total - 1;
    if (total >= share.floorSlots()) {
      credits.giveInstances(1);
    }
  }

  /** Counts a slot that a store of this owner moves into, besides the one it leaves. */
  synchronized boolean enter(int slotClass) {
    if (leased[slotClass] >= share.floorSlots() && !credits.take(slotClass, 1)) {
      return false;
    }
    leased[slotClass]++;
    return true;
  }

  /** Counts off a slot that a store has left for another. */
  synchronized void leave(int slotClass) {
    leased[slotClass]--;
    if (leased[slotClass] >= share.floorSlots()) {
      credits.give(slotClass, 1);
    }
  }

  boolean reserveBytes(long bytes) {
    return reserve(liveBytes, bytes, share.memoryBytes());
  }

  boolean reserveElements(long count) {
    return reserve(liveElements, count, share.tableElements());
  }

  void release(long bytes, long elements) {
    // All of a tenant's workers meet here.
    if (bytes > 0) {
      liveBytes.addAndGet(-bytes);
    }
    if (elements > 0) {
      liveElements.addAndGet(-elements);
    }
  }

  private static boolean reserve(AtomicLong live, long more, long limit) {
    if (more == 0) {
      return true;
    }
    // Added first and taken back: two that race may both be refused, but never both let in.
    if (live.addAndGet(more) > limit) {
      live.addAndGet(-more);
      return false;
    }
    return true;
  }
}
