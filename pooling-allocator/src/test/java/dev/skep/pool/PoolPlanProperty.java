package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.HostFacts.AddressLimit;
import dev.skep.pool.HostFacts.MemoryLimit;
import dev.skep.pool.PoolPlan.Sum;
import dev.skep.pool.PoolPlan.Term;
import dev.skep.pool.PoolPlan.Term.Part;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** For random configurations and machines: the sums bound each other and move the right way. */
class PoolPlanProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int ROUNDS = 3_000;

  static {
    System.out.println("PoolPlanProperty -Dskep.seed=" + SEED);
  }

  private final Random random = new Random(SEED);

  private PoolConfig config() {
    int count = 1 + random.nextInt(4);
    SlotClass[] classes = new SlotClass[count];
    long memory = 0;
    for (int i = 0; i < count; i++) {
      memory += (1 + random.nextLong(1L << (2 + 3 * i))) << 16;
      classes[i] =
          new SlotClass(memory, memory + random.nextLong(64) * 4_096, 1 + random.nextInt(300));
    }
    PoolConfig.Builder builder = PoolConfig.DEFAULTS.with().classes(classes);
    int slots = builder.build().slots();
    return builder
        .instances(1 + random.nextInt(slots))
        .tableElements(1 + random.nextInt(50_000))
        .memoriesPerModule(1 + random.nextInt(16))
        .guardBytes(random.nextLong(40) * 4_096)
        .unusedWarmSlots(random.nextInt(400))
        .keepResidentMemoryBytes(random.nextLong(600) * 4_096)
        .keepResidentTableBytes(random.nextLong(20) * 4_096)
        .decommitBatch(random.nextInt(40))
        .mapImageBytes(1 + random.nextLong(1L << 22))
        .imageMappings(random.nextInt(2_000))
        .build();
  }

  private HostFacts host() {
    return new HostFacts(
        random.nextBoolean(),
        random.nextBoolean(),
        random.nextInt(100_000),
        random.nextInt(1_000),
        oneOf(AddressLimit.values()),
        random.nextLong(1L << 47),
        random.nextLong(1L << 40),
        oneOf(MemoryLimit.values()),
        random.nextLong(1L << 40));
  }

  private <T> T oneOf(T[] all) {
    return all[random.nextInt(all.length)];
  }

  @Test
  void theSumsHold() {
    for (int i = 0; i < ROUNDS; i++) {
      PoolConfig config = config();
      HostFacts host = host();
      long heap = random.nextLong(1L << 34);
      PoolPlan plan =
          random.nextBoolean()
              ? PoolPlan.of(config, host, heap)
              : PoolPlan.of(config, host, heap, random.nextLong(1_000) * 4_096);
      String what = "seed " + SEED + ", " + config + ", " + host;
      SlabLayout layout = SlabLayout.of(config);

      for (Sum sum :
          List.of(plan.addressSpace(), plan.mappings(), plan.heap(), plan.idle(), plan.worst())) {
        assertThat(sum.terms()).as(what).allMatch(term -> term.amount() >= 0);
        assertThat(sum.total()).as(what).isEqualTo(sum.of(Part.values())).isPositive();
      }
      assertThat(plan.addressSpace().of(Part.SLOTS)).as(what).isEqualTo(layout.totalBytes());
      assertThat(plan.mappings().of(Part.IMAGES))
          .as(what)
          .isLessThanOrEqualTo(2L * config.imageMappings());

      // What is idle is part of what is written.
      assertThat(slab(plan.idle())).as(what).isLessThanOrEqualTo(slab(plan.worst()));
      assertThat(plan.idle().of(Part.PAGE_TABLES))
          .as(what)
          .isLessThanOrEqualTo(plan.worst().of(Part.PAGE_TABLES));
      assertThat(slab(plan.worst())).as(what).isLessThanOrEqualTo(layout.totalBytes());
      // One table of 8 bytes a page, and one of each level that may begin and end anywhere.
      assertThat(plan.worst().of(Part.PAGE_TABLES))
          .as(what)
          .isLessThanOrEqualTo((layout.totalBytes() / 4_096 * 8) * 513 / 512 + 6 * 4_096);

      assertThat(plan.problems().stream().map(PoolPlan.Problem::sum))
          .as(what)
          .allMatch(sum -> sum.total() > sum.limit())
          .doesNotContain(plan.worst());
      assertThat(plan.problems()).as(what).allMatch(problem -> !problem.turn().isEmpty());
    }
  }

  /** Resident bytes of the slab, without page tables and heap. */
  private static long slab(Sum sum) {
    return sum.of(
        Part.KEPT_MEMORY,
        Part.KEPT_IMAGES,
        Part.KEPT_TABLES,
        Part.WARM_SLOTS,
        Part.WRITTEN,
        Part.WAITING);
  }

  @Test
  void moreOfAnythingIsNotLess() {
    for (int i = 0; i < ROUNDS; i++) {
      PoolConfig config = config();
      HostFacts host = host();
      PoolPlan before = PoolPlan.of(config, host, 1L << 30);
      PoolConfig.Builder more = config.with();
      switch (random.nextInt(5)) {
        case 0 -> more.instances(Math.min(config.slots(), config.instances() + 1));
        case 1 -> more.unusedWarmSlots(config.unusedWarmSlots() + 1);
        case 2 -> more.keepResidentMemoryBytes(config.keepResidentMemoryBytes() + 4_096);
        case 3 -> more.keepResidentTableBytes(config.keepResidentTableBytes() + 4_096);
        default -> more.decommitBatch(config.decommitBatch() + 1);
      }
      PoolPlan after = PoolPlan.of(more.build(), host, 1L << 30);
      String what = "seed " + SEED + ", " + config + ", then " + more.build();
      assertThat(after.idle().total()).as(what).isGreaterThanOrEqualTo(before.idle().total());
      assertThat(after.worst().total()).as(what).isGreaterThanOrEqualTo(before.worst().total());
      assertThat(after.addressSpace()).as(what).isEqualTo(before.addressSpace());
    }
  }

  /** Counted one page at a time. */
  @Test
  void pageTablesAreThoseOfTheTouchedPages() {
    for (int i = 0; i < ROUNDS; i++) {
      PageTables tables = new PageTables();
      Set<Long> seen = new HashSet<>();
      long at = 0;
      for (int range = 0; range < 20; range++) {
        at += random.nextLong(1L << (12 + random.nextInt(28))) / 4_096 * 4_096;
        long to = at + random.nextLong(2_000) * 4_096;
        tables.touch(at, to);
        for (long page = at; page < to; page += 4_096) {
          seen.add(page >>> 21 | 1L << 60);
          seen.add(page >>> 30 | 2L << 60);
          seen.add(page >>> 39 | 3L << 60);
        }
        at = to;
      }
      assertThat(tables.bytes()).as("seed %s", SEED).isEqualTo(seen.size() * 4_096L);
    }
  }

  @Test
  void everyLineSaysWhy() {
    PoolPlan plan = PoolPlan.of(config(), host(), 1);
    assertThat(plan.idle().terms()).extracting(Term::because).doesNotContain("");
    assertThat(plan.worst().terms()).extracting(Term::because).doesNotContain("");
  }
}
