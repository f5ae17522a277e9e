package dev.skep.engine;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * What compiling one module may take: CPU time of the thread that compiles, and bytes of generated
 * classes. The compiler asks for it between two classes, so that a module is stopped there, late by
 * the time of one class at most. Not thread-safe.
 */
final class CompileBudget {
  /** The module has used up its budget. Unchecked, because it goes through the compiler. */
  static final class ExceededException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ExceededException(String message) {
      super(message);
    }
  }

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final long cpuNanos;
  private final long mostBytes;
  private final long startNanos = THREADS.getCurrentThreadCpuTime();
  private long bytes;

  /**
   * Begins the budget, on the thread that compiles.
   *
   * @param cpuNanos most CPU time
   * @param mostBytes most bytes of classes, over all attempts
   */
  CompileBudget(long cpuNanos, long mostBytes) {
    this.cpuNanos = cpuNanos;
    this.mostBytes = mostBytes;
  }

  /** Looks at the clock. */
  void check() {
    long used = THREADS.getCurrentThreadCpuTime() - startNanos;
    if (used > cpuNanos) {
      throw new ExceededException(
          "compiling the module took more than "
              + cpuNanos / 1_000_000
              + " ms of CPU time, as much as a module of its size may take; make it smaller, or"
              + " split its largest functions");
    }
  }

  /** Counts a generated class, and looks at the clock. */
  void generated(int classBytes) {
    bytes += classBytes;
    if (bytes > mostBytes) {
      throw new ExceededException(
          "compiling the module made more than "
              + mostBytes
              + " bytes of code, the most that a module may have; make it smaller");
    }
    check();
  }
}
