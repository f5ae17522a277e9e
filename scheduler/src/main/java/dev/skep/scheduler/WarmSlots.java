package dev.skep.scheduler;

import dev.skep.engine.GuestInstance;
import dev.skep.pool.SlotOwner;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The instances of this node, running and warm: which idle one a function may take again, and which
 * has to go when a slot is needed.
 *
 * <p>A warm instance is taken only by the tenant, function and version it ran for.
 *
 * <h2>Who has to give one up</h2>
 *
 * Each tenant's fair share of slots is by its weight. When somebody needs a slot,
 *
 * <ol>
 *   <li>the tenant with the most slots for its weight gives one up, unless that is fewer than who
 *       needs it would then have;
 *   <li>else who needs it gives up one of its own;
 *   <li>else, all of those being busy, any tenant with an idle one does: work goes before what only
 *       might be work again.
 * </ol>
 *
 * Nobody gives one up that is within its floor. The tenants are sampled, {@value #SAMPLE} at a time
 * from where the last look ended, and all are looked at before anyone is refused.
 *
 * <h2>Which of its instances</h2>
 *
 * Found by the CLOCK algorithm: a hand turns over the tenant's instances, forgives each that has
 * been used since its last visit, and takes the first that has not. That is least-recently-used to
 * within one turn, without a list that every run would have to relink (Corbató, "A Paging
 * Experiment with the Multics System", 1968).
 *
 * <p>Thread-safe. Taking and putting, once a run, are constant and lock-free; adding, discarding
 * and evicting, which build or close an instance, hold the lock of one tenant's ring, never two.
 */
final class WarmSlots {
  /** Tenants compared for one eviction: with 64, the one chosen is among the top 5 % of all. */
  private static final int SAMPLE = 64;

  /** What an instance belongs to. */
  record Key(TenantId tenant, FunctionName function, ModuleDigest version) {}

  /** An instance and its state. */
  static final class Entry {
    private static final int RUNNING = 1;
    private static final int IDLE = 2;
    private static final int GONE = 3;

    final Key key;
    final GuestInstance instance;
    private final Holder holder;
    private final AtomicInteger state = new AtomicInteger(RUNNING);
    private volatile boolean used;

    /** Its function was changed or deleted while it ran. */
    private volatile boolean stale;

    /** Its place in the holder's ring, under the ring's lock. */
    private int place;

    private Entry(Key key, GuestInstance instance, Holder holder) {
      this.key = key;
      this.instance = instance;
      this.holder = holder;
    }
  }

  /** One tenant's instances. */
  static final class Holder {
    private final SlotOwner owner;
    private final AtomicInteger idle = new AtomicInteger();
    private final LongAdder evictionsCaused = new LongAdder();
    private final LongAdder evictionsSuffered = new LongAdder();

    /** Its instances, running and idle, in no order; guarded by this holder. */
    private final ArrayList<Entry> ring = new ArrayList<>();

    private int hand;

    private Holder(SlotOwner owner) {
      this.owner = owner;
    }

    SlotOwner owner() {
      return owner;
    }

    /** Slots for its weight, with {@code more} of them. */
    private double load(int more) {
      return (owner.leased() + more) / (double) owner.share().weight();
    }

    private synchronized void add(Entry entry) {
      entry.place = ring.size();
      ring.add(entry);
    }

    private synchronized void remove(Entry entry) {
      Entry last = ring.removeLast();
      if (last.place != entry.place) {
        ring.set(entry.place, last);
        last.place = entry.place;
      }
    }

    /** Claims the idle instance to go, or answers null. */
    private synchronized @Nullable Entry victim(int leastClass, boolean belowFloor) {
      for (int step = 0; step < 2 * ring.size(); step++) {
        hand = hand + 1 < ring.size() ? hand + 1 : 0;
        Entry entry = ring.get(hand);
        if (entry.state.get() == Entry.IDLE && entry.instance.slotClass() >= leastClass) {
          if (entry.used) {
            entry.used = false;
          } else if ((belowFloor || owner.isAboveFloor(entry.instance.slotClass()))
              && entry.state.compareAndSet(Entry.IDLE, Entry.GONE)) {
            return entry;
          }
        }
      }
      return null;
    }

    private synchronized List<Entry> entries() {
      return List.copyOf(ring);
    }

    /** Idle instances closed because this tenant needed a slot. */
    long evictionsCaused() {
      return evictionsCaused.sum();
    }

    /** Idle instances of this tenant closed because somebody needed a slot. */
    long evictionsSuffered() {
      return evictionsSuffered.sum();
    }
  }

  /** All tenants' holders; grows by doubling, and entries up to {@code holderCount} stay. */
  private volatile Holder[] holders = new Holder[16];

  private volatile int holderCount;
  private final ConcurrentHashMap<SlotOwner, Holder> byOwner = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<Key, ConcurrentLinkedDeque<Entry>> idle =
      new ConcurrentHashMap<>();
  private final AtomicInteger cursor = new AtomicInteger();
  private final AtomicInteger warm = new AtomicInteger();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder evictions = new LongAdder();

  /** Makes a tenant known, once, by what its slots are counted as. */
  Holder holder(SlotOwner owner) {
    return byOwner.computeIfAbsent(
        owner,
        _ -> {
          Holder holder = new Holder(owner);
          append(holder);
          return holder;
        });
  }

  private synchronized void append(Holder holder) {
    int count = holderCount;
    Holder[] room = count < holders.length ? holders : Arrays.copyOf(holders, 2 * count);
    room[count] = holder;
    holders = room;
    holderCount = count + 1;
  }

  /**
   * An idle instance of this key, the one used last, or null. Those of the other tier that it meets
   * are closed: a function changes its tier for good.
   *
   * @param machineCode which tier
   */
  @Nullable Entry take(Key key, boolean machineCode) {
    ConcurrentLinkedDeque<Entry> entries = idle.get(key);
    if (entries != null) {
      for (Entry entry = entries.pollFirst(); entry != null; entry = entries.pollFirst()) {
        if (entry.instance.isMachineCode() != machineCode) {
          close(entry);
        } else if (entry.state.compareAndSet(Entry.IDLE, Entry.RUNNING)) {
          countIdle(entry, -1);
          hits.increment();
          return entry;
        }
      }
    }
    misses.increment();
    return null;
  }

  private void countIdle(Entry entry, int more) {
    warm.addAndGet(more);
    entry.holder.idle.addAndGet(more);
  }

  /** Makes a new instance known, as running. */
  Entry add(Key key, GuestInstance instance, Holder holder) {
    Entry entry = new Entry(key, instance, holder);
    holder.add(entry);
    return entry;
  }

  /** Makes a running instance, which has been reset, idle. */
  @SuppressWarnings("ReferenceEquality") // the same queue, not an equal one
  void put(Entry entry) {
    if (entry.stale) {
      discard(entry);
      return;
    }
    entry.used = true;
    countIdle(entry, 1);
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
    } else if (entry.stale) {
      close(entry);
    }
  }

  /** Closes a running instance, which is not to be used again. */
  void discard(Entry entry) {
    entry.state.set(Entry.GONE);
    entry.holder.remove(entry);
    entry.instance.close();
  }

  /**
   * Closes an idle instance so that {@code asking} can have a slot.
   *
   * @param leastClass index of the smallest class of slots that helps
   * @param ownOnly whether only one of its own helps
   * @return whether a slot has become free
   */
  boolean evict(Holder asking, int leastClass, boolean ownOnly) {
    if (!ownOnly && evictFrom(heaviest(asking, asking.load(1)), asking, leastClass)) {
      return true;
    }
    return evictFrom(asking, asking, leastClass) || (!ownOnly && evictFromAny(asking, leastClass));
  }

  /** Of a sample of the other tenants, the one with the most slots for its weight. */
  private @Nullable Holder heaviest(Holder asking, double least) {
    int count = holderCount;
    int looked = Math.min(count, SAMPLE);
    int first = Math.floorMod(cursor.getAndAdd(looked), count);
    Holder heaviest = null;
    double most = least;
    for (int i = 0; i < looked; i++) {
      Holder each = holders[(first + i) % count];
      double load = each.load(0);
      if (each != asking && each.idle.get() > 0 && load >= most) {
        heaviest = each;
        most = load;
      }
    }
    return heaviest;
  }

  private boolean evictFromAny(Holder asking, int leastClass) {
    int count = holderCount;
    int first = Math.floorMod(cursor.get(), count);
    for (int i = 0; i < count; i++) {
      if (evictFrom(holders[(first + i) % count], asking, leastClass)) {
        return true;
      }
    }
    return false;
  }

  private boolean evictFrom(@Nullable Holder holder, Holder asking, int leastClass) {
    if (holder == null || holder.idle.get() == 0) {
      return false;
    }
    // Of its own it may give up what is within its floor too: that stays free for it.
    Entry victim = holder.victim(leastClass, holder == asking);
    if (victim == null) {
      return false;
    }
    evictions.increment();
    asking.evictionsCaused.increment();
    holder.evictionsSuffered.increment();
    end(victim);
    return true;
  }

  /** Closes all idle instances of a function, whatever their version, and those that run later. */
  void forget(Holder holder, FunctionName function) {
    for (Entry entry : holder.entries()) {
      if (entry.key.function().equals(function)) {
        entry.stale = true;
        close(entry);
      }
    }
  }

  /** Closes all idle instances. */
  void closeAll() {
    for (int i = 0; i < holderCount; i++) {
      Holder holder = holders[i];
      for (Entry entry : holder.entries()) {
        close(entry);
      }
    }
  }

  private void close(Entry entry) {
    if (entry.state.compareAndSet(Entry.IDLE, Entry.GONE)) {
      end(entry);
    }
  }

  /** Ends an idle instance that has been claimed. Its images stay in the slot while it is free. */
  private void end(Entry entry) {
    countIdle(entry, -1);
    entry.holder.remove(entry);
    unlink(entry);
    entry.instance.release();
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
    for (int i = 0; i < holderCount; i++) {
      Holder holder = holders[i];
      for (Entry entry : holder.entries()) {
        visitor.visit(
            entry.instance.slot(),
            entry.state.get() == Entry.RUNNING,
            entry.key.tenant(),
            entry.key.function(),
            entry.instance.memoryBytes());
      }
    }
  }
}
