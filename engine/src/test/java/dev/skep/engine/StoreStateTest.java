package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.LimitKind;
import dev.skep.pool.PoolConfig;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a store keeps from one run to the next, what a reset takes back, and what begins a run. */
class StoreStateTest {
  private static Guests guests;

  @BeforeAll
  static void open() {
    guests = new Guests();
  }

  @AfterAll
  static void close() {
    assertThat(guests.pool.stats().leased()).isZero();
    guests.close();
  }

  @Test
  void withoutAResetRunsShareTheirState() {
    try (Probe probe = new Probe(guests, Wat.bytes("state"))) {
      assertThat(probe.call("count")).isEqualTo(2);
      assertThat(probe.call("count")).isEqualTo(3);
    }
    try (Probe probe = new Probe(guests, Wat.bytes("bulk"))) {
      assertThat(probe.call("memory_grow", 2)).isEqualTo(1);
      probe.call("store", 3 * 65_536 - 1, 5);
      assertThat(probe.call("memory_size")).isEqualTo(3);
      assertThat(probe.call("load", 3 * 65_536 - 1)).isEqualTo(5);
      assertThat(probe.instance.memoryBytes()).isEqualTo(3 * 65_536);
      probe.call("data_drop");
      assertThat(probe.trap("memory_init", 0, 0, 1)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
    }
  }

  @Test
  void aResetBringsBackEverythingARunCanChange() {
    try (Probe probe = new Probe(guests, Wat.bytes("state"))) {
      for (int i = 0; i < 5; i++) {
        assertThat(probe.call("audit")).isZero();
        probe.instance.reset();
        probe.call("disturb");
        assertThat(probe.call("audit")).isPositive();
        probe.instance.reset();
        probe.call("keep_extern", 7);
        assertThat(probe.call("audit")).isEqualTo(6);
        probe.instance.reset();
        assertThat(probe.instance.memoryBytes()).isEqualTo(65_536);
      }
    }
  }

  @Test
  void whatARunGrewAndWroteIsGoneWhenTheNextGrowsAgain() {
    try (Probe probe = new Probe(guests, Wat.bytes("bulk"))) {
      for (int i = 0; i < 3; i++) {
        assertThat(probe.call("memory_grow", 3)).isEqualTo(1);
        for (int address : new int[] {0, 65_535, 65_536, 262_143}) {
          assertThat(probe.call("load", address)).isZero();
          probe.call("store", address, 99);
        }
        probe.instance.reset();
      }
    }
  }

  @Test
  void theSlotOfAModuleThatTrappedBelongsToTheNextWithoutATrace() {
    try (Guests one = new Guests(PoolConfig.of(1, 1 << 20, 1_000, 65_536))) {
      CompiledModule bulk = one.compile(Wat.bytes("bulk"));
      CompiledModule state = one.compile(Wat.bytes("state"));
      for (int i = 0; i < 5; i++) {
        try (Probe probe = new Probe(one, bulk)) {
          assertThat(probe.call("memory_grow", 3)).isEqualTo(1);
          probe.call("memory_fill", 0, 0x55, 4 * 65_536);
          probe.call("table_grow", 16);
          probe.call("table_fill", 0, 20);
          assertThat(probe.trap("load", 4 * 65_536)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        }
        try (Probe probe = new Probe(one, state)) {
          assertThat(probe.call("audit")).isZero();
          probe.call("disturb");
        }
      }
    }
  }

  @Test
  void memoriesOfOneModuleAreSeparateAndResetTogether() {
    try (Probe probe = new Probe(guests, Wat.bytes("multi_memory"))) {
      for (int i = 0; i < 3; i++) {
        assertThat(probe.call("load_a", 0)).isEqualTo('A');
        assertThat(probe.call("load_b", 0)).isZero();
        assertThat(probe.call("load_b", 65_535)).isEqualTo('B');
        assertThat(probe.trap("load_c", 0)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        probe.call("copy_a_to_b", 5, 0, 1);
        assertThat(probe.call("load_b", 5)).isEqualTo('A');
        probe.call("init_b");
        assertThat(probe.call("load_b", 1)).isEqualTo('x');
        assertThat(probe.call("load_a", 1)).isZero();
        assertThat(probe.call("grow_b", 2)).isEqualTo(1);
        probe.call("fill_b", 0, 1, 3 * 65_536);
        assertThat(probe.call("load_a", 65_535)).isZero();
        assertThat(probe.trap("load_b", 3 * 65_536)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        assertThat(probe.trap("copy_a_to_b", 0, 1, 65_536))
            .isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        probe.instance.reset();
      }
    }
  }

  @Test
  void aDroppedDataSegmentIsGoneForEveryMemoryAndBackAfterAReset() {
    try (Probe probe = new Probe(guests, Wat.bytes("multi_memory"))) {
      for (int i = 0; i < 2; i++) {
        probe.call("init_a");
        probe.call("init_b");
        probe.call("drop");
        assertThat(probe.trap("init_a")).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        assertThat(probe.trap("init_b")).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        probe.instance.reset();
      }
    }
  }

  @Test
  void theStartFunctionBeginsEveryFreshStoreAndIsPaidFor() {
    try (Probe probe = new Probe(guests, Wat.bytes("start"))) {
      for (int i = 0; i < 3; i++) {
        assertThat(probe.call("n")).isEqualTo(1);
        // START, then 1 + 4 of the function, then the call's own 1 + 1.
        assertThat(probe.fuel).isEqualTo(2 + 5 + 2);
        probe.instance.reset();
      }
      // A store that goes on has been started.
      assertThat(probe.call("n")).isEqualTo(1);
      assertThat(probe.call("n")).isEqualTo(1);
      assertThat(probe.fuel).isEqualTo(2);
    }
  }

  @Test
  void aStartFunctionIsHeldToTheLimits() {
    try (Probe probe = new Probe(guests, Wat.bytes("start_spin"))) {
      probe.limits = Guests.PLENTY.withFuel(10_000);
      assertThat(probe.limit("f")).isEqualTo(LimitKind.FUEL);
      probe.instance.reset();
      probe.limits = Guests.PLENTY.withDeadlineNanos(1_000_000);
      assertThat(probe.limit("f")).isEqualTo(LimitKind.DEADLINE);
    }
  }

  @Test
  void aReactorIsInitialisedBeforeEveryCallOfAFreshStore() {
    CompiledModule reactor = guests.compile(Wat.bytes("reactor"));
    try (Probe probe = new Probe(guests, reactor)) {
      for (int i = 0; i < 3; i++) {
        assertThat(probe.call("ready")).isEqualTo(1);
        probe.instance.reset();
      }
    }
    byte[] input = {1, 2, 3};
    assertThat(guests.run(reactor, new BytesCall("echo", input), Guests.PLENTY).result())
        .isInstanceOfSatisfying(
            RunResult.Bytes.class, bytes -> assertThat(bytes.output()).isEqualTo(input));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "no_answer", "wrong_params", "alloc", "nothing"})
  void exportsThatKeepToNoConventionAreTheGuestsFaultAndNotTheHosts(String export) {
    CompiledModule module = guests.compile(Wat.bytes("conventions"));
    assertThat(guests.run(module, new BytesCall(export, new byte[1]), Guests.PLENTY).result())
        .isInstanceOfSatisfying(
            RunResult.Trapped.class,
            trapped -> assertThat(trapped.kind()).isEqualTo(TrapKind.BAD_ANSWER));
  }

  @Test
  void aStartWithParametersIsNoCommand() {
    CompiledModule module = guests.compile(Wat.bytes("conventions"));
    CommandRun run = new CommandRun(List.of("x"), Map.of(), new byte[0]);
    assertThat(guests.run(module, run, Guests.PLENTY).result())
        .isInstanceOfSatisfying(
            RunResult.Trapped.class,
            trapped -> assertThat(trapped.kind()).isEqualTo(TrapKind.BAD_ANSWER));
  }

  @ParameterizedTest
  @CsvSource({
    "past_the_end",
    "negative_length",
    "negative_pointer",
    "sum_overflows",
  })
  void anAnswerOutsideTheMemoryIsABadAnswer(String export) {
    CompiledModule module = guests.compile(Wat.bytes("answers"));
    assertThat(guests.run(module, new BytesCall(export, new byte[9]), Guests.PLENTY).result())
        .isInstanceOfSatisfying(
            RunResult.Trapped.class,
            trapped -> {
              assertThat(trapped.kind()).isEqualTo(TrapKind.BAD_ANSWER);
              assertThat(trapped.message()).contains("outside a memory of 65536");
            });
  }

  @Test
  void anAnswerMayBeTheWholeMemoryOrEmptyAtItsEnd() {
    CompiledModule module = guests.compile(Wat.bytes("answers"));
    assertThat(
            ((RunResult.Bytes)
                    guests.run(module, new BytesCall("all", new byte[9]), Guests.PLENTY).result())
                .output())
        .hasSize(65_536);
    assertThat(
            ((RunResult.Bytes)
                    guests
                        .run(module, new BytesCall("empty_at_end", new byte[9]), Guests.PLENTY)
                        .result())
                .output())
        .isEmpty();
    assertThat(guests.run(module, new BytesCall("all", new byte[70_000]), Guests.PLENTY).result())
        .isInstanceOf(RunResult.Trapped.class);
  }

  @Test
  void aFunctionReferenceFromOutsideIsNullOrRefused() {
    CompiledModule module = guests.compile(Wat.bytes("funcrefs"));
    try (Probe probe = new Probe(guests, module)) {
      assertThat(probe.trap("call", -1)).isEqualTo(TrapKind.UNINITIALIZED_ELEMENT);
      for (long wild : new long[] {0, 1, 2, 100, 0x7FFF_FFFFL, 0x8000_0000L}) {
        assertThat(probe.trap("call", wild)).isEqualTo(TrapKind.BAD_ANSWER);
      }
      assertThat(probe.call("extern", 12_345) & 0xFFFF_FFFFL).isEqualTo(12_345);
    }
  }

  @Test
  void aCallWithTooFewOrTooManyArgumentsIsRefused() {
    try (Probe probe = new Probe(guests, Wat.bytes("bulk"))) {
      assertThat(probe.trap("load")).isEqualTo(TrapKind.BAD_ANSWER);
      assertThat(probe.trap("load", 1, 2)).isEqualTo(TrapKind.BAD_ANSWER);
      assertThat(probe.trap("absent")).isEqualTo(TrapKind.BAD_ANSWER);
      assertThat(probe.trap("memory")).isEqualTo(TrapKind.BAD_ANSWER);
    }
  }

  @Test
  void limitsBelowWhatTheModuleStartsWithEndTheRunBeforeItBegins() {
    try (Probe probe = new Probe(guests, Wat.bytes("bulk"))) {
      probe.limits = Guests.PLENTY.withMemoryBytes(65_535);
      assertThat(probe.limit("memory_size")).isEqualTo(LimitKind.MEMORY);
      assertThat(probe.fuel).isZero();
      probe.limits = Guests.PLENTY.withTableElements(7);
      assertThat(probe.limit("memory_size")).isEqualTo(LimitKind.TABLE);
      probe.limits = Guests.PLENTY;
      assertThat(probe.call("memory_size")).isEqualTo(1);
    }
  }

  @Test
  void aCancelOfTheLastRunDoesNotReachTheNextInTheSameInstance() throws InterruptedException {
    try (Probe probe = new Probe(guests, Wat.bytes("bulk"))) {
      long last = probe.instance.upcomingRun();
      probe.call("memory_size");
      AtomicBoolean done = new AtomicBoolean();
      Thread canceller =
          Thread.ofPlatform()
              .start(() -> {
                while (!done.get()) {
                  probe.instance.cancel(last);
                }
              });
      for (int i = 0; i < 200; i++) {
        probe.call("memory_fill", 0, 1, 65_536);
        probe.instance.run(new TypedCall("memory_size", new long[0]), Guests.PLENTY);
      }
      done.set(true);
      canceller.join();
    }
  }
}
