package dev.skep.engine;

import java.util.function.BooleanSupplier;

/**
 * What compiling one module to machine code may take. A compiler looks at it between two functions,
 * and so is late by one function at most.
 *
 * @param cpuNanos most CPU time of the thread that compiles, 1 or more
 * @param mostBytes most bytes of code, 1 or more
 * @param cancelled whether nobody wants the code any more; quick, called often
 */
public record NativeBudget(long cpuNanos, int mostBytes, BooleanSupplier cancelled) {
  public NativeBudget {
    if (cpuNanos < 1 || mostBytes < 1) {
      throw new IllegalArgumentException(
          "cpuNanos is " + cpuNanos + " and mostBytes " + mostBytes + "; both are from 1");
    }
  }
}
