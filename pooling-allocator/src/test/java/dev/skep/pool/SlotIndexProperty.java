package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

/** No slot is ever given out twice, and none is lost, alone and among threads. */
class SlotIndexProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("SlotIndexProperty -Dskep.seed=" + SEED);
  }

  @Test
  void allSlotsComeOutOnceLowestFirst() {
    SlotIndex free = new SlotIndex(0, 1_000, 0, 1);
    for (int i = 0; i < 1_000; i++) {
      assertThat(free.take(null)).isEqualTo(i);
    }
    assertThat(free.take(null)).isEqualTo(-1);
    assertThat(free.take(null)).isEqualTo(-1);
  }

  @Test
  void coldSlotsAreAStack() {
    Random random = new Random(SEED);
    SlotIndex free = new SlotIndex(0, 50, 0, 1);
    Deque<Integer> model = new ArrayDeque<>();
    for (int i = 49; i >= 0; i--) {
      model.push(i);
    }
    List<Integer> out = new ArrayList<>();
    for (int step = 0; step < 200_000; step++) {
      if (out.isEmpty() || random.nextBoolean()) {
        Integer expected = model.poll();
        int slot = free.take(null);
        assertThat(slot).as("seed %d", SEED).isEqualTo(expected == null ? -1 : expected);
        if (expected != null) {
          out.add(slot);
        }
      } else {
        int at = random.nextInt(out.size());
        int slot = out.set(at, out.getLast());
        out.removeLast();
        free.giveCold(slot);
        model.push(slot);
      }
    }
  }

  @Test
  void eightThreadsNeverHoldTheSameSlotAndLoseNone() throws InterruptedException {
    int slots = 10;
    SlotIndex free = new SlotIndex(0, slots, 0, 1);
    AtomicIntegerArray owner = new AtomicIntegerArray(slots);
    AtomicInteger clashes = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int t = 1; t <= 8; t++) {
      int me = t;
      Random random = new Random(SEED + t);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                int[] mine = new int[3];
                int held = 0;
                for (int i = 0; i < 200_000; i++) {
                  if (held < mine.length && random.nextBoolean()) {
                    int slot = free.take(null);
                    if (slot >= 0) {
                      if (!owner.compareAndSet(slot, 0, me)) {
                        clashes.incrementAndGet();
                      }
                      mine[held++] = slot;
                    }
                  } else if (held > 0) {
                    int slot = mine[--held];
                    if (!owner.compareAndSet(slot, me, 0)) {
                      clashes.incrementAndGet();
                    }
                    free.giveCold(slot);
                  }
                }
                while (held > 0) {
                  owner.set(mine[--held], 0);
                  free.giveCold(mine[held]);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(clashes).hasValue(0);
    List<Integer> all = new ArrayList<>();
    for (int slot = free.take(null); slot >= 0; slot = free.take(null)) {
      all.add(slot);
    }
    assertThat(all).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  }

  /** Free slots as the contract says they are kept: cold ones on a stack, warm ones by age. */
  private static final class Model {
    final Deque<Integer> cold = new ArrayDeque<>();
    final List<Integer> warm = new ArrayList<>();
    final Map<Integer, ModuleImages> held = new HashMap<>();

    int take(ModuleImages wanted) {
      for (int i = warm.size() - 1; i >= 0; i--) {
        if (held.get(warm.get(i)) == wanted) {
          return warm.remove(/* index */ i);
        }
      }
      Integer slot = cold.poll();
      return slot != null ? slot : warm.isEmpty() ? -1 : warm.removeFirst();
    }
  }

  @Test
  void itsOwnModulesSlotThenAColdOneThenTheOldestWhateverTheOrder() {
    Random random = new Random(SEED);
    for (int round = 0; round < 40; round++) {
      int slots = 1 + random.nextInt(60);
      int mostWarm = random.nextInt(slots + 2);
      int first = random.nextInt(1_000);
      SlotIndex index = new SlotIndex(first, slots, mostWarm, 1);
      ModuleImages[] modules = new ModuleImages[1 + random.nextInt(8)];
      Arrays.setAll(modules, _ -> Slots.images());
      Model model = new Model();
      for (int i = slots - 1; i >= 0; i--) {
        model.cold.push(first + i);
      }
      List<Integer> out = new ArrayList<>();
      for (int step = 0; step < 2_000; step++) {
        String what = "seed " + SEED + ", round " + round + ", step " + step;
        ModuleImages module = modules[random.nextInt(modules.length)];
        if (out.isEmpty() || random.nextBoolean()) {
          int expected = model.take(module);
          assertThat(index.take(module)).as(what).isEqualTo(expected);
          if (expected >= 0) {
            assertThat(index.imagesOf(expected)).as(what).isSameAs(model.held.remove(expected));
            out.add(expected);
          }
        } else {
          int at = random.nextInt(out.size());
          int slot = out.set(at, out.getLast());
          out.removeLast();
          if (random.nextInt(3) == 0) {
            index.giveCold(slot);
            model.cold.push(slot);
          } else {
            model.warm.add(slot);
            model.held.put(slot, module);
            int expected = model.warm.size() > mostWarm ? model.warm.removeFirst() : -1;
            assertThat(index.giveWarm(slot, module)).as(what).isEqualTo(expected);
            if (expected >= 0) {
              assertThat(index.imagesOf(expected)).as(what).isSameAs(model.held.remove(expected));
              index.giveCold(expected);
              model.cold.push(expected);
            }
          }
        }
        assertThat(index.warm())
            .as(what)
            .isEqualTo(model.warm.size())
            .isLessThanOrEqualTo(mostWarm);
        assertThat(index.free()).as(what).isEqualTo(model.warm.size() + model.cold.size());
        for (ModuleImages each : modules) {
          int count = (int) model.warm.stream().filter(w -> model.held.get(w) == each).count();
          assertThat(each.warm()).as(what).hasValue(count);
        }
      }
    }
  }

  @Test
  void shardsHoldEverySlotOnce() {
    Random random = new Random(SEED);
    for (int round = 0; round < 50; round++) {
      int slots = 1 + random.nextInt(5_000);
      int threads = 1 + random.nextInt(16);
      int first = random.nextInt(100);
      SlotIndex index = new SlotIndex(first, slots, slots, threads);
      BitSet seen = new BitSet();
      for (int slot = index.take(null); slot >= 0; slot = index.take(null)) {
        assertThat(seen.get(slot)).as("seed %d, slot %d", SEED, slot).isFalse();
        seen.set(slot);
      }
      assertThat(seen.nextSetBit(0)).isEqualTo(first);
      assertThat(seen.cardinality()).as("seed %d", SEED).isEqualTo(slots);
      assertThat(seen.length()).isEqualTo(first + slots);
    }
  }

  @Test
  void shardedAmongThreadsAndModulesNoSlotIsHeldTwiceOrLostOrTakenForAnothersImages()
      throws InterruptedException {
    int slots = 1_024;
    SlotIndex index = new SlotIndex(0, slots, 300, 4);
    ModuleImages[] modules = new ModuleImages[20];
    Arrays.setAll(modules, _ -> Slots.images());
    AtomicIntegerArray owner = new AtomicIntegerArray(slots);
    AtomicInteger clashes = new AtomicInteger();
    AtomicInteger wrongRefusals = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int t = 1; t <= 8; t++) {
      int me = t;
      Random random = new Random(SEED + t);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                int[] mine = new int[128];
                int held = 0;
                for (int i = 0; i < 60_000; i++) {
                  ModuleImages module = modules[random.nextInt(modules.length)];
                  if (held < mine.length && random.nextBoolean()) {
                    int slot = index.take(module);
                    if (slot < 0) {
                      // Eight times 128 are all there are, less one that is on its way back.
                      wrongRefusals.addAndGet(held < 100 ? 1 : 0);
                    } else {
                      clashes.addAndGet(owner.compareAndSet(slot, 0, me) ? 0 : 1);
                      var _ = index.imagesOf(slot);
                      mine[held++] = slot;
                    }
                  } else if (held > 0) {
                    int slot = mine[--held];
                    clashes.addAndGet(owner.compareAndSet(slot, me, 0) ? 0 : 1);
                    if (random.nextInt(4) == 0) {
                      index.giveCold(slot);
                    } else {
                      int evicted = index.giveWarm(slot, module);
                      if (evicted >= 0) {
                        clashes.addAndGet(owner.compareAndSet(evicted, 0, me) ? 0 : 1);
                        var _ = index.imagesOf(evicted);
                        owner.set(evicted, 0);
                        index.giveCold(evicted);
                      }
                    }
                  }
                }
                while (held > 0) {
                  owner.set(mine[--held], 0);
                  index.giveCold(mine[held]);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(clashes).as("seed %d", SEED).hasValue(0);
    assertThat(wrongRefusals).as("seed %d", SEED).hasValue(0);
    assertThat(index.free()).isEqualTo(slots);
    assertThat(index.warm()).isBetween(0, 300);
    int warm = index.warm();
    assertThat(Arrays.stream(modules).mapToInt(m -> m.warm().get()).sum()).isEqualTo(warm);
    BitSet seen = new BitSet();
    int withImages = 0;
    for (int slot = index.take(null); slot >= 0; slot = index.take(null)) {
      assertThat(seen.get(slot)).isFalse();
      seen.set(slot);
      withImages += index.imagesOf(slot) == null ? 0 : 1;
    }
    assertThat(seen.cardinality()).isEqualTo(slots);
    assertThat(withImages).isEqualTo(warm);
    assertThat(index.warm()).isZero();
  }
}
