package dev.skep.engine;

import java.util.ArrayList;
import java.util.List;

/**
 * How much of everything that is limited a module has.
 *
 * @param all in the order of the limits
 */
public record ModuleFigures(List<Figure> all) {
  public ModuleFigures {
    all = List.copyOf(all);
  }

  /**
   * One figure and its limit.
   *
   * @param name of the limit, as {@link dev.skep.limits.ModuleLimits} has it
   * @param what it counts, for people
   * @param value what the module has, 0 or more
   * @param limit most that a module may have, 1 or more
   */
  public record Figure(String name, String what, long value, long limit) {

    /** The value as a share of the limit, from 0. */
    public double share() {
      return (double) value / limit;
    }
  }

  /** The same with more figures behind these. */
  public ModuleFigures with(Figure... more) {
    List<Figure> figures = new ArrayList<>(all);
    figures.addAll(List.of(more));
    return new ModuleFigures(figures);
  }
}
