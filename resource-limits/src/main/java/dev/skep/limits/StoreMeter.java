package dev.skep.limits;

import java.util.concurrent.atomic.AtomicLongFieldUpdater;

/**
 * Counts down one store's fuel, deadline and call depth while its guest runs.
 *
 * <p>Confined to the thread that runs the guest, but for {@link #cancel}, which any thread may
 * call. Never blocks. Extended by the object that generated code already has at hand, so that a
 * charge is one field of an object in a register.
 *
 * <h2>Slices</h2>
 *
 * The hot counter holds only a slice of the budget. When a slice is used up the slow path looks at
 * the clock and at cancellation and takes the next slice, so that a deadline costs the fast path
 * nothing:
 *
 * <pre>
 *   budget = reserve + slice left + consumed          (always, exactly)
 *   |■■■■■■■■■■■ consumed ■■■■■■■■■■■|□ slice □|·········· reserve ··········|
 * </pre>
 *
 * A charge that the budget cannot pay is refused before what it pays for runs, and is not counted
 * as consumed. Charges that are not checked ({@link #owe}) may leave the slice, and in the end the
 * budget, below zero; so what was consumed can exceed the budget, and then says by how much. It is
 * never clamped: nothing runs unpaid and nothing is paid that did not run.
 */
public class StoreMeter {
  /**
   * Most fuel between two looks at the clock: in compiled code some 50–200 µs. The look costs 25
   * ns.
   */
  static final long MOST_SLICE_FUEL = 100_000;

  /** The least: code that the JVM still interprets takes some 0.3 ms for it. */
  static final long LEAST_SLICE_FUEL = 5_000;

  /**
   * What a slice is to take. One that took more than twice as long is followed by one of half the
   * fuel, one that took less than half by one of twice: who waits for the end of a slice, to stop a
   * run or for its worker, knows nothing of how fast the guest's code is.
   */
  private static final long SLICE_NANOS = 100_000;

  private int slice;
  private long reserve;
  private long budget;
  private int depthLeft;
  private int depthLimit;
  private long startNanos;

  /** Size of the next slice; the code is as fast in the next run as in this one. */
  private long sliceFuel = LEAST_SLICE_FUEL;

  /** When the slice began. */
  private long lookedNanos;

  /** Nothing is under a deadline before the first run. */
  private long deadlineNanos = Long.MAX_VALUE;

  /** How long the run has been put aside; that is no time of its own. */
  private long asideNanos;

  private long run;
  private SliceListener slices = SliceListener.NONE;

  /** The latest run that was asked to stop. */
  private volatile long cancelledRun = -1;

  private static final AtomicLongFieldUpdater<StoreMeter> CANCELLED_RUN =
      AtomicLongFieldUpdater.newUpdater(StoreMeter.class, "cancelledRun");

  /** Starts a run under {@code limits}; {@code nowNanos} is on {@link System#nanoTime}'s clock. */
  public final void begin(StoreLimits limits, long nowNanos) {
    budget = limits.fuel();
    reserve = budget;
    slice = 0;
    depthLimit = limits.callDepth();
    depthLeft = depthLimit;
    startNanos = nowNanos;
    lookedNanos = nowNanos;
    deadlineNanos = limits.deadlineNanos();
    asideNanos = 0;
    run++;
  }

  /** Tells {@code listener} of the slices of the runs that begin from now on. */
  public final void onSlice(SliceListener listener) {
    slices = listener;
  }

  /** Forbids everything: after this a charge of one unit or more fails. */
  public final void end() {
    budget = 0;
    reserve = 0;
    slice = 0;
    depthLeft = 0;
    deadlineNanos = Long.MAX_VALUE;
  }

  /**
   * Takes {@code cost} units before the code runs that they pay for.
   *
   * @param cost units, 0 or more
   * @throws LimitExceededException if the budget, the deadline or the caller's patience is at its
   *     end
   */
  public final void charge(long cost) {
    if (cost <= slice) {
      slice -= (int) cost;
    } else {
      nextSlice(cost);
    }
  }

  /**
   * Takes {@code cost} units without a look at what is left; whoever does it sees to it that a
   * checked charge follows soon.
   */
  public final void owe(int cost) {
    slice -= cost;
  }

  /**
   * What generated code does with a charge: as {@link #charge}, on a slice that it holds.
   *
   * @param left of the slice before
   * @param cost units, 0 to 2^30
   * @return what is left of the slice after
   */
  public static int pay(int left, int cost, StoreMeter meter) {
    int after = left - cost;
    return after >= 0 ? after : meter.refill(after, cost) - cost;
  }

  /** What is left of the slice; whoever takes it gives it back with {@link #closeSlice}. */
  public final int openSlice() {
    return slice;
  }

  /** Gives back what is left of a slice. */
  public final void closeSlice(int left) {
    slice = left;
  }

  /**
   * Takes the next slice for a charge that the present one could not pay.
   *
   * @param after what would be left of the slice after the charge, negative
   * @param cost of the charge
   * @return the slice with the charge not yet taken, which it now can pay; the same as if it had
   *     never been tried
   * @throws LimitExceededException as {@link #charge} does; the slice is then given back, without
   *     the charge
   */
  public final int refill(int after, int cost) {
    slice = after + cost;
    nextSlice(cost);
    return slice + cost;
  }

  private void nextSlice(long cost) {
    long nowNanos = System.nanoTime();
    if (reserve != budget) {
      // Before the first slice nothing is known of the guest's speed.
      pace(nowNanos - lookedNanos);
    }
    lookAt(nowNanos);
    long missing = cost - slice;
    if (missing > reserve) {
      throw outOfFuel(missing - reserve);
    }
    long granted = Math.min(reserve, Math.max(missing, sliceFuel));
    reserve -= granted;
    slice = (int) (slice + granted - cost);
  }

  /** Sizes the next slice by how long the one before took. */
  private void pace(long tookNanos) {
    if (tookNanos > 2 * SLICE_NANOS) {
      sliceFuel = Math.max(LEAST_SLICE_FUEL, sliceFuel / 2);
    } else if (tookNanos < SLICE_NANOS / 2) {
      sliceFuel = Math.min(MOST_SLICE_FUEL, sliceFuel * 2);
    }
  }

  /**
   * Looks at cancellation and at the clock, as the end of a slice does, and lets the listener put
   * the run aside. For work that takes long and is paid for at once, between its parts.
   *
   * @throws LimitExceededException if the run is to stop
   */
  public final void look() {
    lookAt(System.nanoTime());
  }

  private void lookAt(long nowNanos) {
    mayGoOn(nowNanos);
    long aside = slices.sliceEnded(depthLimit - depthLeft, nowNanos);
    lookedNanos = nowNanos + aside;
    if (aside > 0) {
      asideNanos += aside;
      mayGoOn(nowNanos + aside);
    }
  }

  private void mayGoOn(long nowNanos) {
    if (cancelledRun == run) {
      throw new LimitExceededException(
          LimitKind.CANCELLED, 0, "the run was cancelled because its caller went away");
    }
    if (nowNanos - startNanos - asideNanos >= deadlineNanos) {
      throw new LimitExceededException(
          LimitKind.DEADLINE,
          deadlineNanos,
          "the run was stopped at its deadline of " + deadlineNanos / 1_000_000 + " ms");
    }
  }

  /**
   * Enters a call that takes {@code units} of call depth.
   *
   * @return what {@link #leave} wants
   * @throws LimitExceededException if that is deeper than the limit
   */
  public final int enter(int units) {
    int before = depthLeft;
    int left = before - units;
    if (left < 0) {
      throw tooDeep();
    }
    depthLeft = left;
    return before;
  }

  /** What is left of the call depth. */
  public final int depthLeft() {
    return depthLeft;
  }

  /** That a call would be nested too deep. */
  public final LimitExceededException tooDeep() {
    return new LimitExceededException(
        LimitKind.CALL_DEPTH, depthLimit, "calls are nested deeper than " + depthLimit);
  }

  /** Leaves a call, with what {@link #enter} answered. */
  public final void leave(int before) {
    depthLeft = before;
  }

  /** Number of the run that the next {@link #begin} starts; each has its own. */
  public final long upcomingRun() {
    return run + 1;
  }

  /**
   * Asks a run to stop at the end of its slice, whether it has begun or not; of no effect on any
   * other run. Any thread may call it.
   *
   * @param number from {@link #upcomingRun}
   */
  public final void cancel(long number) {
    // The greater: a late cancel of a run that has ended must not undo that of the one under way.
    CANCELLED_RUN.accumulateAndGet(this, number, Math::max);
  }

  /** Nanoseconds since {@link #begin} for which the run has been put aside. */
  public final long asideNanos() {
    return asideNanos;
  }

  /**
   * Looks at what has run on credit.
   *
   * @throws LimitExceededException if more was consumed than the budget has
   */
  public final void settle() {
    if (reserve + slice < 0) {
      throw outOfFuel(-slice - reserve);
    }
  }

  private LimitExceededException outOfFuel(long missing) {
    return new LimitExceededException(
        LimitKind.FUEL,
        budget,
        "the run needs " + missing + " more than its " + budget + " units of fuel");
  }

  /** Units of fuel charged since {@link #begin}; more than the budget if it was overdrawn. */
  public final long fuelConsumed() {
    return budget - reserve - slice;
  }
}
