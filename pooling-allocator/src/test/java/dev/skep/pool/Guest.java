package dev.skep.pool;

import static dev.skep.pool.Slots.NULL;
import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import dev.skep.pool.os.RawMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** What stands in for a module: its memories with an image each, its tables, and its instances. */
final class Guest {
  /** One active segment. */
  private record Data(int memory, int offset, byte[] bytes) {}

  final int[] pages;
  final int maximumPages;
  final int[] elements;
  final DataSegment[] segments;
  final ModuleImages images;
  private final List<Data> data;

  private Guest(int[] pages, int maximumPages, int[] elements, List<Data> data) {
    this.pages = pages;
    this.maximumPages = maximumPages;
    this.elements = elements;
    this.data = data;
    segments = new DataSegment[data.size() + 1];
    for (int i = 0; i < data.size(); i++) {
      segments[i] = Slots.active(data.get(i).memory, data.get(i).offset, data.get(i).bytes);
    }
    segments[data.size()] = Slots.passive((byte) 7, (byte) 8, (byte) 9);
    images = new ModuleImages(pages.length, elements.length, segments, 0);
  }

  /** One memory that starts as zero. */
  static Guest empty(int pages, int maximumPages) {
    return new Guest(new int[] {pages}, maximumPages, new int[0], List.of());
  }

  /** One memory whose first {@code bytes} are {@code fill}. */
  static Guest filled(int pages, int maximumPages, int bytes, int fill) {
    byte[] all = new byte[bytes];
    Arrays.fill(all, (byte) fill);
    return new Guest(new int[] {pages}, maximumPages, new int[0], List.of(new Data(0, 0, all)));
  }

  /** This one's memories with tables of these sizes, each with its last element set. */
  Guest withTables(int... sizes) {
    return new Guest(pages, maximumPages, sizes, data);
  }

  /** This one's memory, as many times. */
  Guest withMemories(int count) {
    int[] all = new int[count];
    List<Data> every = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all[i] = pages[0];
      for (Data each : data) {
        every.add(new Data(i, each.offset, each.bytes));
      }
    }
    return new Guest(all, maximumPages, elements, every);
  }

  /** Up to three memories in {@code mostPages} together, up to two tables, up to five segments. */
  static Guest random(Random random, int mostPages) {
    int[] pages = new int[1 + random.nextInt(3)];
    for (int i = 0; i < pages.length; i++) {
      pages[i] = random.nextInt(mostPages / pages.length + 1);
    }
    int[] elements = random.ints(random.nextInt(3), 0, 300).toArray();
    List<Data> data = new ArrayList<>();
    for (int i = random.nextInt(6); i > 0; i--) {
      int memory = random.nextInt(pages.length);
      int size = pages[memory] * PAGE;
      byte[] bytes = new byte[random.nextInt(Math.min(size, 30_000) + 1)];
      random.nextBytes(bytes);
      int offset = random.nextInt(size - bytes.length + 1);
      data.add(new Data(memory, offset, bytes));
    }
    return new Guest(pages, 65_536, elements, data);
  }

  /** Memory over all memories, as the engine asks for it: each has an even share. */
  long startsWithBytes() {
    return (long) Arrays.stream(pages).max().orElse(0) * PAGE * pages.length;
  }

  /** What a memory holds at the start, in {@code length} bytes. */
  private byte[] initial(int memory, long length) {
    byte[] all = new byte[Math.toIntExact(length)];
    for (Data each : data) {
      if (each.memory == memory) {
        System.arraycopy(each.bytes, 0, all, each.offset, each.bytes.length);
      }
    }
    return all;
  }

  Store in(Slots slots) {
    return build(Slots.take(slots.pool, slots.owner, images, startsWithBytes()));
  }

  Store build(SlotLease lease) {
    Store store = new Store(lease);
    store.build();
    return store;
  }

  /** An instance. */
  final class Store {
    final SlotLease lease;
    final SlotMemory[] memories = new SlotMemory[pages.length];
    final SlotTable[] tables = new SlotTable[elements.length];

    private Store(SlotLease lease) {
      this.lease = lease;
    }

    private void build() {
      for (int m = 0; m < memories.length; m++) {
        memories[m] = lease.newMemory(new MemoryLimits(pages[m], maximumPages), m, pages.length);
      }
      for (int t = 0; t < tables.length; t++) {
        tables[t] = lease.newTable(Slots.table(elements[t], 10_000_000), NULL, t, elements.length);
        if (elements[t] > 0) {
          tables[t].setRef(elements[t] - 1, 41 + t, null);
        }
      }
      for (int m = 0; m < memories.length; m++) {
        memories[m].initialize(Slots.noInstance(), segments, m);
      }
      lease.settle();
    }

    SlotMemory memory() {
      return memories[0];
    }

    void open() {
      lease.open(Slots.WIDE);
    }

    /** Looks at every byte that a guest could reach or have reached. */
    void checkIsAtItsStart(String what) {
      for (int m = 0; m < memories.length; m++) {
        SlotMemory memory = memories[m];
        assertThat(memory.pages()).as(what).isEqualTo(pages[m]);
        byte[] held = new byte[Math.toIntExact(memory.capacityBytes())];
        RawMemory.copyOut(memory.baseAddress(), held, 0, held.length);
        assertThat(Arrays.mismatch(held, initial(m, held.length)))
            .as("%s: memory %d differs at", what, m)
            .isEqualTo(-1);
      }
      for (int t = 0; t < tables.length; t++) {
        assertThat(tables[t].size()).as(what).isEqualTo(elements[t]);
        for (int e = 0; e < elements[t]; e++) {
          assertThat(tables[t].element(e))
              .as("%s: table %d at %d", what, t, e)
              .isEqualTo(e == elements[t] - 1 ? 41 + t : NULL);
        }
      }
      if (tables.length > 0) {
        assertThat(RawMemory.isZero(lease.tableBase(), SlabLayout.CONTEXT_BYTES + 300 * 4))
            .as(what)
            .isTrue();
      }
      // Not tried by using it: whatever is written while a store is idle is nobody's to restore.
      assertThat(lease.isDropped(data.size())).as("%s: the passive segment", what).isFalse();
    }

    /** Writes all over, through every way there is. */
    void run(Random random, int steps) {
      open();
      for (int i = 0; i < steps; i++) {
        SlotMemory memory = memories[random.nextInt(memories.length)];
        if (random.nextInt(4) == 0) {
          memory.grow(random.nextInt(3));
        }
        int size = (int) Math.min(memory.sizeBytes(), Integer.MAX_VALUE);
        if (size > 0) {
          int at = random.nextInt(size);
          int length = random.nextInt(Math.min(size - at, 20_000) + 1);
          switch (random.nextInt(7)) {
            case 0 -> memory.fillBytes(at, (byte) (1 + random.nextInt(255)), length);
            case 1 -> memory.write(at, new byte[] {(byte) 0xEE}, 0, 1);
            case 2 -> memory.store64(Math.max(0, size - 8), 0, -1);
            case 3 -> memory.copy(at, random.nextInt(size - length + 1), length);
            case 4 -> memory.fillBytes(at / 4_096 * 4_096, (byte) 0, Math.min(4_096, size));
            case 5 -> memory.load8(at, 0);
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
        if (random.nextInt(10) == 0) {
          memory.drop(data.size());
        }
      }
    }
  }
}
