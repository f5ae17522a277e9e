package dev.skep.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** The meter against a model of two numbers: what the budget was, and what has been paid. */
class StoreMeterProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("StoreMeterProperty -Dskep.seed=" + SEED);
  }

  @Test
  void consumedIsTheSumOfTheChargesThatWentAndNeverAboveTheBudget() {
    Random random = new Random(SEED);
    StoreMeter meter = new StoreMeter();
    for (int run = 0; run < 2_000; run++) {
      long budget = budget(random);
      meter.begin(
          new StoreLimits(budget, 0, 0, 1, 1_000, StoreLimits.MAX_DEADLINE_NANOS),
          System.nanoTime());
      long paid = 0;
      for (int i = 0; i < 200; i++) {
        long cost = cost(random, budget - paid);
        boolean goes = cost <= budget - paid;
        boolean went;
        try {
          meter.charge(cost);
          went = true;
        } catch (LimitExceededException e) {
          assertThat(e.kind()).isEqualTo(LimitKind.FUEL);
          assertThat(e.limit()).isEqualTo(budget);
          went = false;
        }
        assertThat(went)
            .as("seed %d run %d charge %d of %d", SEED, run, cost, budget)
            .isEqualTo(goes);
        paid += goes ? cost : 0;
        assertThat(meter.fuelConsumed()).as("seed %d run %d", SEED, run).isEqualTo(paid);
      }
      // budget = reserve + slice + consumed: exactly the rest can still be paid.
      meter.charge(budget - paid);
      assertThat(meter.fuelConsumed()).isEqualTo(budget);
      meter.end();
    }
  }

  @Test
  void whatIsOwedCountsInFullAndEndsAtTheNextChargeThatIsChecked() {
    Random random = new Random(SEED);
    StoreMeter meter = new StoreMeter();
    for (int run = 0; run < 2_000; run++) {
      long budget = budget(random);
      meter.begin(
          new StoreLimits(budget, 0, 0, 1, 1_000, StoreLimits.MAX_DEADLINE_NANOS),
          System.nanoTime());
      long consumed = 0;
      boolean refused = false;
      for (int i = 0; i < 200 && !refused; i++) {
        int cost = random.nextInt(1_001);
        if (random.nextBoolean()) {
          meter.owe(cost);
          consumed += cost;
        } else {
          // As generated code does: it holds the slice, and gives it back.
          int slice = meter.openSlice();
          try {
            int left = StoreMeter.pay(slice, cost, meter);
            assertThat(left).isNotNegative();
            meter.closeSlice(left);
            consumed += cost;
          } catch (LimitExceededException e) {
            assertThat(e.kind()).isEqualTo(LimitKind.FUEL);
            refused = true;
          }
          // One that went has been added already.
          assertThat(refused)
              .as("seed %d run %d charge %d at %d of %d", SEED, run, cost, consumed, budget)
              .isEqualTo((refused ? consumed + cost : consumed) > budget);
        }
        assertThat(meter.fuelConsumed()).as("seed %d run %d", SEED, run).isEqualTo(consumed);
      }
      if (consumed > budget) {
        assertThatThrownBy(meter::settle)
            .isInstanceOf(LimitExceededException.class)
            .hasMessageContaining(consumed - budget + " more than its " + budget);
      } else {
        meter.settle();
      }
      assertThat(meter.fuelConsumed()).isEqualTo(consumed);
      meter.end();
    }
  }

  private static long budget(Random random) {
    return switch (random.nextInt(5)) {
      case 0 -> random.nextInt(100);
      case 1 -> StoreMeter.MOST_SLICE_FUEL + random.nextInt(5) - 2;
      case 2 -> random.nextLong(50 * StoreMeter.MOST_SLICE_FUEL);
      case 3 -> StoreLimits.MAX_FUEL - random.nextInt(3);
      default -> random.nextLong(StoreLimits.MAX_FUEL);
    };
  }

  private static long cost(Random random, long left) {
    return switch (random.nextInt(8)) {
      case 0 -> 0;
      case 1 -> random.nextInt(100);
      case 2 -> StoreMeter.MOST_SLICE_FUEL + random.nextInt(5) - 2;
      case 3 -> Math.max(0, left + random.nextInt(3) - 1);
      case 4 -> random.nextLong(1L << 32);
      case 5 -> Long.MAX_VALUE - random.nextInt(3);
      default -> random.nextInt(10_000);
    };
  }

  @Test
  void depthIsExactUnderAnyBalancedNesting() {
    Random random = new Random(SEED);
    StoreMeter meter = new StoreMeter();
    for (int run = 0; run < 500; run++) {
      int limit = 1 + random.nextInt(StoreLimits.MAX_CALL_DEPTH);
      meter.begin(
          StoreLimits.DEFAULTS
              .withCallDepth(limit)
              .withDeadlineNanos(StoreLimits.MAX_DEADLINE_NANOS),
          System.nanoTime());
      int[] frames = new int[200];
      int[] before = new int[frames.length];
      int top = 0;
      long depth = 0;
      for (int i = 0; i < 400; i++) {
        if (top > 0 && (top == frames.length || random.nextBoolean())) {
          depth -= frames[--top];
          meter.leave(before[top]);
        } else {
          int units = 1 + random.nextInt(1 + limit / 4);
          boolean entered;
          try {
            int left = meter.enter(units);
            before[top] = left;
            entered = true;
          } catch (LimitExceededException e) {
            assertThat(e.kind()).isEqualTo(LimitKind.CALL_DEPTH);
            entered = false;
          }
          assertThat(entered).as("seed %d run %d", SEED, run).isEqualTo(depth + units <= limit);
          if (entered) {
            frames[top++] = units;
            depth += units;
          }
        }
      }
    }
  }
}
