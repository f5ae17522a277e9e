package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
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
}
