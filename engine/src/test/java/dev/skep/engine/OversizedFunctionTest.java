package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.engine.Wat.Function;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Functions whose code is larger than a JVM method may be (64 KiB) are interpreted: as metered, as
 * bounded and as isolated as the rest.
 */
class OversizedFunctionTest {
  private static final int REPEATS = 20_000;

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

  /** {@code x = x * 31 + 7}, six operators, again and again. */
  private static void steps(WasmBuffer code, int repeats) {
    for (int i = 0; i < repeats; i++) {
      Wat.raw(code, 0x20, 0, 0x41, 31, 0x6C, 0x41, 7, 0x6A, 0x21, 0);
    }
  }

  private static byte[] straight(int repeats, int... end) {
    WasmBuffer code = new WasmBuffer(1 << 18);
    steps(code, repeats);
    Wat.raw(code, end);
    return code.toBytes();
  }

  /** {@code local.get 0; end}. */
  private static final int[] ANSWER = {0x20, 0, 0x0B};

  /** The oversized code never run, then what is asked: {@code block br 0 … end}, and the rest. */
  private static byte[] heavy(int... then) {
    WasmBuffer code = new WasmBuffer(1 << 18);
    Wat.raw(code, 0x02, 0x40, 0x20, 0, 0x0D, 0);
    steps(code, REPEATS);
    Wat.raw(code, 0x0B);
    Wat.raw(code, then);
    return code.toBytes();
  }

  /** Not as machine code, whatever else is tested so: the interpreter is what it is about. */
  private static CompiledModule onTierOne(byte[] wasm) {
    try {
      return guests.engine.compile(wasm);
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Functions of type 0, of which the first are made oversized.
   *
   * @param passive of a data segment, nothing for none
   */
  private static CompiledModule interpreted(int oversized, byte[] passive, int[]... bodies) {
    List<Function> functions = new ArrayList<>();
    for (int i = 0; i < bodies.length; i++) {
      functions.add(new Function(0, i < oversized ? heavy(bodies[i]) : Wat.hex(bodies[i])));
    }
    CompiledModule module = onTierOne(Wat.functions(functions, passive));
    assertThat(module.interpretedFunctions()).hasSize(oversized);
    return module;
  }

  private static long model(int x, int repeats) {
    int value = x;
    for (int i = 0; i < repeats; i++) {
      value = value * 31 + 7;
    }
    return value & 0xFFFF_FFFFL;
  }

  @Test
  void itRunsIsListedAndCostsWhatTheSameCodeInSmallFunctionsCosts() {
    CompiledModule large =
        guests.compile(Wat.functions(List.of(new Function(0, straight(REPEATS, ANSWER)))));
    assertThat(large.interpretedFunctions()).containsExactly(0);

    // f1: 100 calls of f0, which has a hundredth of the code.
    WasmBuffer calls = new WasmBuffer(1_024);
    for (int i = 0; i < 100; i++) {
      Wat.raw(calls, 0x20, 0, 0x10, 0, 0x21, 0);
    }
    Wat.raw(calls, ANSWER);
    CompiledModule small =
        guests.compile(
            Wat.functions(
                List.of(
                    new Function(0, straight(REPEATS / 100, ANSWER)),
                    new Function(0, calls.toBytes()))));
    assertThat(small.interpretedFunctions()).isEmpty();

    try (Probe one = new Probe(guests, large);
        Probe many = new Probe(guests, small)) {
      assertThat(one.call("f0", 5)).isEqualTo(model(5, REPEATS));
      assertThat(one.fuel).isEqualTo(1 + 6L * REPEATS + 1);
      assertThat(many.call("f1", 5)).isEqualTo(model(5, REPEATS));
      // Each call adds its three operators, an entry and the answer's local.get.
      assertThat(many.fuel).isEqualTo(1 + 100 * (3 + 1 + 6L * REPEATS / 100 + 1) + 1);
    }
  }

  /** The engine's parser makes 72 bytes of an operator; alike ones are to share them. */
  @Test
  void operatorsThatAreAlikeTakeTheHeapOfOne() {
    CompiledModule module =
        onTierOne(Wat.functions(List.of(new Function(0, straight(REPEATS, ANSWER)))));
    assertThat(module.interpretedFunctions()).containsExactly(0);
    // Eight operators a repeat, two of them for the interpreter, and a reference to each.
    assertThat(module.heldBytes() - module.codeBytes()).isBetween(8L * 4 * REPEATS, 40L * REPEATS);
  }

  /** What the interpreter needs for some operators is several of others. */
  @Test
  void whatIsTooLargeForTheInterpreterIsRefused() {
    WasmBuffer code = new WasmBuffer(1 << 20);
    Wat.raw(code, 0x44, 0, 0, 0, 0, 0, 0, 0, 0);
    for (int i = 0; i < 400_000; i++) {
      Wat.raw(code, 0x9B);
    }
    Wat.raw(code, 0x1A, 0x41, 0, 0x0B);
    byte[] module = Wat.functions(List.of(new Function(0, code.toBytes())));
    assertThatThrownBy(() -> guests.engine.compile(module))
        .isInstanceOf(ModuleRefusedException.class)
        .hasMessageContaining("for the interpreter")
        .hasMessageContaining("at most 4194304");
  }

  @Test
  void fuelAndDeadlineAndCancellationStopItsLoops() {
    int[][] loops = {
      {0x03, 0x40, 0x0C, 0, 0x0B, 0x20, 0, 0x0B}, // loop br 0
      {0x03, 0x40, 0x41, 1, 0x0D, 0, 0x0B, 0x20, 0, 0x0B}, // loop br_if 0
      {0x03, 0x40, 0x41, 9, 0x0E, 1, 0, 0, 0x0B, 0x20, 0, 0x0B}, // loop br_table 0 0
    };
    for (int[] loop : loops) {
      CompiledModule module = guests.compile(Wat.functions(List.of(new Function(0, heavy(loop)))));
      assertThat(module.interpretedFunctions()).containsExactly(0);
      try (Probe probe = new Probe(guests, module)) {
        probe.limits = Guests.PLENTY.withFuel(300_000);
        assertThat(probe.limit("f0", 1)).isEqualTo(LimitKind.FUEL);
        assertThat(probe.fuel).isBetween(299_900L, 300_000L);
        probe.limits = Guests.PLENTY.withDeadlineNanos(5_000_000);
        assertThat(probe.limit("f0", 1)).isEqualTo(LimitKind.DEADLINE);
        probe.limits = Guests.PLENTY;
        probe.instance.cancel(probe.instance.upcomingRun());
        assertThat(probe.limit("f0", 1)).isEqualTo(LimitKind.CANCELLED);
      }
    }
  }

  @Test
  void theThreadsInterruptFlagDoesNotStopIt() {
    CompiledModule module = guests.compile(Wat.functions(List.of(new Function(0, heavy(ANSWER)))));
    try (Probe probe = new Probe(guests, module)) {
      Thread.currentThread().interrupt();
      RunResult result = probe.run("f0", 3);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(result).isInstanceOf(RunResult.Values.class);
    }
  }

  @Test
  void itsMemoryAccessesAreBounded() {
    // i32.load8_u and i32.store8 at the parameter, without and with a large offset.
    int[] load = {0x20, 0, 0x2D, 0, 0, 0x0B};
    int[] loadFar = {0x20, 0, 0x2D, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x0B};
    int[] store = {0x20, 0, 0x41, 1, 0x3A, 0, 0, 0x41, 0, 0x0B};
    int[] fill = {0x41, 1, 0x41, 1, 0x20, 0, 0xFC, 11, 0, 0x41, 0, 0x0B};
    int[] get = {0x20, 0, 0x25, 0, 0xD1, 0x0B};
    CompiledModule module =
        guests.compile(
            Wat.functions(
                List.of(
                    new Function(0, heavy(load)),
                    new Function(0, heavy(loadFar)),
                    new Function(0, heavy(store)),
                    new Function(0, heavy(fill)),
                    new Function(0, heavy(get)))));
    assertThat(module.interpretedFunctions()).containsExactly(0, 1, 2, 3, 4);
    try (Probe probe = new Probe(guests, module)) {
      for (long wild : new long[] {65_536, 0x7FFF_FFFF, 0x8000_0000L, 0xFFFF_FFFFL}) {
        assertThat(probe.trap("f0", wild)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        assertThat(probe.trap("f1", wild)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        assertThat(probe.trap("f2", wild)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        assertThat(probe.trap("f3", wild)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        assertThat(probe.trap("f4", wild)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
      }
      probe.call("f2", 65_535);
      assertThat(probe.call("f0", 65_535)).isEqualTo(1);
    }
  }

  /**
   * The engine's interpreter multiplies in 64 bits, and takes a branch by all of them: 2^31 times
   * 2^31 is 0.
   */
  @Test
  void aProductOfWhichNothingIsLeftIsFalse() {
    int[] isTrue = {0x20, 0, 0x20, 0, 0x6C, 0x04, 0x7F, 0x41, 1, 0x05, 0x41, 0, 0x0B, 0x0B};
    int[] product = {0x20, 0, 0x20, 0, 0x6C, 0x0B};
    CompiledModule module = interpreted(2, new byte[0], isTrue, product, isTrue);
    try (Probe probe = new Probe(guests, module)) {
      for (String export : List.of("f0", "f1", "f2")) {
        assertThat(probe.call(export, 0x8000_0000L)).as(export).isZero();
        assertThat(probe.call(export, 1)).as(export).isEqualTo(1);
      }
      long fuel = probe.fuel;
      probe.call("f0", 1);
      // What only the interpreter needs is not paid for; f0 begins with two operators more.
      assertThat(probe.fuel).isEqualTo(fuel + 2);
    }
  }

  /** The engine's interpreter wraps the addresses of some stores at 2^32. */
  @Test
  void addressesDoNotWrap() {
    // The value's constant and the store, at the parameter and an offset of 16.
    int[] byte32 = {0x20, 0, 0x41, 1, 0x3A, 0, 16, 0x41, 0, 0x0B};
    int[] byte64 = {0x20, 0, 0x42, 1, 0x3C, 0, 16, 0x41, 0, 0x0B};
    int[] word64 = {0x20, 0, 0x42, 1, 0x3E, 0, 16, 0x41, 0, 0x0B};
    int[] load = {0x20, 0, 0x28, 0, 0, 0x0B};
    CompiledModule module = interpreted(3, new byte[0], byte32, byte64, word64, load);
    try (Probe probe = new Probe(guests, module)) {
      for (String store : List.of("f0", "f1", "f2")) {
        // 16 behind is 8, 0 or the first byte behind the memory.
        for (long wild : new long[] {0xFFFF_FFF8L, 0xFFFF_FFF0L, 65_536 - 16, 65_536}) {
          assertThat(probe.trap(store, wild)).as(store).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        }
        assertThat(probe.call("f3", 8)).as(store).isZero();
        probe.call(store, 65_536 - 16 - 4);
        assertThat(probe.call("f3", 65_536 - 4)).as(store).isEqualTo(1);
      }
    }
  }

  /** What its interpreter drops, the engine's memory does not see. */
  @Test
  void aSegmentThatItDropsIsEmptyForAll() {
    int[] drop = {0xFC, 9, 0, 0x41, 0, 0x0B};
    // A byte of the segment to address 0.
    int[] init = {0x41, 0, 0x41, 0, 0x41, 1, 0xFC, 8, 0, 0, 0x41, 0, 0x0B};
    CompiledModule module = interpreted(2, new byte[] {1}, drop, init, init);
    try (Probe probe = new Probe(guests, module)) {
      probe.call("f1", 1);
      probe.call("f2", 1);
      probe.call("f0", 1);
      assertThat(probe.trap("f1", 1)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
      assertThat(probe.trap("f2", 1)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
    }
  }

  @Test
  void recursionThroughItEndsTypedAndLeavesTheThreadUsable() throws InterruptedException {
    // f0 is interpreted and calls itself; f1 is compiled and f2 interpreted, and they call in turn.
    CompiledModule module =
        guests.compile(
            Wat.functions(
                List.of(
                    new Function(0, heavy(0x20, 0, 0x10, 0, 0x0B)),
                    new Function(0, Wat.hex(0x20, 0, 0x10, 2, 0x41, 1, 0x6A, 0x0B)),
                    new Function(0, heavy(0x20, 0, 0x41, 1, 0x11, 0, 0, 0x0B)))));
    assertThat(module.interpretedFunctions()).containsExactly(0, 2);
    List<RunResult> results = onWorkerStack(module, "f0", "f1", "f2");
    assertThat(results).allSatisfy(OversizedFunctionTest::isExhausted);
  }

  private static void isExhausted(RunResult result) {
    boolean depth =
        result instanceof RunResult.LimitReached reached && reached.kind() == LimitKind.CALL_DEPTH;
    boolean stack =
        result instanceof RunResult.Trapped trapped
            && trapped.kind() == TrapKind.CALL_STACK_EXHAUSTED;
    assertThat(depth || stack).as(result.toString()).isTrue();
  }

  private static List<RunResult> onWorkerStack(CompiledModule module, String... exports)
      throws InterruptedException {
    List<RunResult> results = new ArrayList<>();
    CallDepthTest.onWorkerStack(() -> {
      try (Probe probe = new Probe(guests, module)) {
        probe.limits = Guests.PLENTY.withCallDepth(StoreLimits.MAX_CALL_DEPTH);
        for (String export : exports) {
          results.add(probe.run(export, 1));
        }
      }
    });
    return results;
  }

  /**
   * {@code i32.const 0; if; return; end} again and again in a function that calls: leaving the call
   * depth at every return is what metering adds most by.
   */
  private static byte[] returning(int repeats) {
    WasmBuffer code = new WasmBuffer(1 << 18);
    for (int i = 0; i < repeats; i++) {
      Wat.raw(code, 0x41, 0, 0x04, 0x40, 0x0F, 0x0B);
    }
    Wat.raw(code, 0x41, 0, 0x04, 0x40, 0x10, 0, 0x0B, 0x0B);
    return code.toBytes();
  }

  @Test
  void aFunctionThatOnlyMeteringMakesTooLargeIsInterpretedToo() {
    int fits = 1;
    int tooLarge = 20_000;
    while (tooLarge - fits > 1) {
      int middle = (fits + tooLarge) / 2;
      CompiledModule module =
          guests.compile(Wat.functions(List.of(new Function(1, returning(middle)))));
      try (Probe probe = new Probe(guests, module)) {
        probe.call("f0");
        assertThat(probe.fuel).as("%d repeats", middle).isEqualTo(1 + 2L * (middle + 1));
      }
      if (module.interpretedFunctions().isEmpty()) {
        fits = middle;
      } else {
        tooLarge = middle;
      }
    }
    assertThat(fits).isGreaterThan(500);
  }

  @Test
  void manyOversizedFunctionsAreForeseen() throws ModuleRefusedException {
    List<Function> many =
        java.util.Collections.nCopies(80, new Function(0, straight(9_000, ANSWER)));
    byte[] wasm = Wat.functions(many);
    assertThat(wasm.length).isGreaterThan(6 << 20);
    ModuleDescription description = guests.engine.check(wasm);
    assertThat(description.oversizedCount()).isEqualTo(80);
    CompiledModule module = guests.compile(wasm);
    assertThat(module.compileAttempts()).isLessThanOrEqualTo(2);
    assertThat(module.interpretedFunctions()).hasSize(80);
    assertThat(module.description().oversizedFunctions())
        .isEqualTo(description.oversizedFunctions())
        .allMatch(function -> function.tier() == ModuleDescription.Tier.INTERPRETED);
    try (Probe probe = new Probe(guests, module)) {
      assertThat(probe.call("f79", 5)).isEqualTo(model(5, 9_000));
    }
  }

  @Test
  void theUploadsAnswerNamesThemTheLargestFirst() throws ModuleRefusedException {
    byte[] wasm =
        Wat.functions(
            List.of(
                new Function(0, straight(1_200, ANSWER)),
                new Function(0, straight(10, ANSWER)),
                new Function(0, straight(REPEATS, ANSWER))));
    ModuleDescription description = guests.engine.check(wasm);
    assertThat(description.oversizedFunctions())
        .extracting(function -> function.name() + " " + function.tier().word())
        .containsExactly("func[2] interpreted", "func[0] compiled-late");
    assertThat(description.oversizedCount()).isEqualTo(2);
    assertThat(guests.compile(wasm).interpretedFunctions()).containsExactly(2);
  }

  @Test
  void namesOfTheNameSectionAreUsedAndMadePrintable() throws ModuleRefusedException {
    byte[] code = Wat.functions(List.of(new Function(0, straight(1_200, ANSWER))));
    WasmBuffer named = new WasmBuffer(code.length + 32);
    named.raw(code, 0, code.length);
    WasmBuffer names = new WasmBuffer(32);
    Wat.raw(names, 4, 'n', 'a', 'm', 'e', 1, 6, 1, 0, 3, 'b', 0x1B, 'g');
    named.section(0, names);
    assertThat(guests.engine.check(named.toBytes()).oversizedFunctions())
        .extracting(ModuleDescription.OversizedFunction::name)
        .containsExactly("b?g");
  }
}
