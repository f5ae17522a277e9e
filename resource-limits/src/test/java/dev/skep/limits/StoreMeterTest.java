package dev.skep.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Fuel, deadline, cancellation and call depth, one at a time. */
class StoreMeterTest {
  private static final StoreLimits LIMITS =
      StoreLimits.DEFAULTS.withDeadlineNanos(StoreLimits.MAX_DEADLINE_NANOS);

  private final StoreMeter meter = new StoreMeter();

  private void begin(StoreLimits limits) {
    meter.begin(limits, System.nanoTime());
  }

  private LimitExceededException refused(long cost) {
    return catchThrowableOfType(LimitExceededException.class, () -> meter.charge(cost));
  }

  @Test
  void nothingCanBeChargedBeforeTheFirstRun() {
    assertThatThrownBy(() -> meter.charge(1)).isInstanceOf(LimitExceededException.class);
    assertThatThrownBy(() -> meter.enter(1)).isInstanceOf(LimitExceededException.class);
  }

  @Test
  void theWholeBudgetCanBeChargedAndNotAUnitMore() {
    begin(LIMITS.withFuel(1_000_000));
    meter.charge(1);
    meter.charge(999_999);
    assertThat(meter.fuelConsumed()).isEqualTo(1_000_000);
    LimitExceededException refused = refused(1);
    assertThat(refused.kind()).isEqualTo(LimitKind.FUEL);
    assertThat(refused.limit()).isEqualTo(1_000_000);
    assertThat(refused).hasMessage("the run needs 1 more than its 1000000 units of fuel");
    assertThat(meter.fuelConsumed()).isEqualTo(1_000_000);
  }

  @Test
  void aRefusedChargeIsNotConsumedAndASmallerOneStillGoes() {
    begin(LIMITS.withFuel(100));
    meter.charge(60);
    assertThat(refused(41).kind()).isEqualTo(LimitKind.FUEL);
    assertThat(meter.fuelConsumed()).isEqualTo(60);
    meter.charge(40);
    assertThat(meter.fuelConsumed()).isEqualTo(100);
  }

  @Test
  void hugeChargesAreRefusedAndDoNotOverflow() {
    begin(LIMITS.withFuel(StoreLimits.MAX_FUEL));
    for (long cost : new long[] {Long.MAX_VALUE, Long.MAX_VALUE - 1, 1L << 62, 1L << 50}) {
      assertThat(refused(cost).kind()).isEqualTo(LimitKind.FUEL);
      assertThat(meter.fuelConsumed()).isZero();
    }
    meter.charge((1L << 32) - 1);
    assertThat(refused(Long.MAX_VALUE).kind()).isEqualTo(LimitKind.FUEL);
    assertThat(meter.fuelConsumed()).isEqualTo((1L << 32) - 1);
    meter.charge(StoreLimits.MAX_FUEL - meter.fuelConsumed());
    assertThat(meter.fuelConsumed()).isEqualTo(StoreLimits.MAX_FUEL);
  }

  @Test
  void noFuelMeansNoOperatorThatCostsButFreeOnes() {
    begin(LIMITS.withFuel(0));
    meter.charge(0);
    assertThat(refused(1).kind()).isEqualTo(LimitKind.FUEL);
  }

  @Test
  void aDeadlineIsSeenWhenASliceEndsAndLeavesTheConsumptionExact() {
    StoreLimits limits = LIMITS.withDeadlineNanos(1_000_000);
    meter.begin(limits, System.nanoTime() - 1_000_000);
    LimitExceededException refused = refused(7);
    assertThat(refused.kind()).isEqualTo(LimitKind.DEADLINE);
    assertThat(refused.limit()).isEqualTo(1_000_000);
    assertThat(meter.fuelConsumed()).isZero();
  }

  @Test
  void aDeadlineIsNoticedWithinOneSlice() {
    begin(LIMITS.withDeadlineNanos(1));
    LimitExceededException stopped =
        catchThrowableOfType(
            LimitExceededException.class,
            () -> {
              for (long i = 0; i <= StoreMeter.MOST_SLICE_FUEL; i++) {
                meter.charge(1);
              }
            });
    assertThat(stopped.kind()).isEqualTo(LimitKind.DEADLINE);
  }

  @Test
  void aDeadlineHoldsWhereTheClockIsNegativeOrOverflows() {
    // Only differences of nanoTime mean anything: its own values may be of either sign.
    meter.begin(LIMITS.withDeadlineNanos(1_000), System.nanoTime() - (1L << 62));
    assertThat(refused(1).kind()).isEqualTo(LimitKind.DEADLINE);
  }

  @Test
  void cancellingTheUpcomingRunStopsItAtItsFirstCharge() {
    meter.cancel(meter.upcomingRun());
    begin(LIMITS);
    assertThat(refused(1).kind()).isEqualTo(LimitKind.CANCELLED);
    assertThat(meter.fuelConsumed()).isZero();
  }

  @Test
  void cancellingOneRunLeavesTheNextAlone() {
    long first = meter.upcomingRun();
    begin(LIMITS);
    meter.charge(1);
    meter.end();
    meter.cancel(first);
    begin(LIMITS);
    meter.charge(StoreMeter.MOST_SLICE_FUEL * 3);
    assertThat(meter.fuelConsumed()).isEqualTo(StoreMeter.MOST_SLICE_FUEL * 3);
  }

  @Test
  void aLateCancelOfAnEarlierRunDoesNotUndoThatOfThisRun() {
    long first = meter.upcomingRun();
    begin(LIMITS);
    meter.end();
    meter.cancel(meter.upcomingRun());
    meter.cancel(first);
    begin(LIMITS);
    assertThat(refused(1).kind()).isEqualTo(LimitKind.CANCELLED);
  }

  @Test
  void anotherThreadCancelsWithinASlice() throws InterruptedException {
    long number = meter.upcomingRun();
    CountDownLatch begun = new CountDownLatch(1);
    Thread canceller =
        Thread.ofPlatform()
            .start(() -> {
              try {
                begun.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              meter.cancel(number);
            });
    begin(LIMITS.withFuel(StoreLimits.MAX_FUEL));
    begun.countDown();
    LimitExceededException stopped =
        catchThrowableOfType(
            LimitExceededException.class,
            () -> {
              while (meter.fuelConsumed() < StoreLimits.MAX_FUEL) {
                meter.charge(1_000);
              }
            });
    canceller.join();
    assertThat(stopped.kind()).isEqualTo(LimitKind.CANCELLED);
  }

  @Test
  void callDepthIsTakenAndGivenBack() {
    begin(LIMITS.withCallDepth(10));
    int outer = meter.enter(4);
    int inner = meter.enter(6);
    LimitExceededException refused =
        catchThrowableOfType(LimitExceededException.class, () -> meter.enter(1));
    assertThat(refused.kind()).isEqualTo(LimitKind.CALL_DEPTH);
    assertThat(refused.limit()).isEqualTo(10);
    meter.leave(inner);
    inner = meter.enter(6);
    assertThatThrownBy(() -> meter.enter(Integer.MAX_VALUE))
        .isInstanceOf(LimitExceededException.class);
    meter.leave(inner);
    assertThat(meter.enter(5)).isEqualTo(inner);
    meter.leave(outer);
    assertThat(meter.enter(10)).isEqualTo(outer);
  }

  @Test
  void depthLeftOverByATrapIsForgottenByTheNextRun() {
    begin(LIMITS.withCallDepth(3));
    meter.enter(3);
    meter.end();
    begin(LIMITS.withCallDepth(3));
    meter.enter(3);
  }

  @Test
  void anEndedStorePaysForNothing() {
    begin(LIMITS);
    meter.charge(5);
    meter.end();
    meter.charge(0);
    assertThatThrownBy(() -> meter.charge(1)).isInstanceOf(LimitExceededException.class);
    assertThatThrownBy(() -> meter.enter(1)).isInstanceOf(LimitExceededException.class);
  }

  @Test
  void aListenerHearsOfEverySliceAndOfTheDepth() {
    List<Integer> depths = new ArrayList<>();
    meter.onSlice((depth, _) -> {
      depths.add(depth);
      return 0;
    });
    begin(LIMITS);
    meter.charge(1);
    meter.enter(3);
    meter.charge(StoreMeter.LEAST_SLICE_FUEL);
    meter.charge(1);
    meter.look();
    assertThat(depths).containsExactly(0, 3, 3);
    assertThat(meter.fuelConsumed()).isEqualTo(StoreMeter.LEAST_SLICE_FUEL + 2);
  }

  @Test
  void theFirstSliceIsTheSmallest() {
    List<Integer> depths = new ArrayList<>();
    meter.onSlice((depth, _) -> {
      depths.add(depth);
      return 0;
    });
    begin(LIMITS);
    for (long i = 0; i <= StoreMeter.LEAST_SLICE_FUEL; i++) {
      meter.charge(1);
    }
    assertThat(depths).hasSize(2);
  }

  @Test
  void timeAsideDoesNotCountTowardsTheDeadline() {
    long hour = 3_600_000_000_000L;
    meter.onSlice((_, _) -> hour);
    meter.begin(LIMITS.withDeadlineNanos(hour), System.nanoTime());
    for (int i = 1; i <= 3; i++) {
      meter.look();
      assertThat(meter.asideNanos()).isEqualTo(i * hour);
    }
    meter.begin(LIMITS, System.nanoTime());
    assertThat(meter.asideNanos()).isZero();
  }

  @Test
  void aRunThatWasCancelledWhileAsideStops() {
    long number = meter.upcomingRun();
    meter.onSlice((_, _) -> {
      meter.cancel(number);
      return 1;
    });
    begin(LIMITS);
    assertThat(refused(1).kind()).isEqualTo(LimitKind.CANCELLED);
    assertThat(meter.fuelConsumed()).isZero();
  }

  @Test
  void aListenerCanEndTheRunAndNothingIsPaidForWhatDidNotRun() {
    meter.onSlice((_, _) -> {
      throw new LimitExceededException(LimitKind.CANCELLED, 0, "enough");
    });
    begin(LIMITS);
    assertThat(refused(5)).hasMessage("enough");
    assertThat(meter.fuelConsumed()).isZero();
  }

  @Test
  void aLookStopsAtTheDeadlineAndIsOfNoEffectOutsideRuns() {
    meter.look();
    meter.begin(LIMITS.withDeadlineNanos(1), System.nanoTime() - 10);
    assertThat(catchThrowableOfType(LimitExceededException.class, meter::look).kind())
        .isEqualTo(LimitKind.DEADLINE);
    meter.end();
    meter.look();
  }
}
