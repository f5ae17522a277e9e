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

  @Test
  void regionsAreDisjointAlignedAndInBounds() {
    Random random = new Random(SEED);
    for (int i = 0; i < 20_000; i++) {
      PoolConfig config =
          new PoolConfig(
              1 + random.nextInt(random.nextBoolean() ? 10 : 1_000_000),
              random.nextLong((1L << 16) + 1) * 65_536,
              1 + random.nextInt(random.nextBoolean() ? 5_000 : 10_000_000),
              random.nextLong((1L << 18) + 1) * 4_096);
      SlabLayout layout = SlabLayout.of(config);
      holds(layout, config, 0);
      holds(layout, config, config.slots() - 1);
      holds(layout, config, random.nextInt(config.slots()));
    }
  }

  private static void holds(SlabLayout layout, PoolConfig config, int slot) {
    long tables = layout.tableOffset(slot);
    long memory = layout.memoryOffset(slot);
    long guard = layout.guardOffset(slot);
    long end = guard + config.guardBytes();
    String what = "seed " + SEED + ", " + config + ", slot " + slot;
    assertThat(tables % 4_096).as(what).isZero();
    assertThat(memory % 4_096).as(what).isZero();
    assertThat(guard % 4_096).as(what).isZero();
    assertThat(tables).as(what).isEqualTo(slot * layout.strideBytes()).isNotNegative();
    assertThat(memory - tables).as(what).isGreaterThanOrEqualTo(config.slotTableElements() * 4L);
    assertThat(guard - memory).as(what).isEqualTo(config.slotMemoryBytes());
    assertThat(end).as(what).isLessThanOrEqualTo(layout.totalBytes());
    if (slot + 1 < config.slots()) {
      assertThat(layout.tableOffset(slot + 1)).as(what).isEqualTo(end);
    } else {
      assertThat(layout.totalBytes()).as(what).isEqualTo(end);
    }
  }

  @Test
  void sizesOutOfRangeAreRefusedByName() {
    assertThatThrownBy(() -> new PoolConfig(0, 0, 1, 0)).hasMessageContaining("slots is 0");
    assertThatThrownBy(() -> new PoolConfig(1_000_001, 0, 1, 0)).hasMessageContaining("slots is");
    assertThatThrownBy(() -> new PoolConfig(1, 65_535, 1, 0))
        .hasMessageContaining("slotMemoryBytes is 65535");
    assertThatThrownBy(() -> new PoolConfig(1, (1L << 32) + 65_536, 1, 0))
        .hasMessageContaining("slotMemoryBytes");
    assertThatThrownBy(() -> new PoolConfig(1, 0, 0, 0)).hasMessageContaining("slotTableElements");
    assertThatThrownBy(() -> new PoolConfig(1, 0, 10_000_001, 0))
        .hasMessageContaining("slotTableElements");
    assertThatThrownBy(() -> new PoolConfig(1, 0, 1, 4_095)).hasMessageContaining("guardBytes");
    assertThatThrownBy(() -> new PoolConfig(1, 0, 1, -4_096)).hasMessageContaining("guardBytes");
  }

  @Test
  void theDefaultsAreTheDocumentedOnes() {
    assertThat(PoolConfig.DEFAULTS).isEqualTo(new PoolConfig(16_384, 64 << 20, 20_000, 65_536));
    assertThat(SlabLayout.of(PoolConfig.DEFAULTS).totalBytes()).isLessThan(2L << 40);
  }
}
