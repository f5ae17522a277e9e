package dev.skep.loadtest.operators;

/**
 * A family of operators, and the guest that spends its time in it: {@code run(turns i32) -> i32}.
 *
 * @param key its name in JSON
 * @param what its name in the table
 * @param kind what its figures are held to
 * @param bytes the module
 * @param stepUnits fuel of one step, the same on every engine; 0 if the host decides
 * @param turnUnits fuel of what a turn has besides its steps and {@link #LOOP_UNITS}
 * @param steps in a turn
 * @param turns of each run if that is fixed, because the run starts from a fresh store; 0 if runs
 *     follow each other in one store and may be of any length
 */
public record OperatorFamily(
    String key,
    String what,
    Kind kind,
    byte[] bytes,
    long stepUnits,
    int turnUnits,
    int steps,
    int turns) {

  /** Units of the loop around the steps, each turn: counting down, and the branch. */
  public static final int LOOP_UNITS = 5;

  /** What a family's figures are held to. */
  public enum Kind {
    /** Operators whose work does not depend on a length. */
    OPERATOR("operators"),
    /** Bulk operators of thousands of bytes or elements, which pay by length. */
    BULK("bulk operators of great length"),
    /** Functions of the host. */
    HOST("host functions"),
    /** What the kernel's pages and the processor's caches decide. */
    PAGE("pages: used for the first time, and far apart"),
    /** Code in functions that are too large to be compiled well. */
    OVERSIZED("oversized functions");

    private final String title;

    Kind(String title) {
      this.title = title;
    }

    public String title() {
      return title;
    }
  }

  /** Whether each run must begin with a fresh store. */
  public boolean isReset() {
    return turns > 0;
  }

  /** Fuel of so many turns more; only if {@link #stepUnits} says so. */
  public long units(int moreTurns) {
    return moreTurns * (stepUnits * steps + turnUnits + LOOP_UNITS);
  }
}
