package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** For random sizes: every region lies in the slab, on a page, and overlaps no other. */
class SlabLayoutProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("SlabLayoutProperty -Dskep.seed=" + SEED);
  }

  private static PoolConfig config(Random random) {
    SlotClass[] classes = new SlotClass[1 + random.nextInt(8)];
    long pages = random.nextLong(1L << (1 + random.nextInt(13)));
    for (int i = 0; i < classes.length; i++) {
      long memory = pages * 65_536;
      long reserved =
          random.nextBoolean()
              ? memory
              : memory + random.nextLong((1L << 22) - memory / 4_096) * 4_096;
      int slots = 1 + random.nextInt(random.nextBoolean() ? 10 : 100_000);
      classes[i] = new SlotClass(memory, reserved, slots);
      pages += 1 + random.nextLong(1L << (1 + random.nextInt(12)));
    }
    return PoolConfig.DEFAULTS
        .with()
        .classes(classes)
        .tableElements(1 + random.nextInt(random.nextBoolean() ? 5_000 : 10_000_000))
        .guardBytes(random.nextBoolean() ? 0 : random.nextLong((1L << 18) + 1) * 4_096)
        .build();
  }

  @Test
  void regionsAreDisjointAlignedAndInBounds() {
    Random random = new Random(SEED);
    for (int i = 0; i < 5_000; i++) {
      PoolConfig config = config(random);
      SlabLayout layout = SlabLayout.of(config);
      int slots = config.slots();
      assertThat(layout.slots()).isEqualTo(slots);
      int first = 0;
      for (int c = 0; c < config.classes().size(); c++) {
        int last = first + config.classes().get(c).slots() - 1;
        for (int slot : new int[] {first, last, first + random.nextInt(last - first + 1)}) {
          holds(layout, config, c, slot);
        }
        first = last + 1;
      }
    }
  }

  private static void holds(SlabLayout layout, PoolConfig config, int slotClass, int slot) {
    SlotClass of = config.classes().get(slotClass);
    long tables = layout.tableOffset(slot);
    long memory = layout.memoryOffset(slot);
    long guard = layout.guardOffset(slot);
    long end = guard + config.guardBytes();
    String what = "seed " + SEED + ", " + config + ", slot " + slot;
    assertThat(layout.classOf(slot)).as(what).isEqualTo(slotClass);
    assertThat(layout.memoryBytes(slot)).as(what).isEqualTo(of.memoryBytes());
    assertThat(tables % 4_096).as(what).isZero();
    assertThat(memory % 4_096).as(what).isZero();
    assertThat(guard % 4_096).as(what).isZero();
    assertThat(tables).as(what).isNotNegative();
    assertThat(memory - tables).as(what).isGreaterThanOrEqualTo(config.tableElements() * 4L);
    assertThat(guard - memory).as(what).isEqualTo(of.reservedBytes());
    assertThat(layout.usableBytes(slot)).as(what).isEqualTo(memory - tables + of.memoryBytes());
    assertThat(end).as(what).isLessThanOrEqualTo(layout.totalBytes());
    if (slot == 0) {
      assertThat(tables).as(what).isZero();
    }
    if (slot + 1 < config.slots()) {
      assertThat(layout.tableOffset(slot + 1)).as(what).isEqualTo(end);
    } else {
      assertThat(layout.totalBytes()).as(what).isEqualTo(end);
    }
  }

  @Test
  void theClassForSomeMemoryIsTheSmallestThatHoldsIt() {
    Random random = new Random(SEED + 1);
    for (int i = 0; i < 5_000; i++) {
      PoolConfig config = config(random);
      SlabLayout layout = SlabLayout.of(config);
      String what = "seed " + SEED + ", " + config;
      assertThat(layout.classFor(0)).as(what).isZero();
      for (int c = 0; c < config.classes().size(); c++) {
        long bytes = config.classes().get(c).memoryBytes();
        assertThat(layout.classFor(bytes)).as(what).isEqualTo(c);
        assertThat(layout.classFor(bytes + 1))
            .as(what)
            .isEqualTo(c + 1 < config.classes().size() ? c + 1 : -1);
      }
    }
  }

  @Test
  void sizesOutOfRangeAreRefusedByName() {
    assertThatThrownBy(() -> PoolConfig.of(0, 0, 1, 0)).hasMessageContaining("slots is 0");
    assertThatThrownBy(() -> PoolConfig.of(1_000_001, 0, 1, 0)).hasMessageContaining("slots is");
    assertThatThrownBy(() -> PoolConfig.of(1, 65_535, 1, 0))
        .hasMessageContaining("memoryBytes is 65535");
    assertThatThrownBy(() -> PoolConfig.of(1, (1L << 32) + 65_536, 1, 0))
        .hasMessageContaining("memoryBytes");
    assertThatThrownBy(() -> new SlotClass(65_536, 65_535, 1))
        .hasMessageContaining("reservedBytes");
    assertThatThrownBy(() -> PoolConfig.of(1, 0, 0, 0)).hasMessageContaining("tableElements");
    assertThatThrownBy(() -> PoolConfig.of(1, 0, 10_000_001, 0))
        .hasMessageContaining("tableElements");
    assertThatThrownBy(() -> PoolConfig.of(1, 0, 1, 4_095)).hasMessageContaining("guardBytes");
    assertThatThrownBy(() -> PoolConfig.of(1, 0, 1, -4_096)).hasMessageContaining("guardBytes");
    PoolConfig.Builder knobs = PoolConfig.DEFAULTS.with();
    assertThatThrownBy(
            () -> knobs.classes(new SlotClass(65_536, 1), new SlotClass(65_536, 1)).build())
        .hasMessageContaining("class 1 has 65536");
    assertThatThrownBy(() -> knobs.classes(new SlotClass(65_536, 2)).instances(3).build())
        .hasMessageContaining("instances is 3");
  }

  @Test
  void theDefaultsAreTheDocumentedOnes() {
    PoolConfig defaults = PoolConfig.DEFAULTS;
    assertThat(defaults.classes())
        .containsExactly(
            new SlotClass(512 << 10, 16_384),
            new SlotClass(4 << 20, 8_192),
            new SlotClass(64 << 20, 4_096));
    assertThat(defaults)
        .isEqualTo(
            new PoolConfig(
                defaults.classes(),
                16_384,
                1_000_000_000,
                1_000_000_000,
                16,
                16,
                20_000,
                65_536,
                1_024,
                65_536,
                16_384,
                16,
                PoolConfig.PageScanning.AUTO,
                65_536,
                16_000,
                10_000));
    assertThat(SlabLayout.of(defaults).totalBytes()).isLessThan(2L << 40);
  }
}
