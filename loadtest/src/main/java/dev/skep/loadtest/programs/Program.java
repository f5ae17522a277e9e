package dev.skep.loadtest.programs;

import java.util.Arrays;

/**
 * A generated module, and what to call it with.
 *
 * @param seed it was made from
 * @param bytes of the module
 * @param args of {@code run: (i32 i64 f32 f64) -> i64}, as raw bits
 * @param calm whether it cannot trap
 * @param starts whether it has a start function
 */
public record Program(long seed, byte[] bytes, long[] args, boolean calm, boolean starts) {
  /** Name of the export that runs the program, once a store. */
  public static final String RUN = "run";

  /** Name of the export that digests memory, globals and tables: {@code () -> i64}. */
  public static final String STATE = "state";

  @Override
  public boolean equals(Object other) {
    return other instanceof Program that
        && seed == that.seed
        && calm == that.calm
        && starts == that.starts
        && Arrays.equals(bytes, that.bytes)
        && Arrays.equals(args, that.args);
  }

  @Override
  public int hashCode() {
    return Long.hashCode(seed);
  }

  @Override
  public String toString() {
    return "program " + seed + " of " + bytes.length + " bytes";
  }
}
