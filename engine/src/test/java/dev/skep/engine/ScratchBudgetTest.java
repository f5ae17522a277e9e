package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.ScratchGrant;
import dev.skep.limits.StoreLimits;
import dev.skep.limits.WasiGrants;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What runs take of a node's scratch space, by tenant and in all. */
class ScratchBudgetTest {
  private static final int BLOCK = ScratchTree.BLOCK_BYTES;
  private static final int ENTRY = ScratchTree.ENTRY_BYTES;
  private static final WasiGrants GRANTS =
      WasiGrants.NONE.withScratch(new ScratchGrant("/tmp", 1 << 20, 100));

  private static Guests guests;
  private static CompiledModule module;

  @BeforeAll
  static void open() {
    guests = new Guests();
    module = guests.compile(Wat.bytes("files"));
  }

  @AfterAll
  static void close() {
    guests.close();
  }

  private static WasiBench bench(ScratchBudget budget, ScratchAccount tenant) {
    return new WasiBench(guests, module, GRANTS, budget, tenant);
  }

  /** Writes block after block to a new file until there is no space; how many were written. */
  private static int fill(WasiBench bench) {
    int fd = bench.created(3, "f");
    bench.vector(0, WasiBench.DATA, BLOCK);
    for (int blocks = 0; ; blocks++) {
      int errno = bench.call("fd_write", fd, WasiBench.VECTORS, 1, WasiBench.RESULT);
      if (errno != 0) {
        assertThat(errno).isEqualTo(WasiErrno.NOSPC);
        return blocks;
      }
    }
  }

  @Test
  void aTenantAtItsPartDoesNotKeepAnotherFromWriting() {
    ScratchBudget budget = new ScratchBudget(4 * (10L * BLOCK + ENTRY), 10L * BLOCK + ENTRY);
    ScratchAccount greedy = new ScratchAccount();
    ScratchAccount other = new ScratchAccount();
    try (WasiBench first = bench(budget, greedy)) {
      assertThat(fill(first)).isEqualTo(10);
      assertThat(budget.stats().refusedOfTenant()).isEqualTo(1);
      try (WasiBench second = bench(budget, greedy)) {
        assertThat(second.open(3, "g", 1)).as("an entry").isEqualTo(WasiErrno.NOSPC);
        assertThat(second.call("path_create_directory", 3, WasiBench.PATH, second.path("d")))
            .isEqualTo(WasiErrno.NOSPC);
        try (WasiBench third = bench(budget, other)) {
          assertThat(fill(third)).isEqualTo(10);
          assertThat(third.write(4, "again")).as("the file is full").isEqualTo(WasiErrno.NOSPC);
        }
        assertThat(other.usedBytes()).isZero();
      }
      assertThat(greedy.usedBytes()).isEqualTo(10L * BLOCK + ENTRY);
      // What one run of the tenant removes another can take.
      assertThat(first.call("path_unlink_file", 3, WasiBench.PATH, first.path("f"))).isZero();
      assertThat(first.call("fd_close", 4)).isZero();
      try (WasiBench second = bench(budget, greedy)) {
        assertThat(fill(second)).isEqualTo(10);
      }
    }
    assertThat(greedy.usedBytes()).isZero();
    assertThat(budget.usedBytes()).isZero();
    assertThat(budget.stats().refusedInAll()).isZero();
  }

  @Test
  void theNodesBoundHoldsForTenantsWithinTheirs() {
    ScratchBudget budget = new ScratchBudget(15L * BLOCK + 2 * ENTRY, 10L * BLOCK + ENTRY);
    ScratchAccount late = new ScratchAccount();
    try (WasiBench first = bench(budget, new ScratchAccount());
        WasiBench second = bench(budget, late)) {
      assertThat(fill(first)).isEqualTo(10);
      assertThat(fill(second)).isEqualTo(5);
      assertThat(late.usedBytes()).as("the refused is not kept").isEqualTo(5L * BLOCK + ENTRY);
      assertThat(budget.stats()).isEqualTo(new ScratchStats(15L * BLOCK + 2 * ENTRY, 1, 1));
    }
    assertThat(budget.usedBytes()).isZero();
  }

  @Test
  void aRunGivesAllBackHoweverItEnds() {
    CompiledModule fills = guests.guest("journal");
    for (String end : List.of("return", "trap", "spin")) {
      ScratchAccount tenant = new ScratchAccount();
      AtomicLong most = new AtomicLong();
      StoreLimits limits = StoreLimits.DEFAULTS.withFuel(10_000_000);
      try (GuestInstance instance = guests.instance(fills)) {
        RunReport report =
            instance.run(
                new Invocation.CommandRun(
                    List.of("journal", "fill", "/tmp", "262144", end), Map.of(), new byte[0]),
                new WasiWorld(GRANTS, WasiTree.EMPTY),
                limits,
                (_, _) -> {
                  most.accumulateAndGet(tenant.usedBytes(), Math::max);
                  return 0;
                },
                tenant);
        Class<?> expected =
            switch (end) {
              case "return" -> RunResult.Exited.class;
              case "trap" -> RunResult.Trapped.class;
              default -> RunResult.LimitReached.class;
            };
        assertThat(report.result()).as(end).isInstanceOf(expected);
      }
      assertThat(tenant.usedBytes()).as(end).isZero();
      assertThat(guests.engine.scratch().usedBytes()).as(end).isZero();
      assertThat(most.get()).as(end).isGreaterThanOrEqualTo(BLOCK);
    }
  }

  /** Threads that take and give at random: no bound is passed, and in the end nothing is left. */
  @Test
  void boundsHoldForManyAtOnce() throws InterruptedException {
    long seed = 7;
    ScratchBudget budget = new ScratchBudget(60, 40);
    List<ScratchAccount> tenants = List.of(new ScratchAccount(), new ScratchAccount());
    AtomicLong passed = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Random random = new Random(seed + t);
      ScratchAccount tenant = tenants.get(t % 2);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 20_000; i++) {
                  long bytes = random.nextLong(1, 31);
                  if (budget.take(tenant, bytes)) {
                    if (tenant.usedBytes() > 40 || budget.usedBytes() > 60) {
                      passed.incrementAndGet();
                    }
                    budget.give(tenant, bytes);
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(passed.get()).isZero();
    assertThat(budget.usedBytes()).isZero();
    assertThat(tenants).allSatisfy(tenant -> assertThat(tenant.usedBytes()).isZero());
  }
}
