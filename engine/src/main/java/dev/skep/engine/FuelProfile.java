package dev.skep.engine;

import java.util.List;

/**
 * Which function used how much fuel in one run.
 *
 * @param report of the run, by the same limits as any other
 * @param functions those that used any, the costliest first; their fuel sums up to the report's
 */
public record FuelProfile(RunReport report, List<Line> functions) {
  public FuelProfile {
    functions = List.copyOf(functions);
  }

  /** The index of what is not a function: a start function's extra, unnamed host calls. */
  public static final int HOST = -1;

  /**
   * One function.
   *
   * @param function its index, imports counted, or {@link #HOST}
   * @param name printable
   * @param fuel units used in it, not in what it calls
   */
  public record Line(int function, String name, long fuel) {}
}
