package dev.skep.scheduler;

import dev.skep.engine.GuestInstance;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The instances of this node by slot, running and warm: which idle one a function may take again,
 * and which has to go when a slot is needed.
 *
 * <p>A warm instance is taken only by the tenant, function and version it ran for. The next to go
 * is found by the CLOCK algorithm: a hand turns over the slots, forgives each instance that has
 * been used since its last visit, and takes the first that has not. That is least-recently-used to
 * within one turn, without a list that every run would have to relink (Corbató, "A Paging
 * Experiment with the Multics System", 1968).
 *
 * <p>Thread-safe and lock-free. Taking and putting are constant; evicting is linear in the slots at
 * worst.
 */
final class WarmSlots {
  /** What an instance belongs to. */
  record Key(TenantId tenant, FunctionName function, ModuleDigest version) {}

  /** An instance and its state. */
  static final class Entry {
    private static final int RUNNING = 1;
    private static final int IDLE = 2;
    private static final int GONE = 3;

    final Key key;
    final GuestInstance instance;
    private final AtomicInteger state = new AtomicInteger(RUNNING);
    private volatile boolean used;

    private Entry(Key key, GuestInstance instance) {
      this.key = key;
      this.instance = instance;
    }
  }

  private final AtomicReferenceArray<@Nullable Entry> bySlot;
  private final ConcurrentHashMap<Key, ConcurrentLinkedDeque<Entry>> idle =
      new ConcurrentHashMap<>();
  private final AtomicInteger hand = new AtomicInteger();
  private final AtomicInteger warm = new AtomicInteger();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder evictions = new LongAdder();

  WarmSlots(int slots) {
    bySlot = new AtomicReferenceArray<>(slots);
  }

  /** An idle instance of this key, the one used last, or null. */
  @Nullable Entry take(Key key) {
    ConcurrentLinkedDeque<Entry> entries = idle.get(key);
    if (entries != null) {
      for (Entry entry = entries.pollFirst(); entry != null; entry = entries.pollFirst()) {
        if (entry.state.compareAndSet(Entry.IDLE, Entry.RUNNING)) {
          warm.decrementAndGet();
          hits.increment();
          return entry;
        }
      }
    }
    misses.increment();
    return null;
  }

  /** Makes a new instance known, as running. */
  Entry add(Key key, GuestInstance instance) {
    Entry entry = new Entry(key, instance);
    bySlot.set(instance.slot(), entry);
    return entry;
  }

  /** Makes a running instance, which has been reset, idle. */
  @SuppressWarnings("ReferenceEquality") // the same queue, not an equal one
  void put(Entry entry) {
    entry.used = true;
    warm.incrementAndGet();
    entry.state.set(Entry.IDLE);
    ConcurrentLinkedDeque<Entry> entries = idle.get(entry.key);
    if (entries != null) {
      entries.addFirst(entry);
    }
    // An eviction that emptied the queue may just have taken it out of the map, and an eviction of
    // this entry may have come before it was in the queue: both rare, both looked at again.
    if (entries == null || idle.get(entry.key) != entries) {
      idle.compute(
          entry.key,
          (_, current) -> {
            ConcurrentLinkedDeque<Entry> all =
                current == null ? new ConcurrentLinkedDeque<>() : current;
            all.addFirst(entry);
            return all;
          });
    }
    if (entry.state.get() == Entry.GONE) {
      unlink(entry);
    }
  }

  /** Closes a running instance, which is not to be used again. */
  void discard(Entry entry) {
    entry.state.set(Entry.GONE);
    bySlot.compareAndSet(entry.instance.slot(), entry, null);
    entry.instance.close();
  }

  /**
   * Closes the idle instance that has not been used for longest, to within a turn of the hand.
   *
   * @return whether a slot has become free
   */
  boolean evict() {
    int slots = bySlot.length();
    for (int step = 0; step < 2 * slots; step++) {
      int slot = Math.floorMod(hand.getAndIncrement(), slots);
      Entry entry = bySlot.get(slot);
      if (entry == null || entry.state.get() != Entry.IDLE) {
        continue;
      }
      if (entry.used) {
        entry.used = false;
      } else if (close(entry)) {
        evictions.increment();
        return true;
      }
    }
    return false;
  }

  /** Closes all idle instances of a function, whatever their version. */
  void forget(TenantId tenant, FunctionName function) {
    for (int slot = 0; slot < bySlot.length(); slot++) {
      Entry entry = bySlot.get(slot);
      if (entry != null
          && entry.key.tenant().equals(tenant)
          && entry.key.function().equals(function)) {
        close(entry);
      }
    }
  }

  /** Closes all idle instances. */
  void closeAll() {
    for (int slot = 0; slot < bySlot.length(); slot++) {
      Entry entry = bySlot.get(slot);
      if (entry != null) {
        close(entry);
      }
    }
  }

  private boolean close(Entry entry) {
    if (!entry.state.compareAndSet(Entry.IDLE, Entry.GONE)) {
      return false;
    }
    warm.decrementAndGet();
    bySlot.compareAndSet(entry.instance.slot(), entry, null);
    unlink(entry);
    entry.instance.close();
    return true;
  }

  private void unlink(Entry entry) {
    idle.computeIfPresent(
        entry.key,
        (_, entries) -> {
          entries.remove(entry);
          return entries.isEmpty() ? null : entries;
        });
  }

  int warm() {
    return warm.get();
  }

  long hits() {
    return hits.sum();
  }

  long misses() {
    return misses.sum();
  }

  long evictions() {
    return evictions.sum();
  }

  /** Shows every slot that holds an instance. */
  void forEach(SlotVisitor visitor) {
    for (int slot = 0; slot < bySlot.length(); slot++) {
      Entry entry = bySlot.get(slot);
      if (entry != null) {
        visitor.visit(
            slot,
            entry.state.get() == Entry.RUNNING,
            entry.key.tenant(),
            entry.key.function(),
            entry.instance.memoryBytes());
      }
    }
  }
}
