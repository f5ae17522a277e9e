package dev.skep.pool;

import static dev.skep.pool.Slots.NULL;
import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.pool.PoolConfig.PageScanning;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What one module leaves in a slot the next one never sees, with and without the page-map scan,
 * wherever the kernel lacks it, with images copied and mapped, kept resident and not.
 */
class SlotZeroingTest {
  record Way(PageScanning scan, boolean kernelScans, boolean mapped, long keptBytes) {
    private Slots slots() {
      FaultyKernel kernel = new FaultyKernel();
      kernel.scans = kernelScans;
      return new Slots(
          Slots.config(1, 4L * PAGE, 1_024, 0)
              .with()
              .pageScan(scan)
              .mapImageBytes(mapped ? 1 : Long.MAX_VALUE)
              .keepResidentMemoryBytes(keptBytes)
              .keepResidentTableBytes(keptBytes)
              .build(),
          kernel);
    }
  }

  private static Stream<Way> ways() {
    return Stream.of(true, false)
        .flatMap(mapped ->
            Stream.of(0L, 8_192L, 4L * PAGE)
                .flatMap(kept ->
                    Stream.of(
                        new Way(PageScanning.AUTO, true, mapped, kept),
                        new Way(PageScanning.AUTO, false, mapped, kept),
                        new Way(PageScanning.OFF, true, mapped, kept))));
  }

  private static void end(SlotLease lease, int turn) {
    if (turn % 2 == 0) {
      lease.close();
    } else {
      lease.release();
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void memoryIsZero(Way way) {
    try (Slots slots = way.slots()) {
      for (int turn = 0; turn < 4; turn++) {
        Guest.Store store = Guest.empty(1, 4).in(slots);
        store.checkIsAtItsStart("turn " + turn);
        store.open();
        store.memory().grow(3);
        store.memory().fillBytes(0, (byte) 0xFE, 4 * PAGE);
        end(store.lease, turn);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void tablesAreNull(Way way) {
    try (Slots slots = way.slots()) {
      for (int turn = 0; turn < 4; turn++) {
        Guest.Store store = Guest.empty(1, 1).withTables(10, 0).in(slots);
        store.checkIsAtItsStart("turn " + turn);
        store.open();
        store.tables[0].grow(400, 6, null);
        store.tables[1].grow(400, 6, null);
        store.tables[0].fillElements(0, 5, 410);
        end(store.lease, turn);
        SlotLease wide = slots.take();
        SlotTable table = wide.newTable(Slots.table(1_024, 1_024), NULL, 0, 1);
        wide.settle();
        table.copyFrom(table, 0, 0, 1);
        for (int i = 0; i < 1_024; i++) {
          assertThat(table.element(i)).isEqualTo(NULL);
        }
        wide.close();
      }
    }
  }

  /**
   * Also that data segments are there again in each instance, and that they can be written over.
   */
  @ParameterizedTest
  @MethodSource("ways")
  void fromAnImageToNoneAndBack(Way way) {
    try (Slots slots = way.slots()) {
      Guest image = Guest.filled(2, 4, 70_000, 0x31);
      Guest none = Guest.empty(2, 4);
      for (int turn = 0; turn < 6; turn++) {
        Guest.Store with = image.in(slots);
        with.checkIsAtItsStart("image, turn " + turn);
        if (turn > 1) {
          with.open();
          with.memory().fillBytes(60_000, (byte) 0x32, 20_000);
        }
        end(with.lease, turn / 2);
        Guest.Store without = none.in(slots);
        without.checkIsAtItsStart("none, turn " + turn);
        end(without.lease, turn);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void whatOneGrewAnotherCannotReach(Way way) {
    try (Slots slots = way.slots()) {
      for (int turn = 0; turn < 2; turn++) {
        Guest.Store large = Guest.empty(2, 4).in(slots);
        large.open();
        large.memory().grow(2);
        large.memory().store32(3 * PAGE, 0, 1);
        end(large.lease, turn);
        Guest.Store small = Guest.empty(1, 4).in(slots);
        small.open();
        assertThatThrownBy(() -> small.memory().load32(3 * PAGE, 0))
            .hasMessage("out of bounds memory access");
        assertThatThrownBy(() -> small.memory().load8(PAGE, 0))
            .hasMessage("out of bounds memory access");
        small.memory().grow(3);
        assertThat(small.memory().readBytes(0, 4 * PAGE)).containsOnly(0);
        end(small.lease, turn);
      }
    }
  }

  /** CVE-2022-39392: with nothing accessible, nothing is, whatever the slot held before. */
  @ParameterizedTest
  @MethodSource("ways")
  void aMemoryOfNoPagesHasNoByte(Way way) {
    try (Slots slots = way.slots()) {
      for (int turn = 0; turn < 2; turn++) {
        Guest.Store full = Guest.filled(4, 4, 4 * PAGE, 0x41).in(slots);
        end(full.lease, turn);
        Guest.Store none = Guest.empty(0, 4).in(slots);
        none.open();
        for (int address : new int[] {0, 1, PAGE - 1, PAGE, 4 * PAGE, -1, Integer.MIN_VALUE}) {
          assertThatThrownBy(() -> none.memory().load8(address, 0))
              .hasMessage("out of bounds memory access");
          assertThatThrownBy(() -> none.memory().store64(address, 0, 1))
              .hasMessage("out of bounds memory access");
          assertThatThrownBy(() -> none.memory().readBytes(address, 1))
              .hasMessage("out of bounds memory access");
        }
        assertThat(none.memory().readBytes(0, 0)).isEmpty();
        none.lease.reset();
        none.checkIsAtItsStart("no pages");
        none.open();
        none.memory().grow(1);
        assertThat(none.memory().readBytes(0, PAGE)).containsOnly(0);
        end(none.lease, turn);
      }
    }
  }

  /** CVE-2022-39393: an image that was in place is no part of the next module's memory. */
  @ParameterizedTest
  @MethodSource("ways")
  void anImageIsGoneWhereTheNextModulesImageIsSmallerOrElsewhere(Way way) {
    try (Slots slots = way.slots()) {
      for (int turn = 0; turn < 3; turn++) {
        end(Guest.filled(4, 4, 4 * PAGE, 0x51).in(slots).lease, turn);
        Guest.Store small = Guest.filled(4, 4, 9_000, 0x52).in(slots);
        small.checkIsAtItsStart("turn " + turn);
        small.open();
        small.memory().store8(20_000, 0, (byte) 1);
        small.lease.reset();
        small.checkIsAtItsStart("turn " + turn + ", after a reset");
        end(small.lease, turn + 1);
      }
    }
  }

  /**
   * CVE-2026-34988: one predicate says what was written and what is restored. Pages are written,
   * zeroed, only read and written back to what they were, in every place of the image and beside
   * it.
   */
  @ParameterizedTest
  @MethodSource("ways")
  void whatIsWrittenIsWhatIsRestored(Way way) {
    try (Slots slots = way.slots()) {
      Guest.Store store = Guest.filled(2, 4, 70_000, 0x61).in(slots);
      for (int round = 0; round < 8; round++) {
        store.open();
        store.memory().grow(round % 3);
        int pages = store.memory().pages() * 16;
        for (int page = 0; page < pages; page++) {
          int at = page * 4_096;
          switch ((page + round) % 5) {
            case 0 -> store.memory().store8(at + 4_095, 0, (byte) round);
            case 1 -> store.memory().fillBytes(at, (byte) 0, 4_096);
            case 2 -> assertThat(store.memory().load8(at, 0)).isIn((byte) 0, (byte) 0x61);
            case 3 -> store.memory().store8(at, 0, store.memory().load8(at, 0));
            default -> {}
          }
        }
        store.lease.reset();
        store.checkIsAtItsStart("round " + round);
      }
      store.lease.close();
    }
  }
}
