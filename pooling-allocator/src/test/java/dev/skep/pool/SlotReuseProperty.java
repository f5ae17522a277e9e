package dev.skep.pool;

import static dev.skep.pool.Slots.NULL;
import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import dev.skep.pool.os.RawMemory;
import java.util.ArrayList;
import java.util.List;
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

  /** A module at random: its memories with an image each, its tables with an initial element. */
  private static final class Module {
    final int memories;
    final int tables;
    final int[] pages;
    final int[] elements;
    final DataSegment[] segments;
    final byte[][] image;
    final int first;
    final ModuleImages images;

    Module(Random random) {
      memories = 1 + random.nextInt(3);
      tables = random.nextInt(3);
      pages = random.ints(memories, 0, PAGES / memories + 1).toArray();
      elements = random.ints(tables, 0, 300).toArray();
      first = random.nextInt(1_000);
      image = new byte[memories][];
      List<DataSegment> all = new ArrayList<>();
      for (int m = 0; m < memories; m++) {
        image[m] = new byte[pages[m] == 0 ? 0 : random.nextInt(5_000)];
        random.nextBytes(image[m]);
        all.add(Slots.active(m, pages[m] == 0 ? 0 : PAGE - 3_000, cut(image[m], pages[m])));
      }
      segments = all.toArray(new DataSegment[0]);
      images = new ModuleImages(memories, tables, segments);
    }

    private byte[] cut(byte[] bytes, int pages) {
      int room = Math.max(0, pages * PAGE - (PAGE - 3_000));
      return bytes.length <= room ? bytes : java.util.Arrays.copyOf(bytes, room);
    }
  }

  private static final class Store {
    final Module module;
    final SlotLease lease;
    final SlotMemory[] memories;
    final SlotTable[] tables;

    Store(Module module, SlotLease lease) {
      this.module = module;
      this.lease = lease;
      memories = new SlotMemory[module.memories];
      for (int m = 0; m < memories.length; m++) {
        memories[m] =
            lease.newMemory(new MemoryLimits(module.pages[m], 65_536), m, module.memories);
      }
      tables = new SlotTable[module.tables];
      for (int t = 0; t < tables.length; t++) {
        tables[t] =
            lease.newTable(Slots.table(module.elements[t], 10_000_000), NULL, t, module.tables);
        if (module.elements[t] > 0) {
          tables[t].setRef(module.elements[t] - 1, module.first, null);
        }
      }
      for (SlotMemory memory : memories) {
        memory.initialize(Slots.noInstance(), module.segments);
      }
      lease.settle();
    }

    void checkIsAtItsStart() {
      for (int m = 0; m < memories.length; m++) {
        byte[] data = module.cut(module.image[m], module.pages[m]);
        assertThat(memories[m].pages()).as("seed %d", SEED).isEqualTo(module.pages[m]);
        if (data.length > 0) {
          assertThat(memories[m].readBytes(PAGE - 3_000, data.length))
              .as("seed %d", SEED)
              .isEqualTo(data);
        }
        long base = memories[m].baseAddress();
        long from = PAGE - 3_000L + data.length;
        long to = memories[m].sizeBytes();
        if (to > 0) {
          assertThat(RawMemory.isZero(base, PAGE - 3_000)).as("seed %d", SEED).isTrue();
          assertThat(RawMemory.isZero(base + from, to - from)).as("seed %d", SEED).isTrue();
        }
      }
      for (int t = 0; t < tables.length; t++) {
        assertThat(tables[t].size()).isEqualTo(module.elements[t]);
        for (int e = 0; e < module.elements[t]; e++) {
          assertThat(tables[t].element(e))
              .as("seed %d", SEED)
              .isEqualTo(e == module.elements[t] - 1 ? module.first : NULL);
        }
      }
    }

    /** Looks at all of the slot: what is no part of an image is zero. */
    void checkHasNothingElse(Slots slots) {
      long slot = slots.slotAddress(lease, memories[0]);
      byte[] expected = new byte[(int) slots.pool.layout().usableBytes(lease.slot())];
      for (int m = 0; m < memories.length; m++) {
        byte[] data = module.cut(module.image[m], module.pages[m]);
        int at = (int) (memories[m].baseAddress() - slot) + PAGE - 3_000;
        System.arraycopy(data, 0, expected, data.length == 0 ? 0 : at, data.length);
      }
      byte[] held = new byte[expected.length];
      RawMemory.copyOut(slot, held, 0, held.length);
      assertThat(java.util.Arrays.mismatch(held, expected)).as("seed %d", SEED).isEqualTo(-1);
    }

    /** Writes all over, through every way there is. */
    void run(Random random) {
      lease.open(Slots.WIDE);
      int steps = random.nextInt(60);
      for (int i = 0; i < steps; i++) {
        SlotMemory memory = memories[random.nextInt(memories.length)];
        if (random.nextInt(4) == 0) {
          memory.grow(random.nextInt(3));
        }
        int size = (int) memory.sizeBytes();
        if (size > 0) {
          int at = random.nextInt(size);
          int length = random.nextInt(Math.min(size - at, 20_000) + 1);
          switch (random.nextInt(5)) {
            case 0 -> memory.fillBytes(at, (byte) (1 + random.nextInt(255)), length);
            case 1 -> memory.write(at, new byte[] {(byte) 0xEE}, 0, 1);
            case 2 -> memory.store64(Math.max(0, size - 8), 0, -1);
            case 3 -> memory.copy(at, random.nextInt(size - length + 1), length);
            default -> memory.store8(at, 0, (byte) -1);
          }
        }
        if (tables.length > 0) {
          SlotTable table = tables[random.nextInt(tables.length)];
          if (random.nextInt(3) == 0) {
            table.grow(random.nextInt(100), 77, null);
          }
          if (table.size() > 0) {
            int at = random.nextInt(table.size());
            table.fillElements(at, random.nextInt(1_000), random.nextInt(table.size() - at + 1));
          }
        }
      }
    }
  }

  @Test
  void aResetLeavesTheImageAndAClosedLeaseLeavesNothing() {
    Random random = new Random(SEED);
    try (Slots slots = new Slots(Slots.config(3, PAGES * (long) PAGE, 1_024, 65_536))) {
      for (int use = 0; use < 300; use++) {
        Module module = new Module(random);
        Store store = new Store(module, slots.take(module.images));
        long slot = slots.slotAddress(store.lease, store.memories[0]);
        store.checkIsAtItsStart();
        int runs = random.nextInt(4);
        for (int run = 0; run < runs; run++) {
          store.run(random);
          store.lease.reset();
          store.checkIsAtItsStart();
          store.checkHasNothingElse(slots);
          store.lease.open(Slots.WIDE);
          store.checkIsAtItsStart();
        }
        store.run(random);
        store.lease.close();
        assertThat(slots.isZero(slot)).as("seed %d use %d", SEED, use).isTrue();
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
      SlotLease lease = slots.take(new ModuleImages(1, 0, secret));
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
        SlotLease lease = slots.take(new ModuleImages(1, 0, wild));
        SlotMemory memory = Slots.memory(lease, 1, 1);
        assertThatThrownBy(() -> memory.initialize(Slots.noInstance(), wild))
            .hasMessage("out of bounds memory access");
        assertThat(RawMemory.isZero(memory.baseAddress(), PAGES * (long) PAGE)).isTrue();
        lease.close();
      }
    }
  }
}
