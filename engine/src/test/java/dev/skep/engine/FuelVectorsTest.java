package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Fuel against the figures recorded from Wasmtime 49; see guests/oracle/record.py. */
class FuelVectorsTest {
  /**
   * Where the oracle charges what it does not do: a refused growth by a small constant. Here a
   * refused growth costs its operator, whatever the operand; see "Why does a refused growth cost
   * nothing more?" in RATIONALE.md.
   */
  private static final Set<String> DIFFERS = Set.of("refused constant growth");

  private static Guests guests;

  @BeforeAll
  static void open() {
    guests = new Guests();
  }

  @AfterAll
  static void close() {
    guests.close();
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
  void costsWhatTheOracleCharges(String name, JsonNode vector) {
    CompiledModule module = guests.compile(Base64.getDecoder().decode(vector.get("wasm").asText()));
    RunReport report =
        guests.run(
            module,
            new Invocation.TypedCall(vector.get("export").asText(), args(vector)),
            Guests.PLENTY);

    if (vector.has("trap")) {
      assertThat(report.result()).isInstanceOf(RunResult.Trapped.class);
      return;
    }
    assertThat(report.result()).isInstanceOf(RunResult.Values.class);
    assertThat(((RunResult.Values) report.result()).results()).containsExactly(results(vector));
    if (!DIFFERS.contains(vector.get("group").asText())) {
      long start = module.startFunction() >= 0 ? startFuel(vector) : 0;
      assertThat(report.fuel()).isEqualTo(vector.get("fuel").asLong() + start);
    }
  }

  /** What the start function costs; initial expressions are free here. */
  private static long startFuel(JsonNode vector) {
    return vector.get("name").asText().contains(", then start")
        ? 3
        : vector.get("startFuel").asLong();
  }

  static long[] args(JsonNode call) {
    return bits(call.get("args"));
  }

  static long[] results(JsonNode call) {
    return bits(call.get("results"));
  }

  private static long[] bits(JsonNode values) {
    long[] bits = new long[values.size()];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Long.parseUnsignedLong(values.get(i).get("value").asText());
    }
    return bits;
  }

  @Test
  void theOracleHasEveryRowOfTheCostTable() {
    assertThat(vectors().filter(a -> String.valueOf(a.get()[0]).startsWith("cost table")).count())
        .isGreaterThanOrEqualTo(16);
  }
}
