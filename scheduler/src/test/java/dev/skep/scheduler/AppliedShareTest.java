package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.TenantShare;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotClass;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.SlotShare;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What becomes of a tenant's share when it changes, and of a floor that cannot be promised. */
class AppliedShareTest {
  private static final TenantShare SHARE = TenantShare.DEFAULTS;

  /** Four slots of one class, six of another. */
  private final PoolingAllocator pool =
      new PoolingAllocator(
          PoolConfig.DEFAULTS
              .with()
              .classes(new SlotClass(1L << 20, 4), new SlotClass(2L << 20, 6))
              .build());

  private final SlotOwner owner = pool.newOwner();
  private final AppliedShare share = new AppliedShare(new TenantId("t"), owner);

  @AfterEach
  void close() {
    pool.close();
  }

  @Test
  void everyPartOfItReachesThePool() {
    share.apply(new TenantShare(2, 5, 7, 11, 13), 0);
    assertThat(owner.share()).isEqualTo(new SlotShare(2, 5, 7, 11, 13));
    assertThat(share.missingSlots()).isZero();
    assertThat(share.notPromised()).isZero();
  }

  @Test
  void anEqualShareIsNotAppliedAgain() {
    share.apply(new TenantShare(2, 5, 7, 11, 13), 0);
    owner.share(SlotShare.ANY);
    share.apply(new TenantShare(2, 5, 7, 11, 13), AppliedShare.RETRY_NANOS);
    assertThat(owner.share()).isEqualTo(SlotShare.ANY);
    share.apply(SHARE, AppliedShare.RETRY_NANOS);
    assertThat(owner.share().memoryBytes()).isEqualTo(SHARE.liveMemoryBytes());
  }

  @Test
  void whatCanBePromisedOfAFloorIsAndTheRestOfTheShareHolds() {
    share.apply(SHARE.withSlotFloor(1_000_000).withSlotWeight(9), 0);
    assertThat(owner.share().floorSlots()).as("as many as the smallest class has").isEqualTo(4);
    assertThat(owner.share().weight()).isEqualTo(9);
    assertThat(share.missingSlots()).isEqualTo(999_996);
    assertThat(share.notPromised()).isEqualTo(1);
  }

  @Test
  void aFloorThatWasPromisedStaysWhenAHigherOneCannotBe() {
    share.apply(SHARE.withSlotFloor(2), 0);
    SlotOwner other = pool.newOwner();
    assertThat(other.share(new SlotShare(2, 9, 1, 0, 0))).isTrue();
    share.apply(SHARE.withSlotFloor(3), 0);
    assertThat(owner.share().floorSlots()).isEqualTo(2);
    assertThat(share.missingSlots()).isEqualTo(1);
  }

  @Test
  void whatIsMissingIsAskedForAgainOnceASecond() {
    SlotOwner other = pool.newOwner();
    assertThat(other.share(new SlotShare(3, 9, 1, 0, 0))).isTrue();
    TenantShare wanted = SHARE.withSlotFloor(4);
    share.apply(wanted, 0);
    assertThat(owner.share().floorSlots()).isEqualTo(1);
    assertThat(other.share(new SlotShare(1, 9, 1, 0, 0))).isTrue();
    share.apply(wanted, AppliedShare.RETRY_NANOS - 1);
    assertThat(owner.share().floorSlots()).isEqualTo(1);
    share.apply(wanted, AppliedShare.RETRY_NANOS);
    assertThat(owner.share().floorSlots()).isEqualTo(3);
    assertThat(other.share(SlotShare.ANY)).isTrue();
    share.apply(wanted, 2 * AppliedShare.RETRY_NANOS);
    assertThat(owner.share().floorSlots()).isEqualTo(4);
    assertThat(share.missingSlots()).isZero();
    assertThat(share.notPromised()).as("changes, not tries").isEqualTo(1);
  }

  @Test
  void aFloorGivenUpIsFreeForOthers() {
    share.apply(SHARE.withSlotFloor(4), 0);
    SlotOwner other = pool.newOwner();
    assertThat(other.share(new SlotShare(4, 9, 1, 0, 0))).isFalse();
    share.apply(SHARE, 0);
    assertThat(other.share(new SlotShare(4, 9, 1, 0, 0))).isTrue();
  }
}
