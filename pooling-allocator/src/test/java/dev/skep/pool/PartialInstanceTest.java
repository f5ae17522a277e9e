package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.wasm.types.MemoryLimits;
import dev.skep.limits.LimitExceededException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An instantiation that fails half-way leaves nothing for the next module: neither what it had put
 * in place nor what the slot held from before (CVE-2022-23636).
 */
class PartialInstanceTest {
  private static PoolConfig config(boolean mapped) {
    return Slots.config(1, 4L * PAGE, 1_024, 0)
        .with()
        .mapImageBytes(mapped ? 1 : Long.MAX_VALUE)
        .build();
  }

  /** Fails after {@code memories} are made, of which the first {@code placed} have their image. */
  private static void failsAfter(Slots slots, Guest guest, int memories, int placed) {
    SlotLease lease = slots.take(guest.images);
    SlotMemory[] made = new SlotMemory[memories];
    for (int m = 0; m < memories; m++) {
      made[m] = lease.newMemory(new MemoryLimits(1, 1), m, guest.pages.length);
    }
    for (int m = 0; m < placed; m++) {
      made[m].initialize(Slots.noInstance(), guest.segments, m);
    }
    assertThatThrownBy(() -> lease.newMemory(new MemoryLimits(1, 1), 0, 100))
        .isInstanceOf(LimitExceededException.class);
    lease.close();
  }

  private static void nextSeesNothing(Slots slots, String what) {
    Guest next = Guest.empty(2, 2).withMemories(2);
    Guest.Store store = next.in(slots);
    store.checkIsAtItsStart(what);
    store.lease.close();
    assertThat(slots.pool.stats().mappedImages()).as(what).isZero();
    assertThat(Mappings.images(slots.pool)).as(what).isZero();
    assertThat(slots.pool.stats().retired()).as(what).isZero();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatAFailedInstantiationPutInPlaceIsGone(boolean mapped) {
    try (Slots slots = new Slots(config(mapped))) {
      for (int memories = 0; memories <= 2; memories++) {
        for (int placed = 0; placed <= memories; placed++) {
          Guest secret = Guest.filled(1, 1, 50_000, 0x55).withMemories(2);
          failsAfter(slots, secret, memories, placed);
          nextSeesNothing(slots, memories + " made, " + placed + " placed");
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatTheSlotHeldFromBeforeIsGoneToo(boolean mapped) {
    try (Slots slots = new Slots(config(mapped))) {
      for (int memories = 0; memories <= 2; memories++) {
        for (int placed = 0; placed <= memories; placed++) {
          Guest secret = Guest.filled(1, 1, 50_000, 0x55).withMemories(2);
          secret.in(slots).lease.release();
          assertThat(slots.pool.stats().mappedImages()).isEqualTo(mapped ? 2 : 0);
          failsAfter(slots, secret, memories, placed);
          nextSeesNothing(slots, memories + " made, " + placed + " placed");
        }
      }
    }
  }

  @Test
  void aSlotTakenWarmAndNeverBuiltIsClearedToo() {
    try (Slots slots = new Slots(config(true))) {
      Guest secret = Guest.filled(1, 1, 50_000, 0x55);
      secret.in(slots).lease.release();
      SlotLease lease = slots.take(secret.images);
      assertThat(lease.wasWarm()).isTrue();
      lease.release();
      nextSeesNothing(slots, "not built");
    }
  }
}
