package dev.skep.limits;

/**
 * What it may take to check a module and to compile it, by its size. The limits of a module keep
 * well within; these are the stop for what they do not foresee.
 *
 * @param checkCpuNanos CPU time of checking any module
 * @param checkCpuNanosPerMebibyte and for each MiB of it, begun ones counted
 * @param compileCpuNanos CPU time of compiling any module
 * @param compileCpuNanosPerMebibyte and for each MiB of it, begun ones counted
 * @param generatedBytes most bytes of classes made for a module, over all attempts
 */
public record ModuleBudgets(
    long checkCpuNanos,
    long checkCpuNanosPerMebibyte,
    long compileCpuNanos,
    long compileCpuNanosPerMebibyte,
    long generatedBytes) {

  /**
   * Several times what the worst modules take on a warm node, because a cold JVM, or a slow
   * machine, is no fault of the module's.
   */
  public static final ModuleBudgets DEFAULTS =
      new ModuleBudgets(
          5_000_000_000L, 5_000_000_000L, 30_000_000_000L, 10_000_000_000L, 256L << 20);

  public ModuleBudgets {
    if (checkCpuNanos < 0
        || checkCpuNanosPerMebibyte < 0
        || compileCpuNanos < 0
        || compileCpuNanosPerMebibyte < 0
        || generatedBytes < 0) {
      throw new IllegalArgumentException("a budget is negative");
    }
  }

  private static long mebibytes(int moduleBytes) {
    return ((long) moduleBytes + (1 << 20) - 1) >> 20;
  }

  /** CPU time of checking a module of so many bytes, in nanoseconds. */
  public long checkNanos(int moduleBytes) {
    return checkCpuNanos + mebibytes(moduleBytes) * checkCpuNanosPerMebibyte;
  }

  /** CPU time of compiling a module of so many bytes, in nanoseconds. */
  public long compileNanos(int moduleBytes) {
    return compileCpuNanos + mebibytes(moduleBytes) * compileCpuNanosPerMebibyte;
  }
}
