package dev.skep.limits;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** For random overrides and ceilings: {@code over} is the override, {@code within} the lower. */
class LimitOverridesProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("LimitOverridesProperty -Dskep.seed=" + SEED);
  }

  @Test
  void overIsWhatIsSetAndWithinIsNeverAboveTheCeiling() {
    Random random = new Random(SEED);
    for (int i = 0; i < 20_000; i++) {
      StoreLimits ceiling =
          new StoreLimits(
              random.nextLong(StoreLimits.MAX_FUEL + 1),
              random.nextLong((1L << 32) + 1),
              random.nextLong(10_000_001),
              1 + random.nextInt(64),
              1 + random.nextInt(StoreLimits.MAX_CALL_DEPTH),
              1 + random.nextLong(StoreLimits.MAX_DEADLINE_NANOS));
      Integer depth = random.nextBoolean() ? null : 1 + random.nextInt(StoreLimits.MAX_CALL_DEPTH);
      LimitOverrides overrides =
          new LimitOverrides(
              random.nextBoolean() ? null : random.nextLong(StoreLimits.MAX_FUEL + 1),
              random.nextBoolean() ? null : random.nextLong((1L << 32) + 1),
              random.nextBoolean() ? null : random.nextLong(10_000_001),
              depth,
              random.nextBoolean() ? null : 1 + random.nextLong(StoreLimits.MAX_DEADLINE_NANOS));
      StoreLimits over = overrides.over(ceiling);
      StoreLimits within = overrides.within(ceiling);
      check(overrides.fuel(), ceiling, over, within, StoreLimits::fuel);
      check(overrides.memoryBytes(), ceiling, over, within, StoreLimits::memoryBytes);
      check(overrides.tableElements(), ceiling, over, within, StoreLimits::tableElements);
      check(depth == null ? null : (long) depth, ceiling, over, within, StoreLimits::callDepth);
      check(overrides.deadlineNanos(), ceiling, over, within, StoreLimits::deadlineNanos);
      check(null, ceiling, over, within, StoreLimits::instances);
    }
  }

  private static void check(
      @Nullable Long set,
      StoreLimits ceiling,
      StoreLimits over,
      StoreLimits within,
      ToLongFunction<StoreLimits> limit) {
    long most = limit.applyAsLong(ceiling);
    long expected = set == null ? most : set;
    assertThat(limit.applyAsLong(over)).as("seed %d", SEED).isEqualTo(expected);
    assertThat(limit.applyAsLong(within)).as("seed %d", SEED).isEqualTo(Math.min(expected, most));
  }
}
