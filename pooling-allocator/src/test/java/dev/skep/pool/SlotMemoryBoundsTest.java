package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.runtime.WasmRuntimeException;
import dev.skep.pool.os.RawMemory;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every access of every width at every edge: it touches its own bytes or traps, and never a byte of
 * the slots beside it. Without guards, so that a stray access would hit a neighbour.
 */
class SlotMemoryBoundsTest {
  private static final int CAPACITY_PAGES = 4;
  private static final long CANARY = 0xC0DE_CAFE_F00D_BEEFL;

  private Slots slots;
  private SlotLease left;
  private SlotLease mine;
  private SlotLease right;
  private long[] canaries;

  @BeforeEach
  void open() {
    slots = new Slots(Slots.config(3, CAPACITY_PAGES * (long) PAGE, 1_024, 0));
    left = slots.take();
    mine = slots.take();
    right = slots.take();
    long before = Slots.memory(left, CAPACITY_PAGES, CAPACITY_PAGES).baseAddress();
    long after = Slots.memory(right, CAPACITY_PAGES, CAPACITY_PAGES).baseAddress();
    long tableBytes = slots.pool.layout().tableBytes();
    canaries =
        new long[] {
          before,
          before + CAPACITY_PAGES * (long) PAGE - 8,
          // The tables of the slot between and of the one behind.
          before + CAPACITY_PAGES * (long) PAGE,
          before + CAPACITY_PAGES * (long) PAGE + tableBytes - 8,
          after - tableBytes,
          after - 8,
          after,
          after + CAPACITY_PAGES * (long) PAGE - 8
        };
    for (long address : canaries) {
      RawMemory.putLong(address, CANARY);
    }
  }

  @AfterEach
  void close() {
    for (long address : canaries) {
      assertThat(RawMemory.getLong(address)).isEqualTo(CANARY);
    }
    left.close();
    mine.close();
    right.close();
    slots.close();
  }

  private interface Access {
    void at(SlotMemory memory, int base, int offset);
  }

  private record Width(String name, int bytes, Access access) {}

  private static final List<Width> WITH_OFFSET =
      List.of(
          new Width("load8", 1, (m, b, o) -> m.load8(b, o)),
          new Width("load16", 2, (m, b, o) -> m.load16(b, o)),
          new Width("load32", 4, (m, b, o) -> m.load32(b, o)),
          new Width("load64", 8, (m, b, o) -> m.load64(b, o)),
          new Width("loadFloat", 4, (m, b, o) -> m.loadFloat(b, o)),
          new Width("loadDouble", 8, (m, b, o) -> m.loadDouble(b, o)),
          new Width("store8", 1, (m, b, o) -> m.store8(b, o, (byte) -1)),
          new Width("store16", 2, (m, b, o) -> m.store16(b, o, (short) -1)),
          new Width("store32", 4, (m, b, o) -> m.store32(b, o, -1)),
          new Width("store64", 8, (m, b, o) -> m.store64(b, o, -1)),
          new Width("storeFloat", 4, (m, b, o) -> m.storeFloat(b, o, -1)),
          new Width("storeDouble", 8, (m, b, o) -> m.storeDouble(b, o, -1)));

  private static final byte[] SEVEN = {1, 2, 3, 4, 5, 6, 7};

  private static final List<Width> BY_ADDRESS =
      List.of(
          new Width("read", 1, (m, b, o) -> m.read(b)),
          new Width("readShort", 2, (m, b, o) -> m.readShort(b)),
          new Width("readU16", 2, (m, b, o) -> m.readU16(b)),
          new Width("readInt", 4, (m, b, o) -> m.readInt(b)),
          new Width("readLong", 8, (m, b, o) -> m.readLong(b)),
          new Width("readFloat", 4, (m, b, o) -> m.readFloat(b)),
          new Width("readDouble", 8, (m, b, o) -> m.readDouble(b)),
          new Width("readF32", 4, (m, b, o) -> m.readF32(b)),
          new Width("readF64", 8, (m, b, o) -> m.readF64(b)),
          new Width("readBytes", 7, (m, b, o) -> m.readBytes(b, 7)),
          new Width("readBytes of none", 0, (m, b, o) -> m.readBytes(b, 0)),
          new Width("writeByte", 1, (m, b, o) -> m.writeByte(b, (byte) -1)),
          new Width("writeShort", 2, (m, b, o) -> m.writeShort(b, (short) -1)),
          new Width("writeI32", 4, (m, b, o) -> m.writeI32(b, -1)),
          new Width("writeLong", 8, (m, b, o) -> m.writeLong(b, -1)),
          new Width("writeF32", 4, (m, b, o) -> m.writeF32(b, -1)),
          new Width("writeF64", 8, (m, b, o) -> m.writeF64(b, -1)),
          new Width("write", 7, (m, b, o) -> m.write(b, SEVEN, 0, 7)),
          new Width("write of none", 0, (m, b, o) -> m.write(b, SEVEN, 7, 0)),
          new Width("fillBytes", 5, (m, b, o) -> m.fillBytes(b, (byte) -1, 5)),
          new Width("fillBytes of none", 0, (m, b, o) -> m.fillBytes(b, (byte) -1, 0)),
          new Width("copy to", 3, (m, b, o) -> m.copy(b, 0, 3)),
          new Width("copy from", 3, (m, b, o) -> m.copy(0, b, 3)),
          new Width("copy of none to", 0, (m, b, o) -> m.copy(b, 0, 0)));

  private static Set<Long> edges(long size) {
    Set<Long> edges = new LinkedHashSet<>();
    for (long edge : new long[] {0, size, 1L << 31, 1L << 32, CAPACITY_PAGES * (long) PAGE}) {
      for (long by = -9; by <= 9; by++) {
        long address = edge + by;
        if (address >= 0 && address < 1L << 32) {
          edges.add(address);
        }
      }
    }
    return edges;
  }

  private static boolean goes(Width width, SlotMemory memory, long base, long offset) {
    try {
      width.access.at(memory, (int) base, (int) offset);
      return true;
    } catch (WasmRuntimeException e) {
      assertThat(e).hasMessage("out of bounds memory access");
      return false;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, CAPACITY_PAGES})
  void anAccessGoesExactlyWhenAllItsBytesAreInTheMemory(int pages) {
    SlotMemory memory = Slots.memory(mine, pages, CAPACITY_PAGES);
    long size = pages * (long) PAGE;
    long minimum = Math.min(size, 16);
    for (Width width : WITH_OFFSET) {
      for (long base : edges(size)) {
        for (long offset : edges(size)) {
          assertThat(goes(width, memory, base, offset))
              .as("%s at %d + %d of %d", width.name, base, offset, size)
              .isEqualTo(base + offset + width.bytes <= size);
        }
      }
    }
    for (Width width : BY_ADDRESS) {
      for (long base : edges(size)) {
        boolean otherEnd = !width.name.startsWith("copy") || minimum >= width.bytes;
        assertThat(goes(width, memory, base, 0))
            .as("%s at %d of %d", width.name, base, size)
            .isEqualTo(base + width.bytes <= size && otherEnd);
      }
    }
    long capacity = CAPACITY_PAGES * (long) PAGE;
    assertThat(RawMemory.isZero(memory.baseAddress() + size, capacity - size)).isTrue();
  }

  @Test
  void storesAreLittleEndianAtAnyAlignment() {
    SlotMemory memory = Slots.memory(mine, 1, 1);
    memory.store64(1, 2, 0x0807_0605_0403_0201L);
    for (int i = 0; i < 8; i++) {
      assertThat(memory.load8(3, i)).isEqualTo((byte) (i + 1));
    }
    assertThat(memory.load16(3, 1)).isEqualTo((short) 0x0302);
    assertThat(memory.load32(3, 3)).isEqualTo(0x0706_0504);
    memory.storeDouble(5, 0, -0.0);
    assertThat(memory.load64(5, 0)).isEqualTo(Long.MIN_VALUE);
    memory.store32(9, 0, 0x7FA0_0001);
    assertThat(Float.floatToRawIntBits(memory.loadFloat(9, 0))).isEqualTo(0x7FA0_0001);
  }

  @Test
  void anAddressAboveTwoGibibytesIsAnAddressAndNotNegative() {
    try (Slots big = new Slots(Slots.config(1, 1L << 32, 1, 0))) {
      SlotLease lease = big.take();
      SlotMemory memory = Slots.memory(lease, 65_536, 65_536);
      assertThat(memory.pages()).isEqualTo(65_536);
      for (long address : new long[] {(1L << 31) - 4, 1L << 31, (1L << 32) - 8}) {
        memory.store64((int) address, 0, address);
        assertThat(memory.load64((int) (address - 4), 4)).isEqualTo(address);
        assertThat(memory.load64(0, (int) address)).isEqualTo(address);
        assertThat(memory.readLong((int) address)).isEqualTo(address);
      }
      memory.store8(-1, 0, (byte) 7);
      assertThat(memory.load8(0, -1)).isEqualTo((byte) 7);
      assertThatThrownBy(() -> memory.load8(-1, 1)).hasMessage("out of bounds memory access");
      assertThatThrownBy(() -> memory.load8(-1, -1)).hasMessage("out of bounds memory access");
      assertThatThrownBy(() -> memory.load64(-7, 0)).hasMessage("out of bounds memory access");
      assertThatThrownBy(() -> memory.readBytes(0, Integer.MIN_VALUE))
          .hasMessage("out of bounds memory access");
      assertThatThrownBy(() -> memory.fillBytes(2, (byte) 1, -1))
          .hasMessage("out of bounds memory access");
      assertThat(memory.grow(1)).isEqualTo(-1);
      memory.copy(-4, 1 << 31, 4);
      lease.close();
    }
  }

  @Test
  void bulkLengthsAreUnsignedAndTheirSumsDoNotOverflow() {
    SlotMemory memory = Slots.memory(mine, 2, CAPACITY_PAGES);
    List<Runnable> wild = new ArrayList<>();
    for (int length : new int[] {0x7FFF_FFFF, 0x8000_0000, -1, 2 * PAGE + 1}) {
      for (int at : new int[] {0, 1, 2 * PAGE - 1, 2 * PAGE, 0x7FFF_FFFF, -1}) {
        wild.add(() -> memory.fillBytes(at, (byte) 1, length));
        wild.add(() -> memory.copy(at, 0, length));
        wild.add(() -> memory.copy(0, at, length));
        wild.add(() -> memory.readBytes(at, length));
      }
    }
    assertThat(wild)
        .allSatisfy(op ->
            assertThatThrownBy(op::run)
                .isInstanceOf(WasmRuntimeException.class)
                .hasMessage("out of bounds memory access"));
    assertThat(RawMemory.isZero(memory.baseAddress(), CAPACITY_PAGES * (long) PAGE)).isTrue();
  }

  @Test
  void aRangeThatEndsBeforeItBeginsTraps() {
    SlotMemory memory = Slots.memory(mine, 1, 1);
    assertThatThrownBy(() -> memory.fill((byte) 1, 5, 4)).isInstanceOf(WasmRuntimeException.class);
    assertThatThrownBy(() -> memory.fill((byte) 1, 0, PAGE + 1))
        .isInstanceOf(WasmRuntimeException.class);
    memory.fill((byte) 1, PAGE - 1, PAGE);
    assertThat(memory.read(PAGE - 1)).isEqualTo((byte) 1);
  }

  @Test
  void copiesMayOverlapEitherWay() {
    SlotMemory memory = Slots.memory(mine, 1, 1);
    memory.write(10, SEVEN);
    memory.copy(12, 10, 7);
    assertThat(memory.readBytes(10, 9)).containsExactly(1, 2, 1, 2, 3, 4, 5, 6, 7);
    memory.copy(10, 12, 7);
    assertThat(memory.readBytes(10, 9)).containsExactly(1, 2, 3, 4, 5, 6, 7, 6, 7);
  }

  @Test
  void passiveSegmentsAreCopiedWithinTheirBoundsAndNotOnceDropped() {
    ModuleImages images = Slots.images(Slots.passive(SEVEN), Slots.active(0, 0, SEVEN));
    try (Slots own = new Slots(Slots.config(1, PAGE, 1, 0))) {
      SlotLease lease = own.take(images);
      SlotMemory memory = Slots.memory(lease, 1, 1);
      memory.initPassiveSegment(0, PAGE - 3, 4, 3);
      assertThat(memory.readBytes(PAGE - 3, 3)).containsExactly(5, 6, 7);
      memory.initPassiveSegment(0, PAGE, 7, 0);
      int[][] wild = {
        {0, PAGE - 3, 4, 4}, {0, 0, 0, 8}, {0, 0, 8, 0}, {0, PAGE + 1, 0, 0}, {0, 0, 1, -1},
        {0, 0, -1, 1}, {0, -1, 0, 1}, {0, 0, -1, 2}, {0, -1, 0, 2}, {1, 0, 0, 1}
      };
      for (int[] w : wild) {
        assertThatThrownBy(() -> memory.initPassiveSegment(w[0], w[1], w[2], w[3]))
            .isInstanceOf(WasmRuntimeException.class)
            .hasMessage("out of bounds memory access");
      }
      memory.initPassiveSegment(1, 0, 0, 0);
      memory.drop(0);
      memory.initPassiveSegment(0, 0, 0, 0);
      assertThatThrownBy(() -> memory.initPassiveSegment(0, 0, 0, 1))
          .hasMessage("out of bounds memory access");
      lease.close();
    }
  }

  @Test
  void growthPastTheDeclaredMaximumTheLimitOrTheSlotAnswersMinusOne() {
    SlotMemory declared = Slots.memory(mine, 1, 2);
    mine.open(Slots.WIDE);
    for (int wild : new int[] {2, -1, 0x7FFF_FFFF, 0x8000_0000, 65_536}) {
      assertThat(declared.grow(wild)).isEqualTo(-1);
    }
    assertThat(declared.grow(1)).isEqualTo(1);
    assertThat(declared.grow(0)).isEqualTo(2);
    assertThat(declared.grow(1)).isEqualTo(-1);
    assertThat(mine.memoryBytes()).isEqualTo(2L * PAGE);
  }

  @Test
  void growthPastTheStoresLimitAnswersMinusOneWhereverTheMemoryEnds() {
    SlotMemory memory = Slots.memory(mine, 0, 65_536);
    mine.open(Slots.WIDE.withMemoryBytes(2L * PAGE + PAGE - 1));
    assertThat(memory.grow(3)).isEqualTo(-1);
    assertThat(memory.grow(2)).isZero();
    assertThat(memory.grow(1)).isEqualTo(-1);
    assertThat(mine.memoryPeakBytes()).isEqualTo(2L * PAGE);
    mine.open(Slots.WIDE);
    assertThat(memory.grow(2)).isEqualTo(2);
    assertThat(memory.grow(1)).isEqualTo(-1);
    assertThat(mine.memoryPeakBytes()).isEqualTo(CAPACITY_PAGES * (long) PAGE);
  }

  @Test
  void memoriesOfOneStoreShareTheSlotAndTheLimitAndNotABit() {
    var limits = new com.dylibso.chicory.wasm.types.MemoryLimits(1, 65_536);
    SlotMemory first = mine.newMemory(limits, 0, 2);
    SlotMemory second = mine.newMemory(limits, 1, 2);
    mine.open(Slots.WIDE.withMemoryBytes(3L * PAGE));
    assertThat(first.grow(2)).isEqualTo(-1);
    assertThat(first.grow(1)).isEqualTo(1);
    assertThat(second.grow(1)).isEqualTo(-1);
    first.fillBytes(0, (byte) 1, 2 * PAGE);
    assertThat(RawMemory.isZero(second.baseAddress(), 2L * PAGE)).isTrue();
    second.copyFrom(first, 0, PAGE, PAGE);
    assertThat(second.read(PAGE - 1)).isEqualTo((byte) 1);
    assertThatThrownBy(() -> second.copyFrom(first, 0, 0, 2 * PAGE))
        .hasMessage("out of bounds memory access");
    assertThatThrownBy(() -> second.copyFrom(first, 0, PAGE + 1, PAGE))
        .hasMessage("out of bounds memory access");
  }

  @Test
  void aMemoryThatStartsLargerThanItsShareOrLimitIsRefused() {
    assertThatThrownBy(() -> Slots.memory(mine, CAPACITY_PAGES + 1, 65_536))
        .isInstanceOf(dev.skep.limits.LimitExceededException.class)
        .hasMessageContaining("262144");
    mine.open(Slots.WIDE.withMemoryBytes(PAGE));
    assertThatThrownBy(() -> Slots.memory(mine, 2, 65_536))
        .isInstanceOf(dev.skep.limits.LimitExceededException.class)
        .hasMessageContaining("65536");
  }

  @Test
  void aStrayPointerOfAHostFunctionHasNoStackTrace() {
    SlotMemory memory = Slots.memory(mine, 1, 1);
    memory.inHost(true);
    assertThatThrownBy(() -> memory.writeLong(PAGE - 7, 1))
        .isInstanceOf(StrayPointerException.class)
        .extracting(Throwable::getStackTrace)
        .isEqualTo(new StackTraceElement[0]);
    memory.inHost(false);
    assertThatThrownBy(() -> memory.writeLong(PAGE - 7, 1))
        .isInstanceOf(WasmRuntimeException.class)
        .isNotInstanceOf(StrayPointerException.class)
        .extracting(Throwable::getStackTrace)
        .isNotEqualTo(new StackTraceElement[0]);
  }
}
