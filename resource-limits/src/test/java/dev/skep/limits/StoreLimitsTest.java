package dev.skep.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;

/** Every limit's range at both ends, the defaults, and what overrides can and cannot do. */
class StoreLimitsTest {
  private static final StoreLimits BASE = StoreLimits.DEFAULTS;

  private static void holds(String name, long min, long max, LongFunction<Object> make) {
    assertThatCode(() -> make.apply(min)).doesNotThrowAnyException();
    assertThatCode(() -> make.apply(max)).doesNotThrowAnyException();
    for (long outside : new long[] {min - 1, max + 1}) {
      assertThatThrownBy(() -> make.apply(outside))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(name)
          .hasMessageContaining(String.valueOf(outside))
          .hasMessageContaining(String.valueOf(max));
    }
  }

  @Test
  void everyLimitIsHeldToItsRange() {
    holds("fuel", 0, StoreLimits.MAX_FUEL, BASE::withFuel);
    holds("memoryBytes", 0, 1L << 32, BASE::withMemoryBytes);
    holds("tableElements", 0, 10_000_000, BASE::withTableElements);
    holds("callDepth", 1, StoreLimits.MAX_CALL_DEPTH, v -> BASE.withCallDepth((int) v));
    holds("deadlineNanos", 1, StoreLimits.MAX_DEADLINE_NANOS, BASE::withDeadlineNanos);
    holds("instances", 1, 64, v -> new StoreLimits(0, 0, 0, (int) v, 1, 1));
  }

  @Test
  void everyOverrideIsHeldToTheSameRange() {
    holds("fuel", 0, StoreLimits.MAX_FUEL, v -> new LimitOverrides(v, null, null, null, null));
    holds("memoryBytes", 0, 1L << 32, v -> new LimitOverrides(null, v, null, null, null));
    holds("tableElements", 0, 10_000_000, v -> new LimitOverrides(null, null, v, null, null));
    holds(
        "callDepth",
        1,
        StoreLimits.MAX_CALL_DEPTH,
        v -> new LimitOverrides(null, null, null, (int) v, null));
    holds(
        "deadlineNanos",
        1,
        StoreLimits.MAX_DEADLINE_NANOS,
        v -> new LimitOverrides(null, null, null, null, v));
  }

  @Test
  void tenantLimitsAreHeldToTheirRanges() {
    holds("concurrency", 1, 1_024, v -> new TenantLimits((int) v, 0, 1, LimitOverrides.NONE));
    holds("queueDepth", 0, 100_000, v -> new TenantLimits(1, (int) v, 1, LimitOverrides.NONE));
    holds("functions", 1, 1_000_000, v -> new TenantLimits(1, 0, (int) v, LimitOverrides.NONE));
  }

  @Test
  void aTenantsShareIsHeldToItsRanges() {
    TenantShare base = TenantShare.DEFAULTS;
    holds("slotFloor", 0, 1_000_000, v -> base.withSlotFloor((int) v));
    holds("slotCeiling", 1, 1_000_000, v -> base.withSlotCeiling((int) v));
    holds("slotWeight", 1, 1_000, v -> base.withSlotWeight((int) v));
    assertThatThrownBy(() -> base.withLiveMemoryBytes(-1)).hasMessageContaining("liveMemoryBytes");
    assertThatThrownBy(() -> base.withLiveTableElements(-1))
        .hasMessageContaining("liveTableElements");
    // Promised more than it may have, it could never get all of it.
    assertThatThrownBy(() -> base.withSlotFloor(8).withSlotCeiling(7))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("slotCeiling is 7; it must be from 8 to 1000000");
  }

  @Test
  void theDefaultsAreTheDocumentedOnes() {
    assertThat(StoreLimits.DEFAULTS)
        .isEqualTo(new StoreLimits(1_000_000_000, 64 << 20, 20_000, 1, 8_192, 10_000_000_000L));
    assertThat(TenantLimits.DEFAULTS)
        .isEqualTo(new TenantLimits(16, 1_024, 1_000, LimitOverrides.NONE));
    assertThat(TenantLimits.DEFAULTS.share())
        .isEqualTo(new TenantShare(0, 1_000_000, 1, 17_179_869_184L, 100_000_000));
  }

  @Test
  void eachWithChangesItsOwnLimitOnly() {
    assertThat(BASE.withFuel(3))
        .isEqualTo(
            new StoreLimits(
                3,
                BASE.memoryBytes(),
                BASE.tableElements(),
                BASE.instances(),
                BASE.callDepth(),
                BASE.deadlineNanos()));
    assertThat(BASE.withFuel(3).withFuel(BASE.fuel())).isEqualTo(BASE);
    assertThat(BASE.withMemoryBytes(3).withMemoryBytes(BASE.memoryBytes())).isEqualTo(BASE);
    assertThat(BASE.withTableElements(3).withTableElements(BASE.tableElements())).isEqualTo(BASE);
    assertThat(BASE.withCallDepth(3).withCallDepth(BASE.callDepth())).isEqualTo(BASE);
    assertThat(BASE.withDeadlineNanos(3).withDeadlineNanos(BASE.deadlineNanos())).isEqualTo(BASE);
  }

  @Test
  void noOverridesLeaveEverythingAsItStands() {
    assertThat(LimitOverrides.NONE.over(BASE)).isEqualTo(BASE);
    assertThat(LimitOverrides.NONE.within(BASE)).isEqualTo(BASE);
  }

  @Test
  void anOperatorsOverridesRaiseAndLower() {
    LimitOverrides raised = new LimitOverrides(2_000_000_000L, 1L << 30, 1L, 9_000, 1L);
    assertThat(raised.over(BASE))
        .isEqualTo(new StoreLimits(2_000_000_000L, 1L << 30, 1, BASE.instances(), 9_000, 1));
  }

  @Test
  void aFunctionsOverridesLowerAndNeverRaise() {
    LimitOverrides asked = new LimitOverrides(2_000_000_000L, 1L << 30, 1L, 9_000, 1L);
    assertThat(asked.within(BASE))
        .isEqualTo(
            new StoreLimits(
                BASE.fuel(), BASE.memoryBytes(), 1, BASE.instances(), BASE.callDepth(), 1));
  }
}
