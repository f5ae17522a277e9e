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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Few slots, some modules, and many uses after one another, ended in every way there is. Before
 * each use every byte of the slot, tables and what lies beyond the memory's size included, is
 * compared with what the module alone would have put there.
 *
 * <p>Ten thousand uses by default; {@code -Dskep.reuses=1000000} for a million, over all ways to
 * reset together.
 */
class ManyReusesProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int REUSES = Integer.getInteger("skep.reuses", 10_000);
  private static final int PAGES = 4;
  private static final int SLOTS = 3;

  static {
    System.out.println("ManyReusesProperty -Dskep.seed=" + SEED + " -Dskep.reuses=" + REUSES);
  }

  /** Ways to come back to an image, each with its own code. */
  enum Way {
    IN_PLACE(64L << 10, true, Long.MAX_VALUE, 0),
    IN_PLACE_MAPPED(64L << 10, true, 1, 0),
    FEW_IN_PLACE(8L << 10, true, 8L << 10, 5),
    DISCARD(0, true, Long.MAX_VALUE, 0),
    DISCARD_MAPPED(0, true, 1, 2),
    WITHOUT_SCAN(16L << 10, false, 16L << 10, 1);

    private final long keepBytes;
    private final boolean scan;
    private final long mapBytes;
    private final int batch;

    Way(long keepBytes, boolean scan, long mapBytes, int batch) {
      this.keepBytes = keepBytes;
      this.scan = scan;
      this.mapBytes = mapBytes;
      this.batch = batch;
    }

    private PoolConfig config() {
      return PoolConfig.of(SLOTS, PAGES * (long) PAGE, 1_024, 65_536)
          .with()
          .keepResidentMemoryBytes(keepBytes)
          .keepResidentTableBytes(keepBytes)
          .pageScan(scan ? PoolConfig.PageScanning.AUTO : PoolConfig.PageScanning.OFF)
          .mapImageBytes(mapBytes)
          .decommitBatch(batch)
          .unusedWarmSlots(2)
          .build();
    }
  }

  /** A module and the bytes of a slot that it starts with. */
  private static final class Module {
    final ModuleImages images;
    final int memories;
    final int pages;
    final int elements;
    final DataSegment[] segments;
    final byte[] expected;

    Module(Random random, SlabLayout layout) {
      memories = random.nextInt(4) == 0 ? 2 : 1;
      pages = random.nextInt(PAGES / memories + 1);
      elements = random.nextInt(3) * 100;
      expected = new byte[(int) layout.usableBytes(0)];
      List<DataSegment> all = new ArrayList<>();
      for (int m = 0; m < memories && pages > 0; m++) {
        byte[] data = new byte[random.nextInt(3) == 0 ? 0 : random.nextInt(40_000)];
        random.nextBytes(data);
        int offset = random.nextInt(pages * PAGE - data.length);
        all.add(Slots.active(m, offset, data));
        int base = (int) layout.tableBytes() + m * (PAGES / memories) * PAGE;
        System.arraycopy(data, 0, expected, base + offset, data.length);
      }
      segments = all.toArray(DataSegment[]::new);
      images = new ModuleImages(memories, 1, segments, 0);
    }
  }

  private final Random random = new Random(SEED);
  private final byte[] held = new byte[PAGES * PAGE + SlabLayout.CONTEXT_BYTES + 4_096];

  @ParameterizedTest
  @EnumSource(Way.class)
  void noByteOfAnEarlierUseIsLeft(Way way) {
    try (Slots slots = new Slots(way.config())) {
      Module[] modules = new Module[12];
      for (int i = 0; i < modules.length; i++) {
        modules[i] = new Module(random, slots.pool.layout());
      }
      int uses = 0;
      while (uses < REUSES / Way.values().length) {
        uses += lease(slots, modules[random.nextInt(modules.length)]);
      }
      PoolStats stats = slots.pool.stats();
      assertThat(stats.leased()).isZero();
      assertThat(stats.retired()).isZero();
      assertThat(stats.free()).isEqualTo(SLOTS);
    }
  }

  /**
   * Leases a slot, uses it some times, and gives it back somehow; answers how often it was used.
   */
  private int lease(Slots slots, Module module) {
    SlotLease lease = slots.take(module.images);
    SlotMemory[] memories = new SlotMemory[module.memories];
    for (int m = 0; m < memories.length; m++) {
      memories[m] = lease.newMemory(new MemoryLimits(module.pages, 65_536), m, module.memories);
    }
    SlotTable table = lease.newTable(Slots.table(module.elements, 1_000), NULL, 0, 1);
    if (random.nextInt(50) == 0) {
      lease.close(); // Building has failed.
      return 0;
    }
    for (SlotMemory memory : memories) {
      memory.initialize(Slots.noInstance(), module.segments);
    }
    lease.settle();
    int uses = 1 + random.nextInt(5);
    for (int use = 0; use < uses; use++) {
      lease.open(Slots.WIDE);
      compare(slots, lease, memories[0], module);
      for (SlotMemory memory : memories) {
        write(memory);
      }
      write(table);
      if (use < uses - 1) {
        lease.reset();
      }
    }
    switch (random.nextInt(3)) {
      case 0 -> lease.close();
      case 1 -> lease.release();
      default -> {
        lease.reset();
        lease.release();
      }
    }
    return uses;
  }

  private void compare(Slots slots, SlotLease lease, SlotMemory first, Module module) {
    assertThat(first.pages()).isEqualTo(module.pages);
    RawMemory.copyOut(slots.slotAddress(lease, first), held, 0, module.expected.length);
    int at = Arrays.mismatch(held, module.expected);
    if (at >= 0) {
      throw new AssertionError("byte " + at + " of slot " + lease.slot() + ", seed " + SEED);
    }
  }

  private void write(SlotMemory memory) {
    if (random.nextInt(3) == 0) {
      memory.grow(random.nextInt(3));
    }
    int size = (int) memory.sizeBytes();
    for (int i = random.nextInt(6); i > 0 && size > 0; i--) {
      int at = random.nextInt(size);
      switch (random.nextInt(8)) {
        case 0 -> memory.fillBytes(at, (byte) random.nextInt(), random.nextInt(size - at));
        case 1 -> {
          int from = random.nextInt(size);
          memory.copy(at, from, random.nextInt(Math.min(size - at, size - from) + 1));
        }
        // The same page as before, most times: the runs that fault on nothing.
        case 2, 3, 4 -> memory.store8(random.nextInt(16), 0, (byte) random.nextInt());
        default -> memory.store8(at, 0, (byte) random.nextInt());
      }
    }
  }

  private void write(SlotTable table) {
    if (random.nextInt(4) == 0) {
      table.grow(random.nextInt(50), 77, null);
    }
    if (table.size() > 0 && random.nextInt(4) == 0) {
      int at = random.nextInt(table.size());
      table.fillElements(at, random.nextInt(1_000), random.nextInt(table.size() - at));
    }
  }
}
