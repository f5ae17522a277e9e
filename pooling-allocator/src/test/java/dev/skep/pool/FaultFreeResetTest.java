package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.os.PageScan;
import dev.skep.pool.os.ThreadFaults;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A run whose thread took no page fault is reset without asking the kernel what it wrote. That is
 * sound only if nothing can be written without a fault that the last reset did not know of: here is
 * everything that might.
 */
@Timeout(120)
class FaultFreeResetTest {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int KEPT_PAGES = 16;

  static {
    System.out.println("FaultFreeResetTest -Dskep.seed=" + SEED);
    if (!PageScan.isSupported() || !ThreadFaults.isSupported()) {
      System.out.println(
          "FaultFreeResetTest: no page-map scan or no count of faults here, so every reset looks");
    }
  }

  private final ExecutorService other = Executors.newSingleThreadExecutor();
  private Slots slots;

  @BeforeEach
  void open() {
    slots = pool(Long.MAX_VALUE, 0);
  }

  @AfterEach
  void close() {
    other.shutdown();
    slots.close();
  }

  private static Slots pool(long mapImageBytes, int auditEvery) {
    return new Slots(
        PoolConfig.DEFAULTS
            .with()
            .classes(new SlotClass(4L * PAGE, 2), new SlotClass(8L * PAGE, 1))
            .tableElements(1_024)
            .keepResidentMemoryBytes(KEPT_PAGES * 4_096L)
            .mapImageBytes(mapImageBytes)
            .auditEvery(auditEvery)
            .build());
  }

  private void elsewhere(Runnable action) {
    try {
      Future<?> done = other.submit(action);
      done.get();
    } catch (InterruptedException | java.util.concurrent.ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  private long unchanged() {
    return slots.pool.stats().resets().unchanged();
  }

  private static long watched(long runs) {
    return PageScan.isSupported() && ThreadFaults.isSupported() ? runs : 0;
  }

  /** A small image, and two runs that write the same page, so that the third need not fault. */
  private Guest.Store settled() {
    Guest.Store store = Guest.filled(4, 100, 5_000, 0x11).in(slots);
    for (int run = 0; run < 2; run++) {
      store.open();
      store.memory().store8(5 * 4_096, 0, (byte) 0x66);
      store.lease.reset();
      store.checkIsAtItsStart("settling");
    }
    // Reading every page above has mapped the zero page all over, read-only.
    return store;
  }

  @Test
  void runsThatWriteTheSamePagesAreResetWithoutALook() {
    Guest.Store store = settled();
    long before = unchanged();
    for (int run = 0; run < 50; run++) {
      store.open();
      store.memory().store8(5 * 4_096 + run, 0, (byte) 0x66);
      store.memory().store8(run, 0, (byte) 0x66);
      store.lease.reset();
      store.checkIsAtItsStart("run " + run);
    }
    // The harness faults at times; that costs a look and nothing else.
    assertThat(unchanged() - before).isGreaterThanOrEqualTo(watched(25));
    store.lease.close();
  }

  @Test
  void twoRunsWithNoResetBetweenAreBothUndone() {
    Guest.Store store = settled();
    for (int i = 0; i < 20; i++) {
      store.open();
      store.memory().store8((6 + i) * 4_096, 0, (byte) 1);
      store.open();
      store.memory().store8(5 * 4_096, 0, (byte) 1);
      store.lease.reset();
      store.checkIsAtItsStart("pass " + i);
    }
    store.lease.close();
  }

  @Test
  void openedHereAndResetElsewhereIsLookedAt() {
    Guest.Store store = settled();
    for (int i = 0; i < 20; i++) {
      int page = 6 + i;
      store.open();
      store.memory().store8(page * 4_096, 0, (byte) 1);
      long before = unchanged();
      elsewhere(store.lease::reset);
      assertThat(unchanged()).isEqualTo(before);
      store.checkIsAtItsStart("pass " + i);
    }
    store.lease.close();
  }

  @Test
  void openedElsewhereAndResetHereIsLookedAt() {
    Guest.Store store = settled();
    for (int i = 0; i < 20; i++) {
      int page = 6 + i;
      elsewhere(() -> {
        store.open();
        store.memory().store8(page * 4_096, 0, (byte) 1);
      });
      long before = unchanged();
      store.lease.reset();
      assertThat(unchanged()).isEqualTo(before);
      store.checkIsAtItsStart("pass " + i);
    }
    store.lease.close();
  }

  @Test
  void openedAgainAndWrittenElsewhereThenResetHereIsLookedAt() {
    Guest.Store store = settled();
    for (int i = 0; i < 20; i++) {
      int page = 6 + i;
      store.open();
      elsewhere(() -> {
        store.open();
        store.memory().store8(page * 4_096, 0, (byte) 1);
      });
      long before = unchanged();
      store.lease.reset();
      assertThat(unchanged()).isEqualTo(before);
      store.checkIsAtItsStart("pass " + i);
    }
    store.lease.close();
  }

  /** It may run on one thread of the kernel's after another. */
  @Test
  void aVirtualThreadsRunsAreAlwaysLookedAt() throws InterruptedException {
    Guest.Store store = settled();
    long before = unchanged();
    Thread runner =
        Thread.ofVirtual()
            .start(() -> {
              for (int i = 0; i < 20; i++) {
                store.open();
                store.memory().store8(5 * 4_096, 0, (byte) 1);
                Thread.yield();
                store.lease.reset();
              }
            });
    runner.join();
    assertThat(unchanged()).isEqualTo(before);
    store.checkIsAtItsStart("virtual");
    store.lease.close();
  }

  @Test
  void aPageNeverWrittenBeforeIsUndone() {
    Guest.Store store = settled();
    for (int page = 6; page < 64; page++) {
      store.open();
      store.memory().store8(page * 4_096 + page, 0, (byte) page);
      store.lease.reset();
      store.checkIsAtItsStart("page " + page);
    }
    store.lease.close();
  }

  @Test
  void aPageOnlyReadBeforeIsUndoneOnceItIsWritten() {
    Guest.Store store = settled();
    for (int page = 6; page < 64; page++) {
      store.open();
      assertThat(store.memory().load8(page * 4_096, 0)).isZero();
      store.lease.reset();
      store.open();
      store.memory().store8(page * 4_096, 0, (byte) 1);
      store.lease.reset();
      store.checkIsAtItsStart("page " + page);
    }
    store.lease.close();
  }

  @Test
  void pagesBeyondWhatIsKeptResidentAreUndoneAndStaySo() {
    Guest.Store store = Guest.filled(4, 100, 5_000, 0x11).in(slots);
    for (int many : new int[] {3, KEPT_PAGES, KEPT_PAGES + 1, 40, 64, 2, 17, 64, 1}) {
      for (int again = 0; again < 3; again++) {
        store.open();
        for (int page = 0; page < many; page++) {
          // Apart from each other as far as they can be, so that they are many regions.
          store.memory().store64(page * 2 % 64 * 4_096 + page / 32 * 4_096, 0, -1);
        }
        store.lease.reset();
        store.checkIsAtItsStart(many + " pages, pass " + again);
      }
    }
    store.lease.close();
  }

  @Test
  void whatIsWrittenAfterGrowthIsUndone() {
    Guest.Store store = Guest.filled(1, 100, 5_000, 0x11).in(slots);
    for (int pass = 0; pass < 10; pass++) {
      store.open();
      store.memory().store8(10, 0, (byte) 1);
      if (pass % 2 == 1) {
        store.memory().grow(1 + pass % 3);
        store.memory().store8(PAGE + pass * 4_096, 0, (byte) 1);
      }
      store.lease.reset();
      store.checkIsAtItsStart("pass " + pass);
    }
    store.open();
    store.memory().grow(1);
    assertThat(store.memory().readBytes(PAGE, PAGE)).containsOnly(0);
    store.lease.close();
  }

  @Test
  void whatIsWrittenAfterAMoveIsUndone() {
    Guest.Store store = settled();
    store.open();
    store.memory().store8(5 * 4_096, 0, (byte) 1);
    store.memory().grow(2);
    store.memory().store8(5 * PAGE, 0, (byte) 1);
    store.lease.reset();
    store.checkIsAtItsStart("moved");
    for (int run = 0; run < 5; run++) {
      store.open();
      store.memory().store8(5 * 4_096, 0, (byte) 1);
      store.memory().grow(2);
      store.memory().store8(5 * PAGE + run * 4_096, 0, (byte) 1);
      store.lease.reset();
      store.checkIsAtItsStart("moved, run " + run);
    }
    store.lease.close();
  }

  @Test
  void anInstanceOfAWarmSlotKnowsNothingOfTheOneBefore() {
    Guest guest = Guest.filled(4, 100, 5_000, 0x11);
    for (int use = 0; use < 30; use++) {
      Guest.Store store = guest.in(slots);
      store.checkIsAtItsStart("use " + use);
      for (int run = 0; run < 2; run++) {
        store.open();
        store.memory().store8((7 + use) * 4_096, 0, (byte) 1);
        store.lease.reset();
        store.checkIsAtItsStart("use " + use + ", run " + run);
      }
      store.open();
      store.memory().store8((8 + use) * 4_096, 0, (byte) 1);
      store.lease.release();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whateverIsDoneWithWhateverThreadTheImageComesBack(boolean mapped) {
    Random random = new Random(SEED);
    try (Slots own = pool(mapped ? 1 : Long.MAX_VALUE, 3)) {
      for (int use = 0; use < 80; use++) {
        Guest guest = Guest.random(random, 6);
        for (int lease = 0; lease < 2; lease++) {
          Guest.Store store = guest.in(own);
          for (int run = 0; run < 6; run++) {
            String what = "seed " + SEED + ", use " + use + ", run " + run;
            for (int part = random.nextInt(3); part >= 0; part--) {
              on(random, () -> store.run(random, random.nextInt(6)));
            }
            on(random, store.lease::reset);
            if (random.nextBoolean()) {
              on(random, () -> store.checkIsAtItsStart(what));
            }
          }
          store.checkIsAtItsStart("seed " + SEED + ", use " + use);
          store.lease.release();
        }
      }
      assertThat(own.pool.stats().retired()).isZero();
      assertThat(own.pool.stats().resets().auditFailures()).isZero();
    }
  }

  private void on(Random random, Runnable action) {
    if (random.nextInt(4) == 0) {
      elsewhere(action);
    } else {
      action.run();
    }
  }
}
