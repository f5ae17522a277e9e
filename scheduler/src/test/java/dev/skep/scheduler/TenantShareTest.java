package dev.skep.scheduler;

import static dev.skep.scheduler.Node.ONE_WORKER;
import static dev.skep.scheduler.Node.quick;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.TenantLimits;
import dev.skep.limits.TenantShare;
import dev.skep.scheduler.Node.Busy;
import dev.skep.scheduler.Receipt.Outcome;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Tenants that want more slots than there are: who keeps which, and who is charged for it. One
 * worker, so that each run has given back what it takes before the next begins.
 */
@Timeout(120)
class TenantShareTest {
  private static final TenantShare SHARE = TenantShare.DEFAULTS;

  private static void run(Node node, String tenant, int function, TenantShare share) {
    assertThat(
            node.submit(
                    quick()
                        .tenant(tenant)
                        .function("f" + function)
                        .tenantLimits(TenantLimits.DEFAULTS.withShare(share)))
                .outcome())
        .isEqualTo(Outcome.COMPLETED);
  }

  private static TenantActivity of(Node node, String tenant) {
    return node.scheduler.activity().stream()
        .filter(a -> a.tenant().value().equals(tenant))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void nobodyTakesAnIdleInstanceWithinItsTenantsFloor() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      TenantShare floor = SHARE.withSlotFloor(2);
      run(node, "sure", 0, floor);
      run(node, "sure", 1, floor);
      // However much more it weighs.
      for (int f = 0; f < 20; f++) {
        run(node, "greedy", f, SHARE.withSlotWeight(1_000));
        assertThat(of(node, "sure").slots()).isEqualTo(2);
      }
      assertThat(of(node, "sure").evictionsSuffered()).isZero();
      long hits = node.scheduler.stats().warmHits();
      run(node, "sure", 0, floor);
      run(node, "sure", 1, floor);
      assertThat(node.scheduler.stats().warmHits()).isEqualTo(hits + 2);
    }
  }

  @Test
  void nobodyTakesAFreeSlotWithinAnothersFloor() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      TenantShare floor = SHARE.withSlotFloor(3);
      node.scheduler.limits(new TenantId("sure"), TenantLimits.DEFAULTS.withShare(floor));
      for (int f = 0; f < 10; f++) {
        run(node, "greedy", f, SHARE);
        assertThat(of(node, "greedy").slots()).isEqualTo(1);
      }
      for (int f = 0; f < 3; f++) {
        run(node, "sure", f, floor);
      }
      assertThat(of(node, "sure").slots()).isEqualTo(3);
      assertThat(of(node, "sure").evictionsCaused()).isZero();
      // Beyond its floor it is one among equals: with one slot more it would be the heavier one.
      run(node, "sure", 3, floor);
      assertThat(of(node, "sure").slots()).isEqualTo(3);
      assertThat(of(node, "greedy").slots()).isEqualTo(1);
    }
  }

  @Test
  void aTenantsFloorHoldsWhileOthersRun() {
    try (Node node = new Node(ONE_WORKER.withWorkers(2), 2)) {
      TenantShare floor = SHARE.withSlotFloor(1);
      node.scheduler.limits(new TenantId("sure"), TenantLimits.DEFAULTS.withShare(floor));
      Busy busy = node.busy();
      // The last slot but the one that is promised is running.
      assertThat(node.submit(quick().tenant("late")).awaitRefusal()).isEqualTo(Refusal.POOL_FULL);
      run(node, "sure", 0, floor);
      busy.release();
    }
  }

  @Test
  void aCeilingHoldsAndCostsTheTenantItsOwnIdleInstanceFirst() {
    try (Node node = new Node(ONE_WORKER, 8)) {
      run(node, "other", 0, SHARE);
      for (int f = 0; f < 6; f++) {
        run(node, "bounded", f, SHARE.withSlotCeiling(2));
        assertThat(of(node, "bounded").slots()).isEqualTo(Math.min(f + 1, 2));
      }
      assertThat(of(node, "bounded").evictionsCaused()).isEqualTo(4);
      assertThat(of(node, "bounded").evictionsSuffered()).isEqualTo(4);
      assertThat(of(node, "other").evictionsSuffered()).isZero();
      assertThat(node.pool.stats().leased()).isEqualTo(3);
    }
  }

  @Test
  void aRunBeyondTheCeilingIsRefusedThoughSlotsAreFree() {
    try (Node node = new Node(ONE_WORKER.withWorkers(2), 8)) {
      TenantLimits one = TenantLimits.DEFAULTS.withShare(SHARE.withSlotCeiling(1));
      Busy busy = node.new Busy(Node.endless().tenant("bounded").tenantLimits(one));
      assertThat(
              node.submit(quick().tenant("bounded").function("g").tenantLimits(one)).awaitRefusal())
          .isEqualTo(Refusal.POOL_FULL);
      assertThat(node.submit(quick().tenant("other")).outcome()).isEqualTo(Outcome.COMPLETED);
      busy.release();
    }
  }

  @Test
  void warmSlotsAreSharedByWeightUnderPressure() {
    try (Node node = new Node(ONE_WORKER, 8)) {
      // The light one comes first and has them all.
      for (int f = 0; f < 8; f++) {
        run(node, "light", f, SHARE);
      }
      assertThat(of(node, "light").slots()).isEqualTo(8);
      for (int f = 0; f < 40; f++) {
        run(node, "heavy", f, SHARE.withSlotWeight(3));
        run(node, "light", f, SHARE);
      }
      assertThat(of(node, "heavy").slots()).isEqualTo(6);
      assertThat(of(node, "light").slots()).isEqualTo(2);
      // What it needed of the other is charged to it, and no more.
      TenantActivity heavy = of(node, "heavy");
      TenantActivity light = of(node, "light");
      assertThat(light.evictionsSuffered() - light.evictionsCaused()).isEqualTo(6);
      assertThat(heavy.evictionsCaused() - heavy.evictionsSuffered()).isEqualTo(6);
    }
  }

  @Test
  void evictionsAreChargedToWhoCausedThem() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      for (int f = 0; f < 4; f++) {
        run(node, "first", f, SHARE);
      }
      run(node, "second", 0, SHARE);
      run(node, "second", 1, SHARE);
      assertThat(of(node, "first").evictionsSuffered()).isEqualTo(2);
      assertThat(of(node, "first").evictionsCaused()).isZero();
      assertThat(of(node, "second").evictionsCaused()).isEqualTo(2);
      assertThat(of(node, "second").evictionsSuffered()).isZero();
      assertThat(node.scheduler.stats().warmEvictions()).isEqualTo(2);
    }
  }

  @Test
  void aChangedShareHoldsFromTheNextRun() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      for (int f = 0; f < 4; f++) {
        run(node, "t", f, SHARE);
      }
      run(node, "t", 4, SHARE.withSlotCeiling(2));
      assertThat(of(node, "t").slots()).isEqualTo(2);
    }
  }

  @Test
  void aFloorThatCannotBePromisedIsCounted() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      run(node, "first", 0, SHARE.withSlotFloor(3));
      run(node, "second", 0, SHARE.withSlotFloor(3).withSlotCeiling(3));
      assertThat(node.scheduler.floors()).isEqualTo(new FloorStats(1, 2));
      run(node, "second", 1, SHARE.withSlotFloor(3).withSlotCeiling(3));
      assertThat(of(node, "second").slots()).isEqualTo(1);
      node.scheduler.limits(new TenantId("second"), TenantLimits.DEFAULTS);
      assertThat(node.scheduler.floors()).isEqualTo(new FloorStats(1, 0));
    }
  }

  /** All of a tenant's stores together, each within its own limits. */
  @Test
  void liveMemoryIsBoundedOverAllRunsOfATenant() {
    try (Node node = new Node(ONE_WORKER.withWorkers(2), 8)) {
      // The busy run has one page.
      TenantLimits two = TenantLimits.DEFAULTS.withShare(SHARE.withLiveMemoryBytes(2 * 65_536));
      Busy busy = node.new Busy(Node.endless().tenant("t").tenantLimits(two));
      Node.Answer answer =
          node.submit(new Node.Ask("grow_all").tenant("t").function("g").tenantLimits(two));
      assertThat(answer.outcome()).isEqualTo(Outcome.COMPLETED);
      assertThat(Objects.requireNonNull(answer.receipt).memoryPeakBytes()).isEqualTo(65_536);
      // Another tenant's are not its concern.
      Node.Answer other = node.submit(new Node.Ask("grow_all").tenant("other"));
      assertThat(other.awaitReceipt().memoryPeakBytes()).isGreaterThan(1L << 20);
      busy.release();
    }
  }
}
