package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import dev.skep.pool.os.SystemCallException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A store that grows out of its slot goes on in a larger one, and the guest sees nothing of it. */
class SlotMoveTest {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("SlotMoveTest -Dskep.seed=" + SEED);
  }

  private static PoolConfig config(boolean mapped) {
    return PoolConfig.DEFAULTS
        .with()
        .classes(new SlotClass(2L * PAGE, 2), new SlotClass(8L * PAGE, 1))
        .tableElements(1_024)
        .decommitBatch(0)
        .mapImageBytes(mapped ? 1 : Long.MAX_VALUE)
        .auditEvery(1)
        .build();
  }

  private static ClassStats small(Slots slots) {
    return slots.pool.stats().classes().get(0);
  }

  private static ClassStats large(Slots slots) {
    return slots.pool.stats().classes().get(1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void contentsTablesAndDroppedSegmentsGoAlong(boolean mapped) {
    try (Slots slots = new Slots(config(mapped))) {
      Guest guest = Guest.filled(2, 100, 70_000, 0x11).withTables(10, 20);
      Guest.Store store = guest.in(slots);
      store.open();
      SlotMemory memory = store.memory();
      memory.store64(4_000, 0, 0x0123_4567_89AB_CDEFL);
      memory.fillBytes(8_192, (byte) 0, 4_096);
      memory.drop(1);
      store.tables[0].grow(5, 99, null);
      store.tables[1].setRef(0, 98, null);
      byte[] before = memory.readBytes(0, 2 * PAGE);
      int from = store.lease.slot();
      assertThat(store.lease.slotClass()).isZero();

      assertThat(memory.grow(3)).isEqualTo(2);

      assertThat(store.lease.slotClass()).isEqualTo(1);
      assertThat(store.lease.slot()).isNotEqualTo(from);
      assertThat(memory.pages()).isEqualTo(5);
      assertThat(memory.readBytes(0, 2 * PAGE)).isEqualTo(before);
      assertThat(memory.readBytes(2 * PAGE, 3 * PAGE)).containsOnly(0);
      assertThatThrownBy(() -> memory.load8(5 * PAGE, 0)).hasMessage("out of bounds memory access");
      assertThatThrownBy(() -> memory.initPassiveSegment(1, 0, 0, 1))
          .hasMessage("out of bounds memory access");
      assertThat(store.tables[0].size()).isEqualTo(15);
      assertThat(store.tables[0].element(9)).isEqualTo(41);
      assertThat(store.tables[0].element(14)).isEqualTo(99);
      assertThat(store.tables[1].element(0)).isEqualTo(98);
      assertThat(store.tables[1].element(19)).isEqualTo(42);
      store.lease.close();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatItHoldsIsCountedOnceAndTheOldSlotIsGivenBackEmpty(boolean mapped) {
    try (Slots slots = new Slots(config(mapped))) {
      Guest guest = Guest.filled(2, 100, 70_000, 0x11);
      Guest.Store store = guest.in(slots);
      long slot = slots.slotAddress(store.lease, store.memory());
      store.open();
      assertThat(slots.pool.stats().mappedImages()).isEqualTo(mapped ? 1 : 0);
      store.memory().grow(1);

      assertThat(slots.owner.leased()).isEqualTo(1);
      assertThat(slots.owner.liveBytes()).isEqualTo(3L * PAGE);
      assertThat(store.lease.memoryBytes()).isEqualTo(3L * PAGE);
      assertThat(store.lease.memoryPeakBytes()).isEqualTo(3L * PAGE);
      assertThat(small(slots).leased()).isZero();
      assertThat(small(slots).cold()).isEqualTo(2);
      assertThat(small(slots).unpromised()).isEqualTo(2);
      assertThat(large(slots).leased()).isEqualTo(1);
      assertThat(large(slots).unpromised()).isZero();
      assertThat(slots.pool.stats().moved()).isEqualTo(1);
      assertThat(slots.pool.stats().memories()).isEqualTo(1);
      assertThat(slots.pool.stats().mappedImages()).isZero();
      assertThat(Mappings.images(slots.pool)).isZero();
      assertThat(dev.skep.pool.os.RawMemory.isZero(slot, slots.pool.layout().usableBytes(0)))
          .isTrue();

      store.lease.close();
      assertThat(slots.owner.leased()).isZero();
      assertThat(slots.owner.liveBytes()).isZero();
      assertThat(large(slots).cold()).isEqualTo(1);
      assertThat(large(slots).unpromised()).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aResetInTheLargerSlotBringsTheImageBackWhereTheGuestHadZeroedIt(boolean mapped) {
    try (Slots slots = new Slots(config(mapped))) {
      Guest.Store store = Guest.filled(2, 100, 70_000, 0x11).in(slots);
      store.open();
      store.memory().fillBytes(0, (byte) 0, 2 * PAGE);
      store.memory().grow(1);
      store.lease.reset();
      store.checkIsAtItsStart("zeroed, then moved");
      store.lease.close();
    }
  }

  @Test
  void randomStoresMoveAndResetToTheirImages() {
    Random random = new Random(SEED);
    for (int i = 0; i < 60; i++) {
      try (Slots slots = new Slots(config(random.nextBoolean()))) {
        Guest.Store store = Guest.random(random, 4).in(slots);
        for (int run = 0; run < 4; run++) {
          String what = "seed " + SEED + ", guest " + i + ", run " + run;
          store.run(random, 20);
          store.lease.reset();
          store.checkIsAtItsStart(what);
        }
        store.lease.close();
        assertThat(slots.pool.stats().resets().auditFailures()).isZero();
        assertThat(slots.pool.stats().retired()).isZero();
      }
    }
  }

  @Test
  void laterInstancesOfTheModuleBeginInTheLargerClass() {
    try (Slots slots = new Slots(config(false))) {
      Guest guest = Guest.empty(1, 100);
      Guest.Store store = guest.in(slots);
      store.open();
      store.memory().grow(5);
      store.lease.close();
      Guest.Store next = guest.in(slots);
      assertThat(next.lease.slotClass()).isEqualTo(1);
      next.lease.close();
      Guest.Store other = Guest.empty(1, 100).in(slots);
      assertThat(other.lease.slotClass()).isZero();
      other.lease.close();
    }
  }

  @Test
  void withNoLargerSlotFreeTheStoreEndsTypedAndTheGuestIsNotToldMinusOne() {
    try (Slots slots = new Slots(config(false))) {
      Guest.Store hog = Guest.empty(8, 8).in(slots);
      Guest.Store store = Guest.filled(2, 100, 70_000, 0x11).in(slots);
      store.open();
      assertThatThrownBy(() -> store.memory().grow(1))
          .isInstanceOfSatisfying(
              LimitExceededException.class, e -> assertThat(e.kind()).isEqualTo(LimitKind.MEMORY))
          .hasMessageContaining("none is free");
      assertThat(store.memory().pages()).isEqualTo(2);
      assertThat(store.lease.memoryBytes()).isEqualTo(2L * PAGE);
      assertThat(slots.owner.liveBytes()).isEqualTo(10L * PAGE);
      assertThat(slots.owner.leased()).isEqualTo(2);
      // Past every slot, or past its own limit, it is an answer to the guest.
      assertThat(store.memory().grow(7)).isEqualTo(-1);
      store.lease.open(Slots.WIDE.withMemoryBytes(2L * PAGE));
      assertThat(store.memory().grow(1)).isEqualTo(-1);
      hog.lease.close();
      store.lease.open(Slots.WIDE);
      assertThat(store.memory().grow(1)).isEqualTo(2);
      store.lease.close();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void severalMemoriesMoveTogether(boolean mapped) {
    try (Slots slots = new Slots(config(mapped))) {
      Guest guest = Guest.filled(1, 100, 5_000, 0x22).withMemories(2);
      Guest.Store store = guest.in(slots);
      assertThat(store.lease.slotClass()).isZero();
      store.open();
      store.memories[0].store8(10, 0, (byte) 1);
      store.memories[1].store8(10, 0, (byte) 2);
      assertThat(store.memories[1].grow(2)).isEqualTo(1);
      assertThat(store.lease.slotClass()).isEqualTo(1);
      assertThat(store.memories[0].pages()).isEqualTo(1);
      assertThat(store.memories[0].load8(10, 0)).isEqualTo((byte) 1);
      assertThat(store.memories[1].load8(10, 0)).isEqualTo((byte) 2);
      assertThat(store.memories[0].load8(11, 0)).isEqualTo((byte) 0x22);
      store.memories[1].fillBytes(0, (byte) -1, 3 * PAGE);
      assertThat(store.memories[0].load8(PAGE - 1, 0)).isZero();
      assertThat(store.memories[0].grow(3)).isEqualTo(1);
      assertThat(store.memories[0].readBytes(PAGE, 3 * PAGE)).containsOnly(0);
      // Each has half of the larger slot.
      assertThat(store.memories[0].grow(1)).isEqualTo(-1);
      store.lease.reset();
      store.checkIsAtItsStart("two memories");
      store.lease.close();
    }
  }

  @Test
  void aMoveOutOfASlotThatCannotBeUnmappedKeepsTheImageInTheNewOne() {
    FaultyKernel kernel = new FaultyKernel();
    try (Slots slots = new Slots(config(true), kernel)) {
      Guest.Store store = Guest.filled(2, 100, 100_000, 0x11).in(slots);
      store.open();
      kernel.fail(FaultyKernel.Request.MAP_ZEROES, FaultyKernel.REFUSAL, 0, 2);
      store.memory().grow(1);
      assertThat(kernel.fired()).isEqualTo(2);
      assertThat(small(slots).retired()).isEqualTo(1);
      // The lost slot keeps its mapping, and the count of it.
      assertThat(slots.pool.stats().mappedImages()).isEqualTo(1);
      assertThat(Mappings.images(slots.pool)).isEqualTo(1);
      for (int run = 0; run < 2; run++) {
        store.memory().fillBytes(0, (byte) 0x77, 3 * PAGE);
        store.lease.reset();
        store.checkIsAtItsStart("moved out of a lost slot");
        store.open();
        store.memory().grow(1);
      }
      store.lease.close();
      assertThat(slots.pool.stats().mappedImages()).isEqualTo(1);
      assertThat(small(slots).retired()).isEqualTo(1);
      assertThat(large(slots).retired()).isZero();
    }
  }

  @Test
  void onDemandAStoreMovesTooAndARefusedMappingEndsItTyped() {
    FaultyKernel kernel = new FaultyKernel();
    try (OnDemandAllocator allocator = new OnDemandAllocator(config(true), kernel)) {
      SlotOwner owner = allocator.newOwner();
      Guest guest = Guest.filled(2, 100, 100_000, 0x11);
      Guest.Store store =
          guest.build(Slots.take(allocator, owner, guest.images, guest.startsWithBytes()));
      store.open();
      assertThat(allocator.stats().mappedImages()).isEqualTo(1);
      kernel.fail(FaultyKernel.Request.RESERVE, FaultyKernel.REFUSAL, 0, 1);
      assertThatThrownBy(() -> store.memory().grow(1))
          .isInstanceOf(LimitExceededException.class)
          .hasMessageContaining("none is free");
      assertThat(owner.liveBytes()).isEqualTo(2L * PAGE);
      kernel.fail(FaultyKernel.Request.MAP_ZEROES, FaultyKernel.REFUSAL, 0, 1);
      assertThat(store.memory().grow(1)).isEqualTo(2);
      // It was unmapped with all that it held, whatever the kernel said before.
      assertThat(allocator.stats().mappedImages()).isZero();
      store.lease.reset();
      store.checkIsAtItsStart("on demand");
      store.lease.close();
      assertThat(allocator.stats().leased()).isZero();
      assertThat(owner.leased()).isZero();
      assertThat(owner.liveBytes()).isZero();
      kernel.fail(FaultyKernel.Request.RESERVE, FaultyKernel.REFUSAL, 0, 1);
      assertThat(allocator.take(new SlotRequest(owner, Slots.images(), 0)))
          .isInstanceOfSatisfying(
              TakeRefused.class, r -> assertThat(r.reason()).isEqualTo(TakeRefused.Reason.KERNEL));
      assertThat(owner.leased()).isZero();
      assertThat(new SystemCallException("mmap", 12).errno()).isEqualTo(12);
    }
  }
}
