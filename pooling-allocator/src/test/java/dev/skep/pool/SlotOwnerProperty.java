package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Owners' floors and ceilings: nobody takes what another is sure of, and credits stay exact. */
class SlotOwnerProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int[] SLOTS = {12, 7};
  private static final int INSTANCES = 15;

  static {
    System.out.println("SlotOwnerProperty -Dskep.seed=" + SEED);
  }

  private static SlotCredits credits() {
    return new SlotCredits(
        PoolConfig.DEFAULTS
            .with()
            .classes(new SlotClass(65_536, SLOTS[0]), new SlotClass(131_072, SLOTS[1]))
            .instances(INSTANCES)
            .build());
  }

  private static SlotShare share(int floor, int ceiling) {
    return new SlotShare(floor, ceiling, 1, Long.MAX_VALUE, Long.MAX_VALUE);
  }

  /** What one owner holds, by the definition. */
  private static final class Model {
    final SlotOwner owner;
    final int[] leased = new int[SLOTS.length];
    int floor;
    int ceiling = 1_000_000;

    Model(SlotOwner owner) {
      this.owner = owner;
    }

    int total() {
      return leased[0] + leased[1];
    }
  }

  private static int left(List<Model> models, int slotClass) {
    int left = SLOTS[slotClass];
    for (Model m : models) {
      left -= Math.max(m.floor, m.leased[slotClass]);
    }
    return left;
  }

  private static int instancesLeft(List<Model> models) {
    int left = INSTANCES;
    for (Model m : models) {
      left -= Math.max(m.floor, m.total());
    }
    return left;
  }

  @Test
  void leasesFloorsAndCeilingsAreAsTheirDefinitionSays() {
    Random random = new Random(SEED);
    for (int round = 0; round < 200; round++) {
      SlotCredits credits = credits();
      List<Model> models = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        models.add(new Model(new SlotOwner(credits)));
      }
      for (int step = 0; step < 200; step++) {
        String what = "seed " + SEED + ", round " + round + ", step " + step;
        Model m = models.get(random.nextInt(models.size()));
        int c = random.nextInt(SLOTS.length);
        switch (random.nextInt(5)) {
          case 0, 1 -> {
            TakeRefused.Reason expected = null;
            if (m.total() >= m.ceiling) {
              expected = TakeRefused.Reason.CEILING;
            } else if (m.leased[c] >= m.floor && left(models, c) <= 0) {
              expected = TakeRefused.Reason.NO_SLOT;
            } else if (m.total() >= m.floor && instancesLeft(models) <= 0) {
              expected = TakeRefused.Reason.NO_INSTANCE;
            }
            assertThat(m.owner.lease(c)).as(what).isEqualTo(expected);
            if (expected == null) {
              m.leased[c]++;
            }
          }
          case 2 -> {
            if (m.leased[c] > 0) {
              m.owner.giveBack(c);
              m.leased[c]--;
            }
          }
          case 3 -> {
            if (m.leased[0] > 0) {
              // From the smaller class into the larger.
              boolean may = m.leased[1] < m.floor || left(models, 1) > 0;
              assertThat(m.owner.enter(1)).as(what).isEqualTo(may);
              if (may) {
                m.leased[1]++;
                m.owner.leave(0);
                m.leased[0]--;
              }
            }
          }
          default -> {
            int floor = random.nextInt(6);
            int ceiling = Math.max(1, floor) + random.nextInt(12);
            int before = m.floor;
            m.floor = floor;
            // It is enough that what is asked for more is there.
            boolean may = true;
            for (int i = 0; i < SLOTS.length; i++) {
              may &= left(models, i) >= 0 || floor <= Math.max(before, m.leased[i]);
            }
            may &= instancesLeft(models) >= 0 || floor <= Math.max(before, m.total());
            m.floor = before;
            assertThat(m.owner.share(share(floor, ceiling))).as(what).isEqualTo(may);
            if (may) {
              m.floor = floor;
              m.ceiling = ceiling;
            }
          }
        }
        for (int i = 0; i < SLOTS.length; i++) {
          assertThat(credits.of(i)).as(what).isEqualTo(left(models, i));
        }
        assertThat(credits.of(SLOTS.length)).as(what).isEqualTo(instancesLeft(models));
        assertThat(m.owner.leased()).as(what).isEqualTo(m.total());
        assertThat(m.owner.isAboveFloor(c)).as(what).isEqualTo(m.leased[c] > m.floor);
      }
    }
  }

  @Test
  void amongThreadsWhoIsWithinItsFloorIsNeverRefused() throws InterruptedException {
    SlotCredits credits = credits();
    AtomicInteger refusedWithinFloor = new AtomicInteger();
    AtomicInteger live = new AtomicInteger();
    AtomicInteger tooMany = new AtomicInteger();
    List<SlotOwner> owners = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 6; t++) {
      owners.add(new SlotOwner(credits));
      assertThat(owners.get(t).share(share(t % 3, 8))).isTrue();
    }
    for (int t = 0; t < 6; t++) {
      int floor = t % 3;
      SlotOwner owner = owners.get(t);
      Random random = new Random(SEED + t);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                int[] held = new int[SLOTS.length];
                for (int i = 0; i < 50_000; i++) {
                  int c = random.nextInt(SLOTS.length);
                  if (random.nextBoolean()) {
                    boolean sure = held[0] + held[1] < floor;
                    TakeRefused.Reason why = owner.lease(c);
                    if (why == null) {
                      held[c]++;
                      if (live.incrementAndGet() > INSTANCES) {
                        tooMany.incrementAndGet();
                      }
                    } else if (sure) {
                      refusedWithinFloor.incrementAndGet();
                    }
                  } else if (held[c] > 0) {
                    live.decrementAndGet();
                    held[c]--;
                    owner.giveBack(c);
                  }
                }
                for (int c = 0; c < SLOTS.length; c++) {
                  for (; held[c] > 0; held[c]--) {
                    live.decrementAndGet();
                    owner.giveBack(c);
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(refusedWithinFloor).hasValue(0);
    assertThat(tooMany).hasValue(0);
    for (SlotOwner owner : owners) {
      assertThat(owner.leased()).isZero();
      assertThat(owner.share(SlotShare.ANY)).isTrue();
    }
    assertThat(credits.of(0)).isEqualTo(SLOTS[0]);
    assertThat(credits.of(1)).isEqualTo(SLOTS[1]);
    assertThat(credits.of(2)).isEqualTo(INSTANCES);
  }
}
