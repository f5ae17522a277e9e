package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.limits.LimitOverrides;
import dev.skep.limits.TenantLimits;
import dev.skep.limits.TenantShare;
import dev.skep.scheduler.TenantId;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TenantStoreIT {
  private final TenantStore tenants = new TenantStore(TestDatabase.database());

  @Test
  void createdTenantIsFoundWithItsLimits() {
    TenantId tenant = TestDatabase.newTenantId();
    TenantLimits limits =
        new TenantLimits(
            3,
            0,
            7,
            new TenantShare(2, 3, 1_000, 0, Long.MAX_VALUE),
            new LimitOverrides(5L, 1L << 32, null, 65_536, 3_600_000_000_000L));
    assertThat(tenants.find(tenant)).isEmpty();
    assertThat(tenants.create(tenant, limits))
        .isInstanceOfSatisfying(
            CreateTenantResult.Created.class,
            created -> {
              assertThat(created.tenant().limits()).isEqualTo(limits);
              assertThat(tenants.find(tenant)).contains(created.tenant());
            });
  }

  @Test
  void creatingAnExistingTenantChangesNothing() {
    TenantId tenant = TestDatabase.newTenantId();
    tenants.create(tenant, TenantLimits.DEFAULTS);
    TenantLimits others = new TenantLimits(1, 1, 1, LimitOverrides.NONE);
    assertThat(tenants.create(tenant, others))
        .isInstanceOfSatisfying(
            CreateTenantResult.AlreadyExists.class,
            exists -> assertThat(exists.tenant().limits()).isEqualTo(TenantLimits.DEFAULTS));
  }

  @Test
  void suspensionIsSetAndLifted() {
    TenantId tenant = TestDatabase.newTenant();
    assertThat(tenants.suspend(tenant)).isTrue();
    assertThat(tenants.suspend(tenant)).isTrue();
    assertThat(tenants.find(tenant).orElseThrow().suspended()).isTrue();
    assertThat(tenants.resume(tenant)).isTrue();
    assertThat(tenants.find(tenant).orElseThrow().suspended()).isFalse();
  }

  @Test
  void aTenantIsHeldToTier1AndLetGo() {
    TenantId tenant = TestDatabase.newTenant();
    assertThat(tenants.find(tenant).orElseThrow().heldToTier1()).isFalse();
    assertThat(tenants.setHeldToTier1(tenant, true)).isTrue();
    assertThat(tenants.find(tenant).orElseThrow().heldToTier1()).isTrue();
    assertThat(tenants.setHeldToTier1(tenant, false)).isTrue();
    assertThat(tenants.find(tenant).orElseThrow().heldToTier1()).isFalse();
    assertThat(tenants.setHeldToTier1(TestDatabase.newTenantId(), true)).isFalse();
  }

  @Test
  void limitsAreReplacedAsAWhole() {
    TenantId tenant = TestDatabase.newTenant();
    TenantLimits limits =
        new TenantLimits(
            1_024,
            100_000,
            1_000_000,
            new TenantShare(1_000_000, 1_000_000, 2, Long.MAX_VALUE, 0),
            new LimitOverrides(null, null, 1L, null, 1L));
    assertThat(tenants.setLimits(tenant, limits)).isTrue();
    assertThat(tenants.find(tenant).orElseThrow().limits()).isEqualTo(limits);
    assertThat(tenants.setLimits(tenant, TenantLimits.DEFAULTS)).isTrue();
    assertThat(tenants.find(tenant).orElseThrow().limits()).isEqualTo(TenantLimits.DEFAULTS);
  }

  /** What a tenant has that was there before the columns were. */
  @Test
  void theDatabasesDefaultShareIsTheServices() {
    TenantId tenant = TestDatabase.newTenantId();
    TestDatabase.database()
        .query(connection ->
            Query.update(
                connection,
                "INSERT INTO tenants (tenant, concurrency, queue_depth, functions_limit)"
                    + " VALUES (?, 1, 1, 1)",
                tenant.value()));
    assertThat(tenants.find(tenant).orElseThrow().limits().share()).isEqualTo(TenantShare.DEFAULTS);
  }

  @Test
  void missingTenantIsToldApart() {
    TenantId nobody = new TenantId("nobody");
    assertThat(tenants.suspend(nobody)).isFalse();
    assertThat(tenants.resume(nobody)).isFalse();
    assertThat(tenants.setLimits(nobody, TenantLimits.DEFAULTS)).isFalse();
  }

  @Test
  void pagesHoldEveryTenantOnceInTheOrderOfTheirNames() {
    List<TenantId> created = new ArrayList<>();
    for (String name : List.of("page-b", "page-a", "page-a1", "page0", "page-c-x", "page-cx")) {
      TenantId tenant = new TenantId(name);
      tenants.create(tenant, TenantLimits.DEFAULTS);
      created.add(tenant);
    }
    List<TenantId> listed = new ArrayList<>();
    TenantId after = null;
    while (true) {
      List<TenantRecord> page = tenants.list(after, 2);
      page.forEach(record -> listed.add(record.tenant()));
      if (page.size() < 2) {
        break;
      }
      after = page.getLast().tenant();
    }
    assertThat(listed)
        .doesNotHaveDuplicates()
        .containsAll(created)
        .isSortedAccordingTo((a, b) -> a.value().compareTo(b.value()));
  }

  @Test
  void pagesAreBounded() {
    assertThatThrownBy(() -> tenants.list(null, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> tenants.list(null, 1_001))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("limit is 1001; it must be from 1 to 1000");
  }
}
