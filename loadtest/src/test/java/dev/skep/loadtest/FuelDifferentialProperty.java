package dev.skep.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.loadtest.programs.Program;
import dev.skep.loadtest.programs.ProgramGenerator;
import org.junit.jupiter.api.Test;

/**
 * Generated programs: result, memory, globals and fuel are the same on tier 1, again after a reset,
 * and in an interpreter with fuel counted beside it; limits of fuel hold to the unit where a run
 * needs just that much. {@code ./skep bench programs} compares with Wasmtime besides.
 *
 * <p>150 by default; {@code -Dskep.programs=1000} for more.
 */
class FuelDifferentialProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int PROGRAMS = Integer.getInteger("skep.programs", 150);

  static {
    System.out.println(
        "FuelDifferentialProperty -Dskep.seed=" + SEED + " -Dskep.programs=" + PROGRAMS);
  }

  @Test
  void everyWayToRunAProgramAgrees() {
    try (ProgramTrial trial = new ProgramTrial(null, true, null)) {
      for (int i = 0; i < PROGRAMS; i++) {
        Program program = ProgramGenerator.program(SEED + i);
        assertThat(trial.run(program)).as("seed %d", program.seed()).isEmpty();
      }
      assertThat(trial.totals().returned).as("came back").isGreaterThan(PROGRAMS / 2);
    }
  }

  @Test
  void aSeedMakesTheSameProgramEachTime() {
    assertThat(ProgramGenerator.program(SEED)).isEqualTo(ProgramGenerator.program(SEED));
    assertThat(ProgramGenerator.program(SEED).bytes())
        .isNotEqualTo(ProgramGenerator.program(SEED + 1).bytes());
  }
}
