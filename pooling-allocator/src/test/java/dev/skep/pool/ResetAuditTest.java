package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.pool.SlabVisitor.State;
import dev.skep.pool.os.RawMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The audit reads a slot back after a reset, and a slot that it finds wrong is never used again.
 */
class ResetAuditTest {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("ResetAuditTest -Dskep.seed=" + SEED);
  }

  private static PoolConfig config(int every) {
    return Slots.config(3, 4L * PAGE, 1_024, 0).with().auditEvery(every).build();
  }

  @Test
  void everyResetOfRandomModulesPasses() {
    Random random = new Random(SEED);
    try (Slots slots = new Slots(config(1))) {
      long resets = 0;
      for (int use = 0; use < 150; use++) {
        Guest.Store store = Guest.random(random, 4).in(slots);
        for (int run = 0; run < 3; run++) {
          store.run(random, 20);
          store.lease.reset();
          resets++;
        }
        store.lease.release();
      }
      ResetStats stats = slots.pool.stats().resets();
      assertThat(stats.audits()).as("seed %d", SEED).isEqualTo(resets).isEqualTo(stats.total());
      assertThat(stats.auditFailures()).as("seed %d", SEED).isZero();
      assertThat(slots.pool.stats().retired()).isZero();
    }
  }

  @Test
  void oneInSoManyIsAudited() {
    try (Slots slots = new Slots(config(7))) {
      SlotLease lease = slots.take();
      for (int i = 1; i <= 50; i++) {
        lease.reset();
        assertThat(slots.pool.stats().resets().audits()).isEqualTo(i / 7);
      }
      lease.close();
    }
  }

  /** In the image, beside it, at the end of the slot, and in the tables. */
  @ParameterizedTest
  @ValueSource(longs = {0, 60_000, 100_000, 2L * PAGE - 1, -1, -5})
  void aByteThatChangesBehindThePoolsBackIsFoundAndItsSlotRetired(long offset) {
    FaultyKernel kernel = new FaultyKernel();
    try (Slots slots = new Slots(config(1), kernel)) {
      Guest guest = Guest.filled(2, 2, 70_000, 0x11).withTables(10);
      Guest.Store store = guest.in(slots);
      int slot = store.lease.slot();
      long base = store.memory().baseAddress();
      long address = offset >= 0 ? base + offset : base - slots.pool.layout().tableBytes() - offset;
      store.open();
      kernel.before(SlotKernel.Step.RESET_AUDIT, () -> RawMemory.putByte(address, (byte) 0xAA));
      assertThatThrownBy(store.lease::reset)
          .isInstanceOf(SlotCorruptedException.class)
          .hasMessageContaining("slot " + slot);
      kernel.before(SlotKernel.Step.RESET_AUDIT, () -> {});
      store.lease.release();

      assertThat(slots.pool.stats().resets().auditFailures()).isEqualTo(1);
      assertThat(slots.pool.stats().resets().failed()).isEqualTo(1);
      retired(slots, guest, slot);
    }
  }

  /** Nothing restores such a page where no fault says that one was written. */
  @Test
  void aByteThatChangesWhileTheStoreIsIdleNeverReachesTheNextModule() {
    try (Slots slots = new Slots(config(1))) {
      Guest guest = Guest.filled(2, 2, 70_000, 0x11);
      Guest.Store store = guest.in(slots);
      for (int run = 0; run < 3; run++) {
        store.open();
        store.memory().store8(0, 0, (byte) 1);
        store.lease.reset();
      }
      RawMemory.putByte(store.memory().baseAddress() + 100_000, (byte) 0xAA);
      store.open();
      store.memory().store8(0, 0, (byte) 1);
      int slot = store.lease.slot();
      boolean found = false;
      try {
        store.lease.reset();
        store.checkIsAtItsStart("the reset looked and restored it");
      } catch (SlotCorruptedException e) {
        found = true;
      }
      store.lease.close();
      if (found) {
        retired(slots, guest, slot);
      }
    }
  }

  private static void retired(Slots slots, Guest guest, int slot) {
    assertThat(slots.pool.stats().retired()).isEqualTo(1);
    assertThat(slots.pool.stats().classes().getFirst().unpromised()).isEqualTo(2);
    List<State> states = new ArrayList<>();
    slots.pool.forEachSlot((number, _, state, _) -> {
      if (number == slot) {
        states.add(state);
      }
    });
    assertThat(states).containsExactly(State.RETIRED);
    for (int round = 0; round < 3; round++) {
      Set<Integer> leased = new HashSet<>();
      List<SlotLease> leases = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        SlotLease lease = slots.take(guest.images);
        leased.add(lease.slot());
        leases.add(lease);
      }
      assertThat(leased).hasSize(2).doesNotContain(slot);
      assertThat(slots.refused().reason()).isEqualTo(TakeRefused.Reason.NO_SLOT);
      leases.forEach(SlotLease::close);
    }
  }
}
