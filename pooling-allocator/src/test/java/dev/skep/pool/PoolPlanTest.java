package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.HostFacts.AddressLimit;
import dev.skep.pool.HostFacts.MemoryLimit;
import dev.skep.pool.PoolPlan.Knob;
import dev.skep.pool.PoolPlan.Problem;
import dev.skep.pool.PoolPlan.Sum.Resource;
import dev.skep.pool.PoolPlan.Term;
import dev.skep.pool.PoolPlan.Term.Part;
import org.junit.jupiter.api.Test;

class PoolPlanTest {
  private static final long GIB = 1L << 30;

  /** A small server with a new kernel. */
  private static final HostFacts HOST =
      new HostFacts(
          true,
          true,
          65_530,
          600,
          AddressLimit.USER_SPACE,
          1L << 47,
          8 * GIB,
          MemoryLimit.MACHINE,
          4 * GIB);

  private static final PoolConfig SMALL =
      PoolConfig.DEFAULTS
          .with()
          .classes(new SlotClass(1 << 20, 10), new SlotClass(4 << 20, 5))
          .instances(8)
          .unusedWarmSlots(3)
          .decommitBatch(4)
          .mapImageBytes(65_536)
          .imageMappings(100)
          .memoriesPerModule(2)
          .build();

  /** 20,000 elements of 4 bytes, in whole pages, and the context. */
  private static final long TABLES = 84 << 10;

  private static final long KEPT = (64 << 10) + (60 << 10) + (20 << 10);

  @Test
  void everyLineIsWhatItSays() {
    PoolPlan plan = PoolPlan.of(SMALL, HOST, GIB);
    assertThat(plan.problems()).isEmpty();
    assertThat(plan.addressSpace().of(Part.SLOTS))
        .isEqualTo(10 * (TABLES + (1 << 20) + 65_536) + 5 * (TABLES + (4 << 20) + 65_536));
    assertThat(plan.addressSpace().of(Part.IN_USE)).isEqualTo(8 * GIB);
    assertThat(plan.mappings().of(Part.SLAB)).isEqualTo(1);
    assertThat(plan.mappings().of(Part.GUARDS)).isZero();
    // 15 slots of 2 memories each, 2 mappings a memory.
    assertThat(plan.mappings().of(Part.IMAGES)).isEqualTo(60);
    assertThat(plan.mappings().of(Part.IN_USE)).isEqualTo(600);
    assertThat(plan.heap().total()).isEqualTo(8 * 2_400 + 15 * 56);
    assertThat(plan.idle().of(Part.KEPT_MEMORY)).isEqualTo(8 * (64 << 10));
    // The largest that is not mapped.
    assertThat(plan.idle().of(Part.KEPT_IMAGES)).isEqualTo(8 * (60 << 10));
    assertThat(plan.idle().of(Part.KEPT_TABLES)).isEqualTo(8 * (20 << 10));
    // The 5 large slots and 3 small ones are live; 3 of the other 7 are warm.
    assertThat(plan.idle().of(Part.WARM_SLOTS)).isEqualTo(3 * KEPT);
    assertThat(plan.worst().of(Part.WRITTEN))
        .isEqualTo(5 * (TABLES + (4 << 20)) + 3 * (TABLES + (1 << 20)));
    assertThat(plan.worst().of(Part.WAITING)).isEqualTo(3 * (TABLES + (1 << 20)));
    assertThat(plan.worst().of(Part.WARM_SLOTS)).isEqualTo(3 * KEPT);
    assertThat(plan.worst().of(Part.HEAP)).isEqualTo(GIB);
    assertThat(plan.isOvercommitted()).isFalse();
  }

  @Test
  void whatIsNotThePoolsCountsInTheWorstCaseOnly() {
    PoolPlan plan = PoolPlan.of(SMALL, HOST, GIB);
    PoolPlan with = plan.withWorst(new Term(Part.COMPILER_HEAP, 3 * GIB, "another process"));
    assertThat(with.worst().of(Part.COMPILER_HEAP)).isEqualTo(3 * GIB);
    assertThat(with.worst().total()).isEqualTo(plan.worst().total() + 3 * GIB);
    assertThat(with.isOvercommitted()).isTrue();
    assertThat(with.worst().limit()).isEqualTo(plan.worst().limit());
    assertThat(with.idle()).isEqualTo(plan.idle());
    assertThat(with.problems()).isEmpty();
  }

  @Test
  void pageTablesAreCountedByWhatTheyCover() {
    PoolConfig config = PoolConfig.of(1, 64 << 20, 20_000, 65_536);
    PoolPlan plan = PoolPlan.of(config, HOST, GIB);
    // Kept bytes lie in the first 2 MiB, the guard in the 33rd; with one table of each level above.
    assertThat(plan.idle().of(Part.PAGE_TABLES)).isEqualTo((2 + 1 + 1) * 4_096);
    assertThat(plan.worst().of(Part.PAGE_TABLES)).isEqualTo((33 + 1 + 1) * 4_096);
    PoolPlan unguarded = PoolPlan.of(config.with().guardBytes(0).build(), HOST, GIB);
    assertThat(unguarded.idle().of(Part.PAGE_TABLES)).isEqualTo((1 + 1 + 1) * 4_096);
  }

  @Test
  void aCopiedImageIsKeptBesides() {
    PoolConfig config =
        PoolConfig.of(10, 1 << 20, 1, 0).with().keepResidentMemoryBytes(960 << 10).build();
    PoolPlan plan = PoolPlan.of(config, HOST, GIB, 40 << 10);
    assertThat(plan.idle().of(Part.KEPT_MEMORY)).isEqualTo(10 * (960 << 10));
    assertThat(plan.idle().of(Part.KEPT_IMAGES)).isEqualTo(10 * (40 << 10));
    // No more than there is room for.
    assertThat(PoolPlan.of(config, HOST, GIB, 1 << 20).idle().of(Part.KEPT_IMAGES))
        .isEqualTo(10 * (64 << 10));
    assertThat(PoolPlan.of(config, HOST, GIB, 0).idle().of(Part.KEPT_IMAGES)).isZero();
    PoolConfig never = config.with().mapImageBytes(Long.MAX_VALUE).build();
    assertThat(PoolPlan.of(never, HOST, GIB).idle().of(Part.KEPT_IMAGES))
        .isEqualTo(10 * (64 << 10));
    PoolConfig always = config.with().mapImageBytes(1).build();
    assertThat(PoolPlan.of(always, HOST, GIB).idle().of(Part.KEPT_IMAGES)).isZero();
  }

  @Test
  void theDefaultsFitASmallServer() {
    PoolPlan plan = PoolPlan.of(PoolConfig.DEFAULTS, HOST, GIB);
    assertThat(plan.problems()).isEmpty();
    assertThat(plan.idle().total()).isLessThan(5 * GIB / 2);
    // Overcommitted, as a pool is meant to be.
    assertThat(plan.isOvercommitted()).isTrue();
  }

  @Test
  void tooMuchAddressSpaceIsAProblem() {
    PoolConfig config =
        PoolConfig.DEFAULTS.with().classes(new SlotClass(4L << 30, 40_000)).instances(100).build();
    Problem problem = only(PoolPlan.of(config, HOST, GIB));
    assertThat(problem.resource()).isEqualTo(Resource.ADDRESS_SPACE);
    assertThat(problem.sum().limit()).isEqualTo(1L << 47);
    assertThat(problem.sum().total()).isGreaterThan(40_000 * (4L << 30));
    assertThat(problem.turn()).startsWith(Knob.CLASSES);
  }

  @Test
  void tooManyMappingsAreAProblem() {
    PoolConfig config = PoolConfig.DEFAULTS.with().imageMappings(40_000).build();
    Problem problem = only(PoolPlan.of(config, HOST, GIB));
    assertThat(problem.resource()).isEqualTo(Resource.MAPPINGS);
    // One slab, two an image, in use, and what is left for the rest of the process.
    assertThat(problem.sum().total()).isEqualTo(1 + 80_000 + 600 + 4_096);
    assertThat(problem.sum().limit()).isEqualTo(65_530);
    assertThat(problem.turn()).containsExactly(Knob.IMAGE_MAPPINGS, Knob.MAX_MAP_COUNT);
  }

  @Test
  void imagesThatAreNeverMappedNeedNoMappings() {
    PoolConfig config =
        PoolConfig.DEFAULTS.with().imageMappings(1_000_000).mapImageBytes(Long.MAX_VALUE).build();
    PoolPlan plan = PoolPlan.of(config, HOST, GIB);
    assertThat(plan.problems()).isEmpty();
    assertThat(plan.mappings().of(Part.IMAGES)).isZero();
  }

  @Test
  void moreKeptThanThereIsMemoryIsAProblem() {
    PoolConfig config = PoolConfig.DEFAULTS.with().keepResidentMemoryBytes(1 << 20).build();
    Problem problem = only(PoolPlan.of(config, HOST, GIB));
    assertThat(problem.resource()).isEqualTo(Resource.IDLE_MEMORY);
    assertThat(problem.sum().of(Part.KEPT_MEMORY))
        // The instances live in the largest slots, and those of 512 KiB keep all they hold.
        .isEqualTo((4_096L + 8_192) * (1 << 20) + 4_096L * (512 << 10));
    assertThat(problem.turn()).startsWith(Knob.KEEP_RESIDENT_MEMORY, Knob.INSTANCES);

    PoolConfig warm =
        PoolConfig.of(100_000, 1 << 20, 20_000, 0)
            .with()
            .instances(100)
            .unusedWarmSlots(100_000)
            .build();
    assertThat(only(PoolPlan.of(warm, HOST, GIB)).turn()).startsWith(Knob.UNUSED_WARM_SLOTS);
  }

  @Test
  void moreInstancesThanTheHeapHoldsAreAProblem() {
    Problem problem = only(PoolPlan.of(PoolConfig.DEFAULTS, HOST, 32 << 20));
    assertThat(problem.resource()).isEqualTo(Resource.HEAP);
    assertThat(problem.turn()).contains(Knob.INSTANCES, Knob.JVM_HEAP);
  }

  private static Problem only(PoolPlan plan) {
    assertThat(plan.problems()).hasSize(1);
    return plan.problems().getFirst();
  }
}
