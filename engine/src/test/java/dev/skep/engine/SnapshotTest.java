package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.LimitKind;
import dev.skep.pool.PoolConfig;
import org.junit.jupiter.api.Test;

/** Instances that begin after their module's initialiser: all of its state, and none of a run's. */
class SnapshotTest {
  private static final PoolConfig CONFIG = PoolConfig.of(8, 17L << 16, 1_000, 65_536);

  /** Initialisers are copied or mapped into later slots by the size of what they leave. */
  private static final PoolConfig MAPPING = CONFIG.with().mapImageBytes(1).build();

  private static void isAsTheInitialiserLeftIt(Probe probe) {
    // Start 1 + 10, doubled by _initialize, and 100 more by the initialiser: each once, ever.
    assertThat(probe.call("global")).isEqualTo(122);
    assertThat(Double.longBitsToDouble(probe.call("double"))).isEqualTo(0.5);
    assertThat(probe.call("pages")).isEqualTo(3);
    assertThat(probe.call("load", 131_072 + 4_999)).isEqualTo(7);
    assertThat(probe.call("load", 131_072 + 5_000)).isZero();
    assertThat(probe.call("load", 16)).isEqualTo(1);
    assertThat(probe.call("load", 17)).isEqualTo(9);
    assertThat(probe.call("load", 32)).isEqualTo('s');
    assertThat(probe.call("elements")).isEqualTo(7);
    assertThat(probe.call("entry", 0)).isEqualTo(1);
    assertThat(probe.call("entry", 1)).isEqualTo(2);
    assertThat(probe.call("entry", 6)).isEqualTo(1);
    assertThat(probe.trap("entry", 3)).isEqualTo(TrapKind.UNINITIALIZED_ELEMENT);
    assertThat(probe.trap("init_spent")).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
    assertThat(probe.trap("init_spare")).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
    probe.call("init_kept");
    assertThat(probe.call("load", 64)).isEqualTo('k');
  }

  private static void everyInstanceBeginsThere(PoolConfig config) {
    try (Guests guests = new Guests(config)) {
      CompiledModule module = guests.compile(Wat.bytes("snapshot"));
      assertThat(module.isSnapshot()).isFalse();
      for (int i = 0; i < 3; i++) {
        try (Probe probe = new Probe(guests, module)) {
          assertThat(module.isSnapshot()).isTrue();
          for (int run = 0; run < 3; run++) {
            isAsTheInitialiserLeftIt(probe);
            probe.call("disturb");
            probe.instance.reset();
          }
          isAsTheInitialiserLeftIt(probe);
        }
      }
      // In a slot that still holds the images.
      for (int i = 0; i < 2; i++) {
        GuestInstance warm = guests.instance(module);
        warm.run(new TypedCall("disturb", new long[0]), Guests.PLENTY);
        warm.release();
      }
      try (Probe probe = new Probe(guests, module)) {
        isAsTheInitialiserLeftIt(probe);
      }
    }
  }

  @Test
  void everyInstanceBeginsWhereTheInitialiserEnded() {
    everyInstanceBeginsThere(CONFIG);
  }

  @Test
  void theSameWithMappedImages() {
    everyInstanceBeginsThere(MAPPING);
  }

  @Test
  void theInitialiserIsPaidForByNoRun() {
    try (Guests guests = new Guests(CONFIG)) {
      CompiledModule module = guests.compile(Wat.bytes("snapshot"));
      for (int i = 0; i < 3; i++) {
        try (Probe probe = new Probe(guests, module)) {
          probe.call("global");
          assertThat(probe.fuel).isEqualTo(2);
        }
      }
    }
  }

  @Test
  void whatTheHostAnswersCannotBeKept() {
    try (Guests guests = new Guests(CONFIG)) {
      CompiledModule module = guests.compile(Wat.bytes("snapshot_host"));
      for (int i = 0; i < 2; i++) {
        assertThat(guests.instantiate(module, Guests.PLENTY))
            .isInstanceOfSatisfying(
                Instantiation.Failed.class,
                failed ->
                    assertThat(failed.result())
                        .isInstanceOfSatisfying(
                            RunResult.Trapped.class,
                            trapped -> {
                              assertThat(trapped.kind()).isEqualTo(TrapKind.NO_SNAPSHOT);
                              assertThat(trapped.message()).contains("clock_time_get");
                            }));
        assertThat(guests.pool.stats().leased()).isZero();
      }
    }
  }

  @Test
  void anInitialiserThatTrapsIsRunOnce() {
    try (Guests guests = new Guests(CONFIG)) {
      CompiledModule module = guests.compile(Wat.bytes("snapshot_trap"));
      long[] fuel = new long[2];
      for (int i = 0; i < 2; i++) {
        Instantiation.Failed failed =
            (Instantiation.Failed) guests.instantiate(module, Guests.PLENTY);
        assertThat(((RunResult.Trapped) failed.result()).kind()).isEqualTo(TrapKind.UNREACHABLE);
        fuel[i] = failed.fuel();
      }
      assertThat(fuel).containsExactly(1, 0);
      assertThat(guests.pool.stats().leased()).isZero();
    }
  }

  @Test
  void anInitialiserIsHeldToTheLimitsOfItsRunAndMayHaveMoreNextTime() {
    try (Guests guests = new Guests(CONFIG)) {
      CompiledModule module = guests.compile(Wat.bytes("snapshot_loop"));
      Instantiation.Failed failed =
          (Instantiation.Failed) guests.instantiate(module, Guests.PLENTY.withFuel(1_000));
      assertThat(((RunResult.LimitReached) failed.result()).kind()).isEqualTo(LimitKind.FUEL);
      assertThat(failed.fuel()).isBetween(1L, 1_000L);
      try (Probe probe = new Probe(guests, module)) {
        assertThat(probe.call("counted")).isEqualTo(1_000_000);
      }
    }
  }
}
