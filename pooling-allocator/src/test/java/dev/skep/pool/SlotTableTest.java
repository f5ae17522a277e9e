package dev.skep.pool;

import static dev.skep.pool.Slots.NULL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.runtime.WasmRuntimeException;
import dev.skep.limits.LimitExceededException;
import dev.skep.pool.os.RawMemory;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tables in a slot: bounds, growth, and what a reset brings back. */
class SlotTableTest {
  private static final int ELEMENTS = 2_048;

  private Slots slots;
  private SlotLease lease;

  @BeforeEach
  void open() {
    slots = new Slots(Slots.config(2, 65_536, ELEMENTS, 0));
    lease = slots.take();
  }

  @AfterEach
  void close() {
    lease.close();
    slots.close();
  }

  private SlotTable table(long min, long max) {
    return lease.newTable(Slots.table(min, max), NULL, 0, 1);
  }

  private static void traps(Runnable op, String message) {
    assertThatThrownBy(op::run).isInstanceOf(WasmRuntimeException.class).hasMessage(message);
  }

  @Test
  void everyIndexPastTheEndTraps() {
    SlotTable table = table(3, 10);
    for (int wild : new int[] {3, 4, 10, ELEMENTS, Integer.MAX_VALUE, Integer.MIN_VALUE, -1}) {
      traps(() -> table.ref(wild), "undefined element");
      traps(() -> table.requiredRef(wild), "undefined element");
      traps(() -> table.element(wild), "out of bounds table access");
      traps(() -> table.setRef(wild, 1, null), "out of bounds table access");
      traps(() -> table.instance(wild), "out of bounds table access");
    }
    traps(() -> table.requiredRef(0), "uninitialized element");
    assertThat(table.element(0)).isEqualTo(NULL);
  }

  @Test
  void aSegmentIsPutWhereItFitsAndNowhereElse() {
    SlotTable table = lease.newTable(Slots.table(5, 5), NULL, 0, 1);
    lease.settle();
    int[] source = {0, 8, 1, 6};
    for (int wild : new int[] {3, 5, Integer.MAX_VALUE, Integer.MIN_VALUE, -1}) {
      traps(() -> table.initElements(wild, source, 0, 3), "out of bounds table access");
      traps(() -> table.initElements(0, source, wild, 2), "out of bounds table access");
      traps(() -> table.initElements(1, source, 1, wild | 4), "out of bounds table access");
    }
    assertThat(table.elements()).containsOnly(NULL);
    table.initElements(5, source, 4, 0);
    table.initElements(2, source, 1, 3);
    assertThat(table.elements()).containsExactly(NULL, NULL, 7, 0, 5);
    assertThat(source).containsExactly(0, 8, 1, 6);
  }

  @Test
  void everyReferenceComesBackAsItWasStored() {
    SlotTable table = table(1, 1);
    for (int value : new int[] {0, 1, NULL, Integer.MAX_VALUE, Integer.MIN_VALUE, -2}) {
      table.setRef(0, value, null);
      assertThat(table.element(0)).isEqualTo(value);
    }
  }

  @Test
  void fillsAndCopiesWithUnsignedLengthsTrapBeforeTheyWrite() {
    SlotTable table = table(8, 8);
    for (int length : new int[] {9, 0x7FFF_FFFF, 0x8000_0000, -1}) {
      for (int from : new int[] {0, 1, 8, 0x7FFF_FFFF, -1}) {
        traps(() -> table.fillElements(from, 5, length), "out of bounds table access");
        traps(() -> table.copyFrom(table, from, 0, length), "out of bounds table access");
        traps(() -> table.copyFrom(table, 0, from, length), "out of bounds table access");
      }
    }
    traps(() -> table.fillElements(9, 5, 0), "out of bounds table access");
    table.fillElements(8, 5, 0);
    for (int i = 0; i < 8; i++) {
      assertThat(table.element(i)).isEqualTo(NULL);
    }
  }

  @Test
  void copiesMayOverlap() {
    SlotTable table = table(6, 6);
    for (int i = 0; i < 6; i++) {
      table.setRef(i, i, null);
    }
    table.copyFrom(table, 1, 0, 5);
    assertThat(List.of(table.element(0), table.element(1), table.element(5)))
        .containsExactly(0, 0, 4);
  }

  @Test
  void growthPastTheMaximumTheLimitOrTheSlotAnswersMinusOne() {
    SlotTable table = table(1, 5);
    lease.open(Slots.WIDE.withTableElements(3));
    for (int wild : new int[] {3, 5, -1, 0x7FFF_FFFF, 0x8000_0000}) {
      assertThat(table.grow(wild, 7, null)).isEqualTo(-1);
    }
    assertThat(table.size()).isEqualTo(1);
    assertThat(table.grow(2, 7, null)).isEqualTo(1);
    assertThat(table.element(2)).isEqualTo(7);
    assertThat(table.grow(1, 7, null)).isEqualTo(-1);
    lease.open(Slots.WIDE);
    assertThat(table.grow(2, 8, null)).isEqualTo(3);
    assertThat(table.grow(1, 8, null)).isEqualTo(-1);
    assertThat(table.grow(0, 8, null)).isEqualTo(5);
    assertThat(lease.tableElements()).isEqualTo(5);
  }

  @Test
  void growthEndsWithTheSlotWhateverTheModuleDeclares() {
    SlotTable table = table(0, 10_000_000);
    lease.open(Slots.WIDE);
    assertThat(table.grow(ELEMENTS + 1, 7, null)).isEqualTo(-1);
    assertThat(table.grow(ELEMENTS, 7, null)).isZero();
    assertThat(table.grow(1, 7, null)).isEqualTo(-1);
  }

  @Test
  void growingLeavesTheModulesOwnLimitsAlone() {
    var declared = Slots.table(1, 100);
    SlotTable table = lease.newTable(declared, NULL, 0, 1);
    lease.open(Slots.WIDE);
    table.grow(50, 7, null);
    assertThat(declared.limits().min()).isEqualTo(1);
    assertThat(table.limits().min()).isEqualTo(1);
  }

  @Test
  void tablesOfOneStoreDoNotOverlap() {
    SlotTable[] tables = new SlotTable[4];
    for (int i = 0; i < tables.length; i++) {
      tables[i] = lease.newTable(Slots.table(100, 10_000_000), NULL, i, tables.length);
    }
    lease.open(Slots.WIDE);
    for (int i = 0; i < tables.length; i++) {
      while (tables[i].grow(1, 0, null) >= 0) {}
      tables[i].fillElements(0, i + 1, tables[i].size());
    }
    for (int i = 0; i < tables.length; i++) {
      for (int e = 0; e < tables[i].size(); e++) {
        assertThat(tables[i].element(e)).isEqualTo(i + 1);
      }
    }
    assertThat(lease.tableElements()).isLessThanOrEqualTo(ELEMENTS);
  }

  @Test
  void tablesThatStartLargerThanTheSlotOrTheLimitAreRefused() {
    assertThatThrownBy(() -> table(ELEMENTS + 1, ELEMENTS + 1))
        .isInstanceOf(LimitExceededException.class);
    lease.open(Slots.WIDE.withTableElements(10));
    assertThatThrownBy(() -> table(11, 11)).isInstanceOf(LimitExceededException.class);
    assertThat(table(10, 11).size()).isEqualTo(10);
  }

  @Test
  void aResetBringsBackWhatTheModuleStartedWith() {
    SlotTable table = table(4, 1_000);
    table.setRef(1, 11, null);
    lease.settle();
    for (int run = 0; run < 3; run++) {
      lease.open(Slots.WIDE);
      table.grow(500, 9, null);
      table.fillElements(0, 5, 504);
      lease.reset();
      assertThat(table.size()).isEqualTo(4);
      assertThat(lease.tableElements()).isEqualTo(4);
      assertThat(table.element(0)).isEqualTo(NULL);
      assertThat(table.element(1)).isEqualTo(11);
      lease.open(Slots.WIDE);
      assertThat(table.grow(996, NULL, null)).isEqualTo(4);
      for (int i = 4; i < 1_000; i++) {
        assertThat(table.element(i)).isEqualTo(NULL);
      }
      lease.reset();
    }
  }

  @Test
  void anotherModulesTableBeginsEmptyInTheSameSlot() {
    SlotTable table = table(100, 100);
    table.fillElements(0, 7, 100);
    int slot = lease.slot();
    lease.close();
    lease = slots.take();
    assertThat(lease.slot()).isEqualTo(slot);
    SlotTable next = table(2_000, 2_000);
    for (int i = 0; i < 2_000; i++) {
      assertThat(next.element(i)).isEqualTo(NULL);
    }
  }

  @Test
  void elementsAreStoredSoThatZeroedMemoryIsNull() {
    SlotMemory memory = Slots.memory(lease, 0, 0);
    SlotTable table = table(2, 2);
    long base = slots.slotAddress(lease, memory) + SlabLayout.CONTEXT_BYTES;
    // Until it is settled, what is set is the image, which is no part of the slot.
    lease.settle();
    table.setRef(1, 41, null);
    assertThat(RawMemory.getInt(base)).isZero();
    assertThat(RawMemory.getInt(base + 4)).isEqualTo(42);
  }
}
