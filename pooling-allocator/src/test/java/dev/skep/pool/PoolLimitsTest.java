package dev.skep.pool;

import static dev.skep.pool.Slots.NULL;
import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.wasm.types.MemoryLimits;
import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;

/** Each limit over all instances refuses one more, typed, and allows it when one has gone. */
class PoolLimitsTest {
  private static PoolConfig.Builder config() {
    return Slots.config(5, 4L * PAGE, 1_024, 0).with();
  }

  private static AbstractThrowableAssert<?, ?> refuses(LimitKind kind, Runnable action) {
    return assertThatThrownBy(action::run)
        .isInstanceOfSatisfying(
            LimitExceededException.class, e -> assertThat(e.kind()).isEqualTo(kind));
  }

  @Test
  void instances() {
    try (Slots slots = new Slots(config().instances(3).build())) {
      List<SlotLease> leases = new ArrayList<>(List.of(slots.take(), slots.take(), slots.take()));
      TakeRefused refused = slots.refused();
      assertThat(refused.reason()).isEqualTo(TakeRefused.Reason.NO_INSTANCE);
      assertThat(refused.message()).contains("3 instances");
      assertThat(slots.pool.stats().refused()).containsEntry(TakeRefused.Reason.NO_INSTANCE, 1L);
      leases.removeLast().close();
      leases.add(slots.take());
      assertThat(slots.refused().reason()).isEqualTo(TakeRefused.Reason.NO_INSTANCE);
      leases.forEach(SlotLease::close);
    }
  }

  @Test
  void slots() {
    try (Slots slots = new Slots(config().build())) {
      List<SlotLease> leases = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        leases.add(slots.take());
      }
      assertThat(slots.refused().reason()).isEqualTo(TakeRefused.Reason.NO_SLOT);
      leases.forEach(SlotLease::close);
    }
  }

  @Test
  void memories() {
    try (Slots slots = new Slots(config().memories(3).build())) {
      Guest two = Guest.empty(1, 1).withMemories(2);
      Guest.Store first = two.in(slots);
      SlotLease second = slots.take();
      second.newMemory(new MemoryLimits(1, 1), 0, 2);
      refuses(LimitKind.INSTANCES, () -> second.newMemory(new MemoryLimits(1, 1), 1, 2))
          .hasMessageContaining("3 memories");
      assertThat(slots.pool.stats().memories()).isEqualTo(3);
      assertThat(slots.owner.liveBytes()).isEqualTo(3L * PAGE);
      second.close();
      assertThat(slots.pool.stats().memories()).isEqualTo(2);
      first.lease.close();
      two.in(slots).lease.close();
      assertThat(slots.pool.stats().memories()).isZero();
      assertThat(slots.owner.liveBytes()).isZero();
    }
  }

  @Test
  void tables() {
    try (Slots slots = new Slots(config().tables(3).build())) {
      Guest two = Guest.empty(1, 1).withTables(5, 6);
      Guest.Store first = two.in(slots);
      SlotLease second = slots.take();
      second.newTable(Slots.table(1, 1), NULL, 0, 2);
      refuses(LimitKind.INSTANCES, () -> second.newTable(Slots.table(7, 7), NULL, 1, 2))
          .hasMessageContaining("3 tables");
      assertThat(slots.pool.stats().tables()).isEqualTo(3);
      assertThat(slots.owner.liveElements()).isEqualTo(12);
      second.close();
      first.lease.close();
      two.in(slots).lease.close();
      assertThat(slots.pool.stats().tables()).isZero();
      assertThat(slots.owner.liveElements()).isZero();
    }
  }

  @Test
  void memoriesOfOneModule() {
    try (Slots slots = new Slots(config().memoriesPerModule(2).build())) {
      SlotLease lease = slots.take();
      refuses(LimitKind.MEMORY, () -> lease.newMemory(new MemoryLimits(0, 1), 0, 3))
          .hasMessageContaining("at most 2");
      assertThat(slots.pool.stats().memories()).isZero();
      lease.close();
      Guest.empty(1, 1).withMemories(2).in(slots).lease.close();
    }
  }

  @Test
  void tablesOfOneModule() {
    try (Slots slots = new Slots(config().tablesPerModule(2).build())) {
      SlotLease lease = slots.take();
      refuses(LimitKind.TABLE, () -> lease.newTable(Slots.table(1, 1), NULL, 0, 3))
          .hasMessageContaining("at most 2");
      assertThat(slots.pool.stats().tables()).isZero();
      lease.close();
      Guest.empty(1, 1).withTables(1, 1).in(slots).lease.close();
    }
  }

  @Test
  void aModuleTooLargeForEverySlotIsRefusedAtOnceAndTypedToo() {
    try (Slots slots = new Slots(config().build())) {
      TakeRefused refused =
          switch (slots.pool.take(new SlotRequest(slots.owner, Slots.images(), 4L * PAGE + 1))) {
            case SlotLease lease -> throw new AssertionError(lease);
            case TakeRefused r -> r;
          };
      assertThat(refused.reason()).isEqualTo(TakeRefused.Reason.TOO_LARGE);
      assertThat(refused.message()).contains("262145", "262144");
      assertThat(slots.owner.leased()).isZero();
      // Nor can it be built behind the request's back.
      SlotLease lease = slots.take();
      refuses(LimitKind.MEMORY, () -> Slots.memory(lease, 5, 5)).hasMessageContaining("262144");
      lease.close();
    }
  }

  @Test
  void anOwnersCeilingAndLiveFigures() {
    try (Slots slots = new Slots(config().build())) {
      assertThat(slots.owner.share(new SlotShare(0, 2, 1, 3L * PAGE, 10))).isTrue();
      Guest guest = Guest.empty(1, 10).withTables(5);
      Guest.Store first = guest.in(slots);
      Guest.Store second = guest.in(slots);
      assertThat(slots.refused().reason()).isEqualTo(TakeRefused.Reason.CEILING);
      first.open();
      second.open();
      assertThat(first.memory().grow(2)).isEqualTo(-1);
      assertThat(first.memory().grow(1)).isEqualTo(1);
      assertThat(second.memory().grow(1)).isEqualTo(-1);
      assertThat(first.tables[0].grow(1, NULL, null)).isEqualTo(-1);
      second.lease.reset();
      // Idle, it counts for nothing; what it starts with is refused if another has taken its room.
      assertThat(slots.owner.liveBytes()).isEqualTo(2L * PAGE);
      assertThat(first.memory().grow(1)).isEqualTo(2);
      refuses(LimitKind.LIVE_MEMORY, second::open).hasMessageContaining("over all running stores");
      first.lease.reset();
      second.open();
      second.lease.close();
      first.lease.close();
      assertThat(slots.owner.liveBytes()).isZero();
      assertThat(slots.owner.liveElements()).isZero();
    }
  }
}
