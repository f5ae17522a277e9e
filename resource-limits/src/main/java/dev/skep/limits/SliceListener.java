package dev.skep.limits;

/**
 * Hears when a run has used up a slice of its fuel. It may put the run aside for a while, so that
 * others have their turn, simply by not returning.
 */
@FunctionalInterface
public interface SliceListener {
  /** Lets every run go on. */
  SliceListener NONE = (_, _) -> 0;

  /**
   * Called on the guest's thread, which holds no lock. May block.
   *
   * @param callDepth units of call depth that the run has entered, of {@link
   *     StoreLimits#STACK_BYTES_PER_CALL} bytes of this thread's stack at most
   * @param nowNanos the time on {@link System#nanoTime}'s clock
   * @return nanoseconds for which the run was put aside, which do not count towards its deadline; 0
   *     if it was not
   * @throws LimitExceededException to end the run
   */
  long sliceEnded(int callDepth, long nowNanos);

  /**
   * Called likewise by a run that waits for another and has no use for a worker: has it offer that
   * to whoever has.
   *
   * @return as {@link #sliceEnded} does
   */
  default long waits(long nowNanos) {
    return sliceEnded(0, nowNanos);
  }
}
