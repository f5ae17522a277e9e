package dev.skep.limits;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The cost table, row by row; a change of any figure must come with a new version. */
class FuelCostsTest {
  /** unreachable, nop, block, loop, else, end, return, drop. */
  private static final Set<Integer> FREE = Set.of(0x00, 0x01, 0x02, 0x03, 0x05, 0x0B, 0x0F, 0x1A);

  @Test
  void operatorsThatOnlyStructureCodeAreFreeAndAllOthersCostOne() {
    assertThat(IntStream.range(0, 256))
        .allSatisfy(op -> assertThat(FuelCosts.of(op)).isEqualTo(FREE.contains(op) ? 0 : 1));
  }

  @Test
  void versionTwoIsTheseFigures() {
    assertThat(
            new int[] {
              FuelCosts.VERSION,
              FuelCosts.FUNCTION_ENTRY,
              FuelCosts.OPERATOR,
              FuelCosts.PER_UNIT,
              FuelCosts.START,
              FuelCosts.HOST_CALL,
              FuelCosts.HOST_BYTE,
              FuelCosts.HOST_COMPUTED_BYTE,
              FuelCosts.COMPILE_BYTE
            })
        .containsExactly(2, 1, 1, 1, 2, 100, 1, 8, 1_000);
  }
}
