package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.StoreLimits;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every guest's results and fuel against the figures recorded from Wasmtime 49. */
class GuestFuelTest {
  /** Of host functions, by a command that reads its input and writes its answer. */
  private static final long MOST_CALLS = 12;

  private static final Map<String, CompiledModule> COMPILED = new HashMap<>();
  private static Guests guests;

  @BeforeAll
  static void open() {
    guests = new Guests();
  }

  @AfterAll
  static void close() {
    COMPILED.clear();
    guests.close();
  }

  static Stream<Arguments> cases() {
    List<Arguments> rows = new ArrayList<>();
    for (JsonNode row : Guests.json("oracle/fuel.json").get("cases")) {
      String name = row.get("name").asText() + (row.has("limits") ? " " + row.get("limits") : "");
      rows.add(Arguments.of(name, row));
    }
    return rows.stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void answersAndCostsWhatTheOracleSays(String name, JsonNode row) {
    CompiledModule module =
        COMPILED.computeIfAbsent(
            row.get("guest").asText(), path -> guests.compile(Guests.bytes(path)));
    // None of them may stay on tier 1 in silence.
    assertThat(module.isMachineCode()).isEqualTo(Guests.MACHINE_CODE);
    if (row.has("argv")) {
      command(module, row);
    } else if (row.get("steps").get(0).has("thenWriteAtResult")) {
      bytes(module, row);
    } else {
      typed(module, row);
    }
  }

  private static void typed(CompiledModule module, JsonNode row) {
    JsonNode step = row.get("steps").get(0);
    RunReport report =
        guests.run(
            module,
            new TypedCall(step.get("export").asText(), FuelVectorsTest.args(step)),
            limits(row));
    if (step.has("trap")) {
      assertThat(report.result()).isInstanceOf(RunResult.Trapped.class);
      return;
    }
    assertThat(report.result()).isInstanceOf(RunResult.Values.class);
    assertThat(((RunResult.Values) report.result()).results())
        .containsExactly(FuelVectorsTest.results(step));
    assertThat(report.fuel()).isEqualTo(step.get("fuel").asLong());
  }

  private static StoreLimits limits(JsonNode row) {
    StoreLimits limits = Guests.PLENTY;
    if (row.has("limits") && row.get("limits").has("memoryBytes")) {
      limits = limits.withMemoryBytes(row.get("limits").get("memoryBytes").asLong());
    }
    if (row.has("limits") && row.get("limits").has("tableElements")) {
      // The oracle limits each table; here all tables of the store share the limit, and the guest
      // has another table of 4.
      limits = limits.withTableElements(row.get("limits").get("tableElements").asLong() + 4);
    }
    return limits;
  }

  private static void bytes(CompiledModule module, JsonNode row) {
    JsonNode alloc = row.get("steps").get(0);
    JsonNode transform = row.get("steps").get(1);
    byte[] input = Guests.bytes(alloc.get("thenWriteAtResult").asText());
    RunReport report =
        guests.run(module, new BytesCall(transform.get("export").asText(), input), Guests.PLENTY);
    assertThat(report.result()).isInstanceOf(RunResult.Bytes.class);
    assertThat(((RunResult.Bytes) report.result()).output())
        .isEqualTo(Guests.bytes("data/order.expected.json"));
    assertThat(report.fuel())
        .isEqualTo(alloc.get("fuel").asLong() + transform.get("fuel").asLong());
  }

  private static void command(CompiledModule module, JsonNode row) {
    List<String> args = new ArrayList<>();
    row.get("argv").forEach(arg -> args.add(arg.asText()));
    Map<String, String> env = new HashMap<>();
    row.get("env").properties().forEach(e -> env.put(e.getKey(), e.getValue().asText()));
    byte[] stdin =
        row.get("stdin").isNull() ? new byte[0] : Guests.bytes(row.get("stdin").asText());
    RunReport report = guests.run(module, new CommandRun(args, env, stdin), Guests.PLENTY);

    assertThat(report.result()).isInstanceOf(RunResult.Exited.class);
    RunResult.Exited exited = (RunResult.Exited) report.result();
    assertThat(exited.exitCode()).isZero();
    assertThat(new String(exited.stdout(), java.nio.charset.StandardCharsets.UTF_8))
        .isEqualTo(row.get("stdout").asText());
    // Calls of host functions cost something, and what they move, which the oracle's do not; and
    // its
    // streams were files, which the guest's C library asks a few things more.
    long oracle = row.get("steps").get(0).get("fuel").asLong();
    long moved = (long) stdin.length + exited.stdout().length;
    assertThat(report.fuel())
        .isCloseTo(oracle + moved, Offset.offset(oracle / 50 + MOST_CALLS * FuelCosts.HOST_CALL));
    RunReport again = guests.run(module, new CommandRun(args, env, stdin), Guests.PLENTY);
    assertThat(again.fuel()).isEqualTo(report.fuel());
  }
}
