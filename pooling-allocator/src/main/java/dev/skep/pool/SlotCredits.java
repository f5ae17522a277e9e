package dev.skep.pool;

import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * How many slots of each class are promised to nobody:
 *
 * <pre>
 *   credits = slots − retired − Σ over owners of max(floor, leased)
 * </pre>
 *
 * An owner below its floor leases without a credit, because one was set aside when the floor was
 * given; so a slot is always there for it. The last entry counts instances over all classes in the
 * same way. Negative when slots that were promised have been retired.
 *
 * <p>Thread-safe and lock-free.
 */
final class SlotCredits {
  private final AtomicIntegerArray credits;

  SlotCredits(PoolConfig config) {
    int classes = config.classes().size();
    credits = new AtomicIntegerArray(classes + 1);
    for (int i = 0; i < classes; i++) {
      credits.set(i, config.classes().get(i).slots());
    }
    credits.set(classes, config.instances());
  }

  int classes() {
    return credits.length() - 1;
  }

  /**
   * Takes {@code count} credits of a class, or gives them when negative; false if there are not so
   * many.
   */
  boolean take(int slotClass, int count) {
    while (true) {
      int now = credits.get(slotClass);
      if (count > 0 && now < count) {
        return false;
      }
      if (credits.compareAndSet(slotClass, now, now - count)) {
        return true;
      }
    }
  }

  boolean takeInstances(int count) {
    return take(classes(), count);
  }

  void give(int slotClass, int count) {
    credits.addAndGet(slotClass, count);
  }

  void giveInstances(int count) {
    give(classes(), count);
  }

  /** A slot is gone for good. */
  void retire(int slotClass) {
    credits.decrementAndGet(slotClass);
  }

  /** Credits of a class; negative when promised slots are gone. */
  int of(int slotClass) {
    return credits.get(slotClass);
  }
}
