package dev.skep.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.engine.RunResult;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.SlotClass;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Every shape is a loop that only its limits end. */
@Timeout(120)
class StoppingGuestTest {
  @Test
  void noShapeEndsByItself() {
    PoolConfig config = PoolConfig.DEFAULTS.with().classes(new SlotClass(128L << 20, 2)).build();
    try (GuestPool pool = new GuestPool(config, EngineConfig.DEFAULTS)) {
      CompiledModule module = pool.compile("stopping", StoppingGuest.bytes());
      StoreLimits limits = GuestPool.PLENTY.withFuel(1_000_000).withMemoryBytes(128L << 20);
      try (GuestInstance instance = pool.instance(module, limits)) {
        for (String export : StoppingGuest.exports()) {
          RunResult result =
              instance.run(new Invocation.TypedCall(export, new long[0]), limits).result();
          instance.reset();
          assertThat(result)
              .as(export)
              .isInstanceOfSatisfying(
                  RunResult.LimitReached.class,
                  reached -> assertThat(reached.kind()).isEqualTo(LimitKind.FUEL));
        }
      }
    }
  }
}
