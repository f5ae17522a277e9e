package dev.skep.pool;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Which slots of one class are free, and which of them to lease next.
 *
 * <p>A free slot is <b>cold</b> (holds nothing) or <b>warm</b> (still holds the images of the
 * module that had it last). Taking prefers, in this order:
 *
 * <ol>
 *   <li>a warm slot of the module at hand, the one given back last: nothing needs to be put in
 *       place;
 *   <li>a cold slot, the one given back last: its page tables are there;
 *   <li>the warm slot that has been free for longest: it must be cleared.
 * </ol>
 *
 * No more than a set number stay warm; one more turns the oldest cold.
 *
 * <h2>Concurrency</h2>
 *
 * Slots belong to shards, each with its lists under its own lock, held for some tens of
 * nanoseconds. A thread begins at its own shard and goes on to the others, so that threads meet
 * only when slots are scarce. {@code free} is a semaphore over all shards: who has taken one from
 * it finds a slot, because slots are counted after they are in a list and lists are left only by
 * who has counted down; so a take fails exactly when nothing is free. The affinity and the order of
 * age are exact within a shard, and between shards to within takes that run at the same time.
 *
 * <p>Source: the order is that of Wasmtime's {@code ModuleAffinityIndexAllocator}.
 */
final class SlotIndex {
  /** Below so many slots a shard, one shard more gains nothing. */
  private static final int LEAST_SLOTS_A_SHARD = 256;

  private static final int NONE = -1;

  private final int first;
  private final Shard[] shards;
  private final int mostWarm;
  private final AtomicInteger free;
  private final AtomicInteger warm = new AtomicInteger();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder evictions = new LongAdder();

  /**
   * All slots free and cold.
   *
   * @param first number of the first slot
   * @param slots how many there are
   * @param mostWarm most of them that may be free and warm
   * @param threads that take at the same time, 1 or more
   */
  SlotIndex(int first, int slots, int mostWarm, int threads) {
    this.first = first;
    this.mostWarm = mostWarm;
    this.free = new AtomicInteger(slots);
    int count = Math.clamp(slots / LEAST_SLOTS_A_SHARD, 1, Math.max(1, threads));
    shards = new Shard[count];
    for (int i = 0; i < count; i++) {
      shards[i] = new Shard(slots, i, count);
    }
  }

  /** The lists of one shard; slots are numbered from 0 in the class, every count-th is here. */
  private static final class Shard {
    private final int count;
    private final int[] cold;
    private volatile int colds;

    /** Of the warm slots, oldest first; entries are places in this shard. */
    private final int[] older;

    private final int[] newer;
    private int oldest = NONE;
    private int newest = NONE;

    /** Of the warm slots of one module, newest first. */
    private final int[] sameOlder;

    private final int[] sameNewer;
    private final Map<ModuleImages, Integer> newestOf = new HashMap<>();
    private final @Nullable ModuleImages[] images;
    private final long[] givenNanos;
    private volatile long oldestNanos = Long.MAX_VALUE;

    private Shard(int slots, int index, int count) {
      this.count = count;
      int places = (slots - index + count - 1) / count;
      cold = new int[places];
      for (int i = 0; i < places; i++) {
        cold[i] = (places - 1 - i) * count + index;
      }
      colds = places;
      older = new int[places];
      newer = new int[places];
      sameOlder = new int[places];
      sameNewer = new int[places];
      images = new ModuleImages[places];
      givenNanos = new long[places];
    }

    private synchronized int takeCold() {
      int left = colds;
      if (left == 0) {
        return NONE;
      }
      colds = left - 1;
      return cold[left - 1];
    }

    private synchronized void giveCold(int slot) {
      images[slot / count] = null;
      cold[colds] = slot;
      colds = colds + 1;
    }

    private synchronized int takeOf(ModuleImages wanted) {
      Integer place = newestOf.get(wanted);
      if (place == null) {
        return NONE;
      }
      unlink(place);
      return place;
    }

    private synchronized int takeOldest() {
      int place = oldest;
      if (place != NONE) {
        unlink(place);
      }
      return place;
    }

    private synchronized void giveWarm(int slot, ModuleImages held) {
      int place = slot / count;
      images[place] = held;
      givenNanos[place] = System.nanoTime();
      older[place] = newest;
      newer[place] = NONE;
      if (newest == NONE) {
        oldest = place;
        oldestNanos = givenNanos[place];
      } else {
        newer[newest] = place;
      }
      newest = place;
      Integer before = newestOf.put(held, place);
      sameOlder[place] = before == null ? NONE : before;
      sameNewer[place] = NONE;
      if (before != null) {
        sameNewer[before] = place;
      }
      held.warm().incrementAndGet();
    }

    private void unlink(int place) {
      int before = older[place];
      int after = newer[place];
      if (before == NONE) {
        oldest = after;
        oldestNanos = after == NONE ? Long.MAX_VALUE : givenNanos[after];
      } else {
        newer[before] = after;
      }
      if (after == NONE) {
        newest = before;
      } else {
        older[after] = before;
      }
      ModuleImages held = images[place];
      if (held != null) {
        int olderSame = sameOlder[place];
        int newerSame = sameNewer[place];
        if (newerSame != NONE) {
          sameOlder[newerSame] = olderSame;
        } else if (olderSame == NONE) {
          newestOf.remove(held);
        } else {
          newestOf.put(held, olderSame);
        }
        if (olderSame != NONE) {
          sameNewer[olderSame] = newerSame;
        }
        held.warm().decrementAndGet();
      }
    }
  }

  private int homeShard() {
    // Ids of threads are given out in turn: neighbours get different shards.
    return shards.length == 1 ? 0 : (int) (Thread.currentThread().threadId() % shards.length);
  }

  /**
   * Takes a free slot's number, or −1 if there is none. What it still holds is {@link #imagesOf}.
   *
   * @param wanted the module at hand
   */
  int take(@Nullable ModuleImages wanted) {
    if (!reserve()) {
      return NONE;
    }
    int home = homeShard();
    while (true) {
      if (wanted != null && wanted.warm().get() > 0) {
        for (int i = 0; i < shards.length; i++) {
          int shard = (home + i) % shards.length;
          int place = shards[shard].takeOf(wanted);
          if (place != NONE) {
            warm.decrementAndGet();
            hits.increment();
            return numberOf(shard, place);
          }
        }
      }
      for (int i = 0; i < shards.length; i++) {
        Shard shard = shards[(home + i) % shards.length];
        if (shard.colds > 0) {
          int slot = shard.takeCold();
          if (slot != NONE) {
            misses.increment();
            return first + slot;
          }
        }
      }
      int evicted = takeOldest();
      if (evicted != NONE) {
        misses.increment();
        evictions.increment();
        return evicted;
      }
      Thread.onSpinWait(); // Another thread is between its list and its count.
    }
  }

  private boolean reserve() {
    while (true) {
      int now = free.get();
      if (now <= 0) {
        return false;
      }
      if (free.compareAndSet(now, now - 1)) {
        return true;
      }
    }
  }

  private int takeOldest() {
    int oldest = NONE;
    long nanos = Long.MAX_VALUE;
    for (int i = 0; i < shards.length; i++) {
      long each = shards[i].oldestNanos;
      if (each != Long.MAX_VALUE && (oldest == NONE || each - nanos < 0)) {
        oldest = i;
        nanos = each;
      }
    }
    if (oldest == NONE) {
      return NONE;
    }
    int place = shards[oldest].takeOldest();
    if (place == NONE) {
      return NONE;
    }
    warm.decrementAndGet();
    return numberOf(oldest, place);
  }

  private int numberOf(int shard, int place) {
    return first + place * shards.length + shard;
  }

  /** Whose images a slot holds that has just been taken, or null; asked once by who took it. */
  @Nullable ModuleImages imagesOf(int slot) {
    int local = slot - first;
    @Nullable ModuleImages[] images = shards[local % shards.length].images;
    ModuleImages held = images[local / shards.length];
    images[local / shards.length] = null;
    return held;
  }

  /** Gives back a slot that holds nothing. */
  void giveCold(int slot) {
    int local = slot - first;
    shards[local % shards.length].giveCold(local);
    free.incrementAndGet();
  }

  /**
   * Gives back a slot that holds a module's images.
   *
   * @return another that must be cleared and given back cold, because too many are warm; or −1
   */
  int giveWarm(int slot, ModuleImages held) {
    int local = slot - first;
    shards[local % shards.length].giveWarm(local, held);
    if (warm.incrementAndGet() > mostWarm) {
      // One in and one out: the count of free slots stays as it is.
      int evicted = takeOldest();
      if (evicted != NONE) {
        evictions.increment();
        return evicted;
      }
    }
    free.incrementAndGet();
    return NONE;
  }

  /** Free slots, cold and warm. */
  int free() {
    return free.get();
  }

  /** Free slots that are warm. */
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
}
