package dev.skep.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ModuleBudgetsTest {
  @Test
  void aBudgetGrowsWithEveryMebibyteBegun() {
    ModuleBudgets budgets = new ModuleBudgets(100, 10, 1_000, 20, 1);
    assertThat(budgets.checkNanos(0)).isEqualTo(100);
    assertThat(budgets.checkNanos(1)).isEqualTo(110);
    assertThat(budgets.checkNanos(1 << 20)).isEqualTo(110);
    assertThat(budgets.checkNanos((1 << 20) + 1)).isEqualTo(120);
    assertThat(budgets.compileNanos(Integer.MAX_VALUE)).isEqualTo(1_000 + 2_048 * 20);
  }

  @Test
  void theDefaultsAreTenSecondsToCheckAMegabyteAndFortyToCompileIt() {
    assertThat(ModuleBudgets.DEFAULTS.checkNanos(1_000_000)).isEqualTo(10_000_000_000L);
    assertThat(ModuleBudgets.DEFAULTS.compileNanos(1_000_000)).isEqualTo(40_000_000_000L);
    assertThat(ModuleBudgets.DEFAULTS.generatedBytes()).isEqualTo(268_435_456L);
  }

  @Test
  void negativeBudgetsAreRefused() {
    assertThatThrownBy(() -> new ModuleBudgets(-1, 0, 0, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ModuleBudgets(0, 0, 0, 0, -1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
