package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.wasm.types.DataSegment;
import dev.skep.pool.os.RawMemory;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Nothing of one use of a slot reaches the next: after random modules have written at random over
 * memories and tables, every byte of the slot is looked at, not only those that were in use.
 */
class SlotReuseProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int PAGES = 8;

  static {
    System.out.println("SlotReuseProperty -Dskep.seed=" + SEED);
  }

  @Test
  void aResetLeavesTheImageAndAClosedLeaseLeavesNothing() {
    Random random = new Random(SEED);
    try (Slots slots = new Slots(Slots.config(3, PAGES * (long) PAGE, 1_024, 65_536))) {
      for (int use = 0; use < 300; use++) {
        String what = "seed " + SEED + " use " + use;
        Guest.Store store = Guest.random(random, PAGES).in(slots);
        long slot = slots.slotAddress(store.lease, store.memory());
        store.checkIsAtItsStart(what);
        int runs = random.nextInt(4);
        for (int run = 0; run < runs; run++) {
          store.run(random, random.nextInt(60));
          store.lease.reset();
          store.checkIsAtItsStart(what);
          store.open();
          store.checkIsAtItsStart(what);
        }
        store.run(random, random.nextInt(60));
        store.lease.close();
        assertThat(slots.isZero(slot)).as(what).isTrue();
      }
    }
  }

  @Test
  void whatOneModuleGrewTheNextCannotReach() {
    try (Slots slots = new Slots(Slots.config(1, PAGES * (long) PAGE, 1_024, 0))) {
      SlotLease lease = slots.take();
      SlotMemory grown = Slots.memory(lease, 1, 65_536);
      lease.open(Slots.WIDE);
      assertThat(grown.grow(7)).isEqualTo(1);
      grown.fillBytes(0, (byte) 0x55, PAGES * PAGE);
      lease.close();

      SlotLease next = slots.take();
      assertThat(next.slot()).isEqualTo(lease.slot());
      SlotMemory small = Slots.memory(next, 1, 65_536);
      next.open(Slots.WIDE);
      assertThatThrownBy(() -> small.load8(PAGE, 0)).hasMessage("out of bounds memory access");
      assertThat(small.grow(7)).isEqualTo(1);
      assertThat(RawMemory.isZero(small.baseAddress(), PAGES * (long) PAGE)).isTrue();
      next.close();
    }
  }

  @Test
  void anImageOfOneModuleIsNeverSeenByAnother() {
    try (Slots slots = new Slots(Slots.config(1, PAGES * (long) PAGE, 1_024, 0))) {
      DataSegment[] secret = {Slots.active(0, 100, (byte) 1, (byte) 2, (byte) 3)};
      SlotLease lease = slots.take(new ModuleImages(1, 0, secret, 0));
      SlotMemory first = Slots.memory(lease, 1, 1);
      first.initialize(Slots.noInstance(), secret);
      assertThat(first.readBytes(100, 3)).containsExactly(1, 2, 3);
      lease.close();
      SlotLease next = slots.take();
      SlotMemory second = Slots.memory(next, 1, 1);
      second.initialize(Slots.noInstance(), new DataSegment[0]);
      assertThat(RawMemory.isZero(second.baseAddress(), PAGE)).isTrue();
      next.reset();
      assertThat(RawMemory.isZero(second.baseAddress(), PAGE)).isTrue();
      next.close();
    }
  }

  @Test
  void aSegmentOutsideItsMemoryTrapsAndWritesNothing() {
    try (Slots slots = new Slots(Slots.config(1, PAGES * (long) PAGE, 1_024, 0))) {
      for (int offset : new int[] {PAGE - 2, PAGE, -1, -3, Integer.MIN_VALUE}) {
        DataSegment[] wild = {
          Slots.active(0, 0, (byte) 9), Slots.active(0, offset, (byte) 1, (byte) 2, (byte) 3)
        };
        SlotLease lease = slots.take(new ModuleImages(1, 0, wild, 0));
        SlotMemory memory = Slots.memory(lease, 1, 1);
        assertThatThrownBy(() -> memory.initialize(Slots.noInstance(), wild))
            .hasMessage("out of bounds memory access");
        assertThat(RawMemory.isZero(memory.baseAddress(), PAGES * (long) PAGE)).isTrue();
        lease.close();
      }
    }
  }
}
