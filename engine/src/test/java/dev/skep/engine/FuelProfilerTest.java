package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.skep.engine.FuelProfile.Line;
import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.SlotLease;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Fuel by function sums up to the fuel that the same run is metered. */
class FuelProfilerTest {
  private static Guests guests;

  @BeforeAll
  static void open() {
    guests = new Guests();
  }

  @AfterAll
  static void close() {
    guests.close();
  }

  private static FuelProfile profile(byte[] wasm, Invocation invocation, StoreLimits limits) {
    FuelProfiler profiler;
    try {
      profiler = guests.engine.profiler(wasm);
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
    FuelProfile profile =
        profiler.run(
            (SlotLease) guests.pool.take(profiler.slotFor(guests.owner)),
            invocation,
            WasiWorld.NONE,
            limits);
    assertThat(profile.functions().stream().mapToLong(Line::fuel).sum())
        .as("the sum over functions")
        .isEqualTo(profile.report().fuel());
    return profile;
  }

  /** The profile of a run that costs the same when it is compiled. */
  private static FuelProfile same(byte[] wasm, Invocation invocation) {
    RunReport metered = guests.run(guests.compile(wasm), invocation, Guests.PLENTY);
    FuelProfile profile = profile(wasm, invocation, Guests.PLENTY);
    // A run that traps pays elsewhere for all of the straight code it is in, and the interpreter's
    // own bounds checks let some bulk operators pass.
    if (!(metered.result() instanceof RunResult.Trapped)) {
      assertThat(profile.report().result()).hasSameClassAs(metered.result());
      assertThat(profile.report().fuel()).isEqualTo(metered.fuel());
    }
    return profile;
  }

  @Test
  void whatTheInterpreterGetsWrongIsCountedAsItIsRun() {
    // if (x * x) 1 else 0 + 0, which costs two more; and a byte stored at x + 16.
    int[] product = {
      0x20, 0, 0x20, 0, 0x6C, 0x04, 0x7F, 0x41, 1, 0x05, 0x41, 0, 0x41, 0, 0x6A, 0x0B, 0x0B
    };
    int[] store = {0x20, 0, 0x41, 1, 0x3A, 0, 16, 0x41, 0, 0x0B};
    byte[] wasm =
        Wat.functions(
            List.of(new Wat.Function(0, Wat.hex(product)), new Wat.Function(0, Wat.hex(store))));
    FuelProfile zero = same(wasm, new TypedCall("f0", new long[] {0x8000_0000L}));
    FuelProfile one = same(wasm, new TypedCall("f0", new long[] {1}));
    assertThat(zero.report().fuel()).isEqualTo(one.report().fuel() + 2);
    assertThat(same(wasm, new TypedCall("f1", new long[] {0xFFFF_FFF8L})).report().result())
        .isInstanceOf(RunResult.Trapped.class);
  }

  static Stream<Arguments> vectors() {
    List<Arguments> rows = new ArrayList<>();
    for (JsonNode vector : Guests.json("oracle/vectors.json").get("vectors")) {
      rows.add(
          Arguments.of(vector.get("group").asText() + ": " + vector.get("name").asText(), vector));
    }
    return rows.stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("vectors")
  void countsEveryShapeOfCodeAsMeteringDoes(String name, JsonNode vector) {
    same(
        Base64.getDecoder().decode(vector.get("wasm").asText()),
        new TypedCall(vector.get("export").asText(), FuelVectorsTest.args(vector)));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void countsKernels(String export, long argument) {
    same(Guests.bytes("wasm/kernels.wasm"), new TypedCall(export, new long[] {argument}));
  }

  static Stream<Arguments> kernels() {
    return Stream.of(
        Arguments.of("fib", 12),
        Arguments.of("json", 3),
        Arguments.of("matmul", 12),
        Arguments.of("sieve", 1_000),
        Arguments.of("sort", 500));
  }

  @Test
  void namesTheCostliestFirst() {
    FuelProfile profile =
        same(
            Guests.bytes("wasm/json_transform_small.wasm"),
            new BytesCall("transform", Guests.bytes("data/order.json")));
    assertThat(profile.functions()).hasSizeGreaterThan(20);
    assertThat(profile.functions()).isSortedAccordingTo((a, b) -> Long.compare(b.fuel(), a.fuel()));
    assertThat(profile.functions())
        .extracting(Line::name)
        .contains("transform", "alloc")
        .noneMatch(name -> name.startsWith("func["));
  }

  @Test
  void chargesHostFunctionsToTheirImports() {
    byte[] stdin = "how are you?".getBytes(StandardCharsets.US_ASCII);
    FuelProfile profile =
        same(
            Guests.bytes("wasm/hello_cgi.wasm"),
            new CommandRun(List.of("hello"), Map.of("REQUEST_METHOD", "POST"), stdin));
    assertThat(profile.functions())
        .extracting(Line::name)
        .contains("wasi_snapshot_preview1.fd_write", "wasi_snapshot_preview1.environ_get");
    same(
        Guests.bytes("wasm/wordcount.wasm"),
        new CommandRun(List.of("wc"), Map.of(), Guests.bytes("data/words.txt")));
  }

  @Test
  void whatNeverEndsIsStoppedByItsFuel() {
    FuelProfile profile =
        profile(
            Guests.bytes("wasm/trap.wasm"),
            new TypedCall("spin", new long[0]),
            Guests.PLENTY.withFuel(200_000));
    assertThat(profile.report().result()).isInstanceOf(RunResult.LimitReached.class);
    assertThat(profile.report().fuel()).isBetween(199_990L, 200_000L);
    assertThat(profile.functions().getFirst().name()).isEqualTo("turn_for_ever");
  }

  @Test
  void anInitialiserIsNotTheRuns() {
    byte[] wasm = Wat.bytes("snapshot");
    same(wasm, new TypedCall("global", new long[0]));
  }
}
