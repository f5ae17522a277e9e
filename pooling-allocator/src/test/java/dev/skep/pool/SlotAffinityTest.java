package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A slot that is given back with its images is found again by its module, and cleared for others.
 */
class SlotAffinityTest {
  private static PoolConfig config(int slots, int warm, boolean mapped) {
    return Slots.config(slots, 4L * PAGE, 1_024, 0)
        .with()
        .unusedWarmSlots(warm)
        .mapImageBytes(mapped ? 1 : Long.MAX_VALUE)
        .build();
  }

  private static ClassStats stats(Slots slots) {
    return slots.pool.stats().classes().getFirst();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theSameModuleFindsItsImagesAndNothingElse(boolean mapped) {
    try (Slots slots = new Slots(config(3, 3, mapped))) {
      Guest guest = Guest.filled(2, 4, 50_000, 0x11).withTables(10);
      for (int use = 0; use < 5; use++) {
        Guest.Store store = guest.in(slots);
        assertThat(store.lease.wasWarm()).isEqualTo(use > 0);
        store.checkIsAtItsStart("use " + use);
        store.open();
        store.memory().grow(2);
        store.memory().fillBytes(0, (byte) 0x77, 4 * PAGE);
        store.tables[0].fillElements(0, 5, 10);
        // Given back as it is, still running.
        store.lease.release();
        assertThat(stats(slots).warm()).isEqualTo(1);
        assertThat(slots.pool.stats().mappedImages()).isEqualTo(mapped ? 1 : 0);
      }
      assertThat(stats(slots).affinityHits()).isEqualTo(4);
      assertThat(stats(slots).affinityMisses()).isEqualTo(1);
      assertThat(stats(slots).affinityEvictions()).isZero();
    }
  }

  @Test
  void theSlotGivenBackLastComesFirstThenColdOnesThenTheOldest() {
    try (Slots slots = new Slots(config(4, 4, false))) {
      Guest a = Guest.filled(1, 1, 100, 1);
      Guest b = Guest.filled(1, 1, 100, 2);
      List<Guest.Store> held = List.of(a.in(slots), b.in(slots), a.in(slots));
      held.forEach(store -> store.lease.release());
      SlotLease newest = slots.take(a.images);
      assertThat(newest.slot()).isEqualTo(held.get(2).lease.slot());
      SlotLease older = slots.take(a.images);
      assertThat(older.slot()).isEqualTo(held.get(0).lease.slot());
      SlotLease cold = slots.take(a.images);
      assertThat(cold.wasWarm()).isFalse();
      assertThat(stats(slots).warm()).isEqualTo(1);
      Guest.Store evicts = a.in(slots);
      assertThat(evicts.lease.slot()).isEqualTo(held.get(1).lease.slot());
      evicts.checkIsAtItsStart("over another module's image");
      assertThat(stats(slots).affinityEvictions()).isEqualTo(1);
      List.of(newest, older, cold, evicts.lease).forEach(SlotLease::close);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void noMoreStayWarmThanMay(boolean mapped) {
    try (Slots slots = new Slots(config(6, 2, mapped))) {
      List<Guest.Store> stores = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        stores.add(Guest.filled(1, 1, 20_000, i + 1).in(slots));
      }
      for (int i = 0; i < 6; i++) {
        stores.get(i).lease.release();
        assertThat(stats(slots).warm()).isEqualTo(Math.min(i + 1, 2));
        assertThat(stats(slots).cold()).isEqualTo(Math.max(0, i - 1));
        int leased = 5 - i;
        assertThat(slots.pool.stats().mappedImages())
            .isEqualTo(mapped ? Math.min(i + 1, 2) + leased : 0);
      }
      assertThat(Mappings.images(slots.pool)).isEqualTo(mapped ? 2 : 0);
    }
  }

  @Test
  void aPoolThatKeepsNoneWarmClearsEachAtOnce() {
    try (Slots slots = new Slots(config(2, 0, true))) {
      Guest guest = Guest.filled(1, 1, 20_000, 1);
      Guest.Store store = guest.in(slots);
      long slot = slots.slotAddress(store.lease, store.memory());
      store.lease.release();
      assertThat(slots.isZero(slot)).isTrue();
      assertThat(slots.pool.stats().mappedImages()).isZero();
      assertThat(stats(slots).cold()).isEqualTo(2);
    }
  }
}
