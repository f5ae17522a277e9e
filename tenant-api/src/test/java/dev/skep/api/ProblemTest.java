package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.ModuleRefusedException;
import java.util.Objects;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

class ProblemTest {
  /** Some modules are refused only when they are compiled, which the first run waits for. */
  @Test
  void aModuleRefusedBesideARunIsTheModulesFaultAndNotTheServices() {
    ModuleRefusedException refused =
        catchThrowableOfType(
            ModuleRefusedException.class,
            () -> new Engine(EngineConfig.DEFAULTS).compile(new byte[0]));
    Problem problem = Objects.requireNonNull(Problem.of(new CompletionException(refused)));
    assertThat(problem.kind()).isEqualTo(Problem.Kind.NOT_WASM);
    assertThat(problem.detail()).isEqualTo(refused.getMessage());
  }

  @Test
  void aBugIsNoProblemOfTheCallers() {
    assertThat(Problem.of(new IllegalStateException("a bug"))).isNull();
  }
}
