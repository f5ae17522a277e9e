package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Slots that wait to be cleared together: all can be taken again, none before it is clear. */
class DecommitQueueTest {
  private static final int SLOTS = 10;

  private static PoolConfig config(int batch) {
    return Slots.config(SLOTS, PAGE, 16, 0).with().decommitBatch(batch).unusedWarmSlots(0).build();
  }

  /** A good size; two that mean none; and one that is never full, so that takes must flush it. */
  @ParameterizedTest
  @ValueSource(ints = {5, 1, 0, 99})
  void everySlotIsLeasedInThreeFullFills(int batch) {
    try (Slots slots = new Slots(config(batch))) {
      Guest guest = Guest.empty(1, 1);
      for (int fill = 0; fill < 3; fill++) {
        List<Guest.Store> stores = new ArrayList<>();
        Set<Integer> numbers = new HashSet<>();
        for (int i = 0; i < SLOTS; i++) {
          Guest.Store store = guest.in(slots);
          store.checkIsAtItsStart("batch " + batch + ", fill " + fill);
          store.open();
          store.memory().fillBytes(0, (byte) 0x55, PAGE);
          numbers.add(store.lease.slot());
          stores.add(store);
        }
        assertThat(numbers).hasSize(SLOTS);
        assertThat(slots.refused().reason()).isEqualTo(TakeRefused.Reason.NO_SLOT);
        for (int i = 0; i < SLOTS; i++) {
          stores.get(i).lease.close();
          int waiting = batch <= 1 ? 0 : (i + 1) % batch;
          assertThat(slots.pool.stats().classes().getFirst().pending()).isEqualTo(waiting);
          assertThat(slots.pool.stats().classes().getFirst().cold()).isEqualTo(i + 1 - waiting);
          assertThat(slots.pool.stats().free()).isEqualTo(i + 1);
        }
      }
      PoolStats stats = slots.pool.stats();
      int cleared = 3 * SLOTS - stats.classes().getFirst().pending();
      assertThat(stats.decommits()).isEqualTo(cleared);
      if (batch == 5 && stats.features().batchedDecommit()) {
        assertThat(stats.decommitCalls()).isEqualTo(cleared / 5);
      }
    }
  }

  @Test
  void aBatchThatTheKernelRefusesIsClearedOneByOneAndOnlyWhatThenFailsIsLost() {
    FaultyKernel kernel = new FaultyKernel();
    try (Slots slots = new Slots(config(SLOTS), kernel)) {
      List<SlotLease> leases = new ArrayList<>();
      for (int i = 0; i < SLOTS; i++) {
        leases.add(slots.take());
      }
      kernel.fail(FaultyKernel.Request.DISCARD_MANY, FaultyKernel.REFUSAL, 0, 1);
      leases.forEach(SlotLease::close);
      assertThat(kernel.fired()).isEqualTo(slots.pool.stats().features().batchedDecommit() ? 1 : 0);
      assertThat(slots.pool.stats().retired()).isZero();
      assertThat(slots.pool.stats().classes().getFirst().cold()).isEqualTo(SLOTS);

      leases.replaceAll(_ -> slots.take());
      // The step before the call for many, and before that for the first of them alone.
      kernel.fail(SlotKernel.Step.RETURN_DISCARD, FaultyKernel.REFUSAL, 0, 2);
      leases.forEach(SlotLease::close);
      kernel.heal();
      int lost = slots.pool.stats().features().batchedDecommit() ? 1 : 2;
      assertThat(slots.pool.stats().retired()).isEqualTo(lost);
      assertThat(slots.pool.stats().classes().getFirst().cold()).isEqualTo(SLOTS - lost);
      assertThat(slots.pool.stats().classes().getFirst().unpromised()).isEqualTo(SLOTS - lost);
    }
  }

  @Test
  @Timeout(60)
  void aPoolIsNotUnmappedWhileARefusedTakeStillClearsSlots() throws InterruptedException {
    FaultyKernel kernel = new FaultyKernel();
    Slots slots = new Slots(config(99), kernel);
    slots.take().close();
    // So that a take finds no cold slot, and clears the one that waits.
    List<SlotLease> rest = new ArrayList<>();
    for (int i = 1; i < SLOTS; i++) {
      rest.add(slots.take());
    }
    Thread closer = new Thread(slots::close);
    List<Thread.State> seen = new ArrayList<>();
    kernel.before(
        SlotKernel.Step.RETURN_DISCARD,
        () -> {
          if (seen.isEmpty()) {
            rest.forEach(SlotLease::release);
            closer.start();
            Thread.State state = closer.getState();
            while (state != Thread.State.WAITING && state != Thread.State.TERMINATED) {
              Thread.onSpinWait();
              state = closer.getState();
            }
            seen.add(state);
          }
        });
    assertThat(slots.pool.take(new SlotRequest(slots.owner, Slots.images(), 0)))
        .isInstanceOf(TakeRefused.class);
    closer.join();
    assertThat(seen).containsExactly(Thread.State.WAITING);
  }
}
