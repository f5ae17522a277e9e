package dev.skep.pool;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The indexes of the free slots: a lock-free stack in one array, last in first out, because the
 * slot given back last has the warmest page tables.
 *
 * <p>The head packs the index on top (plus one; 0 means empty) with a count of changes, so that a
 * head that was taken and put back meanwhile is not mistaken for the same one (the ABA problem):
 *
 * <pre>
 *   head   63           32 31            0
 *         [    changes    |  index + 1    ]
 * </pre>
 *
 * Thread-safe, never blocks, allocates nothing. Source: Treiber, "Systems Programming: Coping with
 * Parallelism", IBM RJ 5118, 1986.
 */
final class SlotFreeList {
  private final AtomicIntegerArray next;
  private final AtomicLong head = new AtomicLong();

  /** All of {@code slots} free, the lowest on top. */
  SlotFreeList(int slots) {
    next = new AtomicIntegerArray(slots);
    for (int i = slots - 1; i >= 0; i--) {
      push(i);
    }
  }

  /** Takes a free slot's index, or −1 if there is none. */
  int pop() {
    while (true) {
      long h = head.get();
      int top = (int) h;
      if (top == 0) {
        return -1;
      }
      if (head.compareAndSet(h, packed(h, next.get(top - 1)))) {
        return top - 1;
      }
    }
  }

  /** Gives a slot back that was taken from here, once. */
  void push(int slot) {
    while (true) {
      long h = head.get();
      next.set(slot, (int) h);
      if (head.compareAndSet(h, packed(h, slot + 1))) {
        return;
      }
    }
  }

  private static long packed(long before, int top) {
    return (((before >>> 32) + 1) << 32) | (top & 0xFFFF_FFFFL);
  }
}
