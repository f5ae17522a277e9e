package dev.skep.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;

class BenchTest {
  private static final Machine MACHINE =
      new Machine("Some CPU", 2, 24L << 30, "Linux 6", "JDK 25", List.of("-XX:+UseG1GC"));

  @Test
  void optionsAloneAreThoseOfNode() {
    assertThat(Bench.withSubcommand(new String[0])).containsExactly("node");
    assertThat(Bench.withSubcommand(new String[] {"--live", "5"}))
        .containsExactly("node", "--live", "5");
    assertThat(Bench.withSubcommand(new String[] {"slots", "--json"}))
        .containsExactly("slots", "--json");
    assertThat(Bench.withSubcommand(new String[] {"--help"})).containsExactly("--help");
  }

  @Test
  void percentilesAreTakenInNanosecondsAndShownInMicroseconds() {
    Histogram nanos = Durations.create();
    for (int micros = 1; micros <= 1_000; micros++) {
      Durations.record(nanos, micros * 1_000L);
    }
    JsonObject figures =
        new ResultTable("t")
            .percentiles("run", "run", nanos)
            .toJson(MACHINE)
            .getJsonObject("figures");
    assertThat(figures.getDouble("run_p50_us")).isBetween(499.0, 501.0);
    assertThat(figures.getDouble("run_p99_us")).isBetween(989.0, 991.0);
    assertThat(figures.getDouble("run_p999_us")).isBetween(998.0, 1_000.0);
  }

  @Test
  void durationsOutsideTheRangeAreKeptAtItsEnds() {
    Histogram nanos = Durations.create();
    Durations.record(nanos, -1);
    Durations.record(nanos, Long.MAX_VALUE);
    assertThat(nanos.getTotalCount()).isEqualTo(2);
    assertThat(nanos.getMinValue()).isZero();
  }

  @Test
  void tableAndJsonShowTheSameFigures() {
    ResultTable table =
        new ResultTable("title")
            .add("live", "live instances", 10_000, "", "Wasmtime: 21,155")
            .add("ratio", "ratio", 1.239, "×")
            .note("closed loop");
    assertThat(table.toText(MACHINE))
        .startsWith("title\n2 cores (Some CPU), 24.0 GiB, Linux 6")
        .contains("JDK 25 -XX:+UseG1GC")
        .contains("live instances         10,000        Wasmtime: 21,155\n")
        .contains("ratio                    1.24 ×\n")
        .endsWith("\n  closed loop\n");
    JsonObject json = table.toJson(MACHINE);
    assertThat(json.getJsonObject("figures").getDouble("live")).isEqualTo(10_000);
    assertThat(json.getJsonObject("figures").getDouble("ratio")).isEqualTo(1.239);
    assertThat(json.getJsonObject("yardsticks").fieldNames()).containsExactly("live");
    assertThat(json.getJsonArray("notes")).isEqualTo(new JsonArray(List.of("closed loop")));
    assertThat(new JsonObject(json.encode()).getJsonObject("machine").getInteger("cores"))
        .isEqualTo(2);
  }

  @Test
  void numbersHaveFewDigits() {
    assertThat(ResultTable.number(0)).isEqualTo("0");
    assertThat(ResultTable.number(1.006)).isEqualTo("1.01");
    assertThat(ResultTable.number(123.456)).isEqualTo("123.5");
    assertThat(ResultTable.number(12_345.6)).isEqualTo("12,346");
  }

  @Test
  void metricsAreSummedByNameAndLabel() {
    MetricSamples samples =
        MetricSamples.parse(
            """
            # HELP skep_pool_slots Slots
            # TYPE skep_pool_slots gauge
            skep_pool_slots{class="524288",state="idle",} 9998.0
            skep_pool_slots{class="524288",state="running",} 2.0
            skep_pool_slots{class="524288",state="cold",} 6384.0
            skep_pool_slots_other 7
            process_resident_memory_bytes 1.5E9
            skep_scheduler_warm_hits_total{text="a } b"} 12 1700000000
            """);
    assertThat(samples.live()).isEqualTo(10_000);
    assertThat(samples.processResidentBytes()).isEqualTo(1.5e9);
    assertThat(samples.warmHits()).isEqualTo(12);
    assertThat(samples.sum("skep_pool_slots", "")).isEqualTo(16_384);
    assertThat(samples.sum("absent", "")).isZero();
  }

  @Test
  void answersThatDifferAreCountedAndTheFirstIsKept() {
    byte[] expected = "yes".getBytes(StandardCharsets.UTF_8);
    CheckedAnswers answers = new CheckedAnswers(expected);
    assertThat(answers.judge(new NodeClient.Answer(200, Buffer.buffer("yes"), 1), null)).isTrue();
    assertThat(answers.judge(new NodeClient.Answer(200, Buffer.buffer("no"), 1), null)).isFalse();
    assertThat(answers.judge(null, new IllegalStateException("gone"))).isFalse();
    assertThat(answers.right()).isEqualTo(1);
    assertThat(answers.wrong()).isEqualTo(2);
    assertThat(answers.firstWrong()).isEqualTo("200 no");
  }

  @Test
  void functionsAreSpreadOverTenantsOfAThousand() {
    assertThat(LiveFunctions.path(0)).isEqualTo("/v1/tenants/bench-0001/functions/live-0001");
    assertThat(LiveFunctions.path(999)).isEqualTo("/v1/tenants/bench-0001/functions/live-1000");
    assertThat(LiveFunctions.path(1_000)).isEqualTo("/v1/tenants/bench-0002/functions/live-0001");
  }

  @Test
  void memoryOfProcIsReadInKibibytes() {
    assertThat(Machine.kibibytes("2048 kB")).isEqualTo(2 << 20);
    assertThat(Machine.kibibytes("unknown")).isZero();
  }
}
