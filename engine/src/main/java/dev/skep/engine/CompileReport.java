package dev.skep.engine;

import java.util.List;

/**
 * How a module was compiled.
 *
 * @param nanos wall-clock time it took
 * @param attempts how often the compiler began
 * @param interpreted indexes of the functions that are interpreted, ascending
 */
record CompileReport(long nanos, int attempts, List<Integer> interpreted) {
  CompileReport {
    interpreted = List.copyOf(interpreted);
  }
}
