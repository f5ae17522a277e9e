package dev.skep.engine;

/**
 * The part of checking and compiling that takes long, and much memory for a while: validation, and
 * generating classes. Thread-safe; both methods block and are CPU-bound, here or elsewhere.
 *
 * <p>Both throw {@link java.util.concurrent.RejectedExecutionException} if there is no room for the
 * work now; trying again later may help.
 */
interface TierOneCompiler {
  /**
   * Checks a module's code and what else its bytes say. The scan that comes before is the caller's.
   *
   * @throws ModuleRefusedException if it is not valid, or past a limit
   */
  OversizedFunctions check(byte[] bytes) throws ModuleRefusedException;

  /**
   * Generates the classes of a module that {@link #check} has accepted.
   *
   * @throws ModuleRefusedException if it is not such a module, or past a budget
   */
  TierOneCode compile(byte[] bytes) throws ModuleRefusedException;

  /** CPU time of all checks that have ended, in nanoseconds. */
  long checkCpuNanos();
}
