package dev.skep.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.skep.metrics.MetricName.Kind;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NodeMetricsTest {
  private static final int THREADS = 8;

  private final NodeMetrics metrics = new NodeMetrics();

  @Test
  void exposesEveryMetricOnceRegistered() {
    registerAll(metrics);
    oneOfEach(metrics);

    var exposition = Exposition.of(metrics);

    assertThat(metrics.unregistered()).isEmpty();
    var names =
        exposition.samples().stream().map(Exposition.Sample::name).collect(Collectors.toSet());
    for (MetricName name : MetricName.values()) {
      assertThat(names).containsAll(name.sampleNames());
      assertThat(exposition.types())
          .containsEntry(name.series(), name.kind().name().toLowerCase(Locale.ROOT));
      for (String sampleName : name.sampleNames()) {
        for (var sample : exposition.named(sampleName)) {
          Set<String> labels = new HashSet<>(sample.labels().keySet());
          if (sampleName.endsWith("_bucket")) {
            assertThat(labels.remove("le")).isTrue();
          }
          assertThat(labels).containsExactlyInAnyOrderElementsOf(name.labels());
        }
      }
    }
    assertThat(names).filteredOn(name -> name.startsWith("skep_")).allMatch(this::isDeclared);
    assertThat(names).contains("jvm_memory_bytes_used", "process_cpu_seconds_total");
  }

  private boolean isDeclared(String sample) {
    return Arrays.stream(MetricName.values()).anyMatch(n -> n.sampleNames().contains(sample));
  }

  @Test
  void writesWhatTheClientAccepts() {
    String openMetrics = "application/openmetrics-text; version=1.0.0";
    oneOfEach(metrics);

    assertThat(NodeMetrics.contentType(null)).startsWith("text/plain; version=0.0.4");
    assertThat(NodeMetrics.contentType(openMetrics)).startsWith("application/openmetrics-text");
    assertThat(metrics.exposition(openMetrics)).endsWith("# EOF\n").doesNotContain("_created");
    assertThat(metrics.exposition(null)).doesNotContain("# EOF", "_created");
  }

  @Test
  void countsRuns() {
    metrics.runEnded("acme", "completed", 15_000, 65_536, 71, 9);
    metrics.runEnded("acme", "completed", 2_000_000_000, 65_537, 29, 1);
    metrics.runEnded("acme", "out-of-fuel", 10_000, 0, 5, 2);

    var exposition = Exposition.of(metrics);

    assertThat(exposition.value("skep_runs_total", "tenant", "acme", "outcome", "completed"))
        .isEqualTo(2);
    assertThat(exposition.value("skep_runs_total", "tenant", "acme", "outcome", "out-of-fuel"))
        .isEqualTo(1);
    assertThat(exposition.named("skep_runs_total")).hasSize(2);
    assertThat(exposition.value("skep_fuel_total", "tenant", "acme")).isEqualTo(105);
    assertThat(exposition.value("skep_nanodollars_total", "tenant", "acme")).isEqualTo(12);
    assertThat(exposition.value("skep_run_duration_seconds_sum")).isEqualTo(2.000025);
    assertThat(exposition.value("skep_run_duration_seconds_bucket", "le", "1.0E-5")).isEqualTo(1);
    assertThat(exposition.value("skep_run_duration_seconds_bucket", "le", "2.0E-5")).isEqualTo(2);
    assertThat(exposition.value("skep_run_duration_seconds_bucket", "le", "+Inf")).isEqualTo(3);
    assertThat(exposition.value("skep_run_memory_peak_bytes_bucket", "le", "65536.0")).isEqualTo(2);
    assertThat(exposition.value("skep_run_memory_peak_bytes_bucket", "le", "262144.0"))
        .isEqualTo(3);
  }

  @Test
  void countsRequests() {
    metrics.httpStarted();
    metrics.httpStarted();
    metrics.httpEnded("/v1/run/:function", 200, 1_500_000);

    var exposition = Exposition.of(metrics);

    assertThat(exposition.value("skep_http_in_flight")).isEqualTo(1);
    assertThat(
            exposition.value(
                "skep_http_requests_total", "route", "/v1/run/:function", "status", "200"))
        .isEqualTo(1);
    assertThat(
            exposition.value(
                "skep_http_request_seconds_bucket", "route", "/v1/run/:function", "le", "0.002"))
        .isEqualTo(1);
  }

  @Test
  void countsUploads() {
    metrics.uploadRefused("module-limit");
    metrics.uploadRefused("module-limit");
    metrics.uploadRefused("invalid-module");
    metrics.compileCharged("acme", 84_000);
    metrics.compileCharged("acme", 1_000);
    metrics.compileBegan(700_000);
    metrics.compileBegan(70_000_000_000L);

    var exposition = Exposition.of(metrics);

    assertThat(exposition.value("skep_engine_refused_modules_total", "reason", "module-limit"))
        .isEqualTo(2);
    assertThat(exposition.value("skep_compile_fuel_total", "tenant", "acme")).isEqualTo(85_000);
    assertThat(exposition.value("skep_engine_compile_wait_seconds_bucket", "le", "0.001"))
        .isEqualTo(1);
    assertThat(exposition.value("skep_engine_compile_wait_seconds_bucket", "le", "60.0"))
        .isEqualTo(1);
    assertThat(exposition.value("skep_engine_compile_wait_seconds_count")).isEqualTo(2);
    assertThat(exposition.named("skep_fuel_total")).allMatch(sample -> sample.value() == 0);
  }

  /** A guest that speaks CGI chooses its status; that must not make series without end. */
  @Test
  void countsWhatIsNoStatusAsOther() {
    for (int status : new int[] {-1, 0, 99, 600, Integer.MAX_VALUE}) {
      metrics.httpStarted();
      metrics.httpEnded("/", status, 0);
    }

    assertThat(
            Exposition.of(metrics)
                .value("skep_http_requests_total", "route", "/", "status", "other"))
        .isEqualTo(5);
  }

  @Test
  void keepsTenantsBoundedUnderEightThreads() throws Exception {
    var bounded = new NodeMetrics(100);
    onThreads(thread -> {
      for (int i = 0; i < 1_000; i++) {
        // Every thread comes by another way, so that first sights race.
        int tenant = (i * 7 + thread * 125) % 1_000;
        bounded.runEnded("tenant-" + tenant, "completed", 1, 1, 3, 1);
      }
    });

    var fuel = Exposition.of(bounded).named("skep_fuel_total");

    assertThat(fuel).hasSize(101);
    assertThat(fuel.stream().mapToDouble(Exposition.Sample::value).sum())
        .isEqualTo(3.0 * 1_000 * THREADS);
    assertThat(fuel)
        .allSatisfy(series ->
            assertThat(series.value())
                .isEqualTo(
                    series.labels().containsValue("other") ? 3.0 * 900 * THREADS : 3.0 * THREADS));
  }

  @Test
  void aTenantCalledOtherTakesNoPlace() {
    var bounded = new NodeMetrics(1);
    bounded.runEnded("other", "completed", 0, 0, 1, 0);
    bounded.runEnded("acme", "completed", 0, 0, 10, 0);
    bounded.runEnded("late", "completed", 0, 0, 100, 0);

    var exposition = Exposition.of(bounded);

    assertThat(exposition.value("skep_fuel_total", "tenant", "other")).isEqualTo(101);
    assertThat(exposition.value("skep_fuel_total", "tenant", "acme")).isEqualTo(10);
  }

  @Test
  void countsExactlyUnderConcurrency() throws Exception {
    int perThread = 20_000;
    onThreads(thread -> {
      for (int i = 0; i < perThread; i++) {
        metrics.httpStarted();
        metrics.waited(20_000);
        metrics.runEnded("acme", i % 2 == 0 ? "completed" : "trapped", 1_000, 1, 7, 11);
        metrics.httpEnded("/", 200, 1_000);
      }
    });

    var exposition = Exposition.of(metrics);
    double all = perThread * (double) THREADS;

    assertThat(exposition.value("skep_runs_total", "tenant", "acme", "outcome", "completed"))
        .isEqualTo(all / 2);
    assertThat(exposition.value("skep_runs_total", "tenant", "acme", "outcome", "trapped"))
        .isEqualTo(all / 2);
    assertThat(exposition.value("skep_fuel_total", "tenant", "acme")).isEqualTo(7 * all);
    assertThat(exposition.value("skep_nanodollars_total", "tenant", "acme")).isEqualTo(11 * all);
    assertThat(exposition.value("skep_scheduler_wait_seconds_count")).isEqualTo(all);
    assertThat(exposition.value("skep_scheduler_wait_seconds_bucket", "le", "1.0E-5")).isZero();
    assertThat(exposition.value("skep_scheduler_wait_seconds_bucket", "le", "2.0E-5"))
        .isEqualTo(all);
    assertThat(exposition.value("skep_http_requests_total", "route", "/", "status", "200"))
        .isEqualTo(all);
    assertThat(exposition.value("skep_http_in_flight")).isZero();
  }

  @Test
  void leavesOutAFigureThatThrows() {
    metrics.gauge(
        MetricName.RECEIPTS_PENDING,
        () -> {
          throw new IllegalStateException("the spool is closed");
        });
    metrics.gauge(MetricName.READY, () -> 1);

    var exposition = Exposition.of(metrics);

    assertThat(exposition.named("skep_receipts_pending")).isEmpty();
    assertThat(exposition.value("skep_ready")).isEqualTo(1);
  }

  @Test
  void refusesWhatIsNotDeclared() {
    metrics.gauge(MetricName.READY, () -> 1);
    metrics.buildInfo("0.1.0", "25");

    assertThatIllegalArgumentException()
        .isThrownBy(() -> metrics.gauge(MetricName.READY, () -> 1))
        .withMessageContaining("skep_ready is registered");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> metrics.buildInfo("0.1.0", "25"))
        .withMessageContaining("is registered");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> metrics.counter(MetricName.POOL_RESERVED, () -> 1))
        .withMessageContaining("is a GAUGE");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> metrics.labelledCounter(MetricName.RUNS, Map::of))
        .withMessageContaining("[tenant, outcome]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> metrics.gauge(MetricName.POOL_SLOTS, () -> 1))
        .withMessageContaining("[class, state]");
    assertThatIllegalArgumentException().isThrownBy(() -> new NodeMetrics(0));
  }

  @Test
  void namesSayTheirKindAndUnit() {
    for (MetricName name : MetricName.values()) {
      assertThat(name.series()).matches("skep_[a-z]+(_[a-z]+)*");
      assertThat(name.series().endsWith("_total")).isEqualTo(name.kind() == Kind.COUNTER);
      assertThat(name.help()).doesNotEndWith(".").doesNotContain("\n");
      assertThat(name.buckets()).isSorted().doesNotHaveDuplicates();
      assertThat(name.buckets().isEmpty()).isEqualTo(name.kind() != Kind.HISTOGRAM);
    }
    assertThat(MetricName.SCHEDULER_WAIT.buckets()).startsWith(1e-5).endsWith(10.0);
    assertThat(MetricName.ENGINE_COMPILE_WAIT.buckets()).startsWith(1e-3).endsWith(60.0);
    assertThat(MetricName.RUN_DURATION.buckets()).startsWith(1e-5).endsWith(60.0);
    assertThat(MetricName.HTTP_REQUEST.buckets()).startsWith(1e-4).endsWith(60.0);
    assertThat(MetricName.RUN_MEMORY_PEAK.buckets()).startsWith(0x1p16).endsWith(0x1p32).hasSize(9);
  }

  /** Registers a figure for all that wiring must register. */
  static void registerAll(NodeMetrics metrics) {
    metrics.buildInfo("0.1.0", "25.0.1");
    for (MetricName name : metrics.unregistered()) {
      boolean counts = name.kind() == Kind.COUNTER;
      if (name.labels().isEmpty() && counts) {
        metrics.counter(name, () -> 1);
      } else if (name.labels().isEmpty()) {
        metrics.gauge(name, () -> 1);
      } else if (name.labels().size() > 1 && !counts) {
        metrics.manyLabelledGauge(
            name, () -> Map.of(List.of("a", "c"), 1.0, List.of("b", "c"), 2.0));
      } else if (counts) {
        metrics.labelledCounter(name, () -> Map.of("a", 1.0, "b", 2.0));
      } else {
        metrics.labelledGauge(name, () -> Map.of("a", 1.0, "b", 2.0));
      }
    }
  }

  static void oneOfEach(NodeMetrics metrics) {
    metrics.waited(1);
    metrics.receiptWaited(1);
    metrics.answerWaited(1);
    metrics.compileBegan(1);
    metrics.compileCharged("acme", 1);
    metrics.uploadRefused("invalid-module");
    metrics.runEnded("acme", "completed", 1, 1, 1, 1);
    metrics.httpStarted();
    metrics.httpEnded("/v1/run/:function", 200, 1);
  }

  private static void onThreads(IntConsumer work) throws Exception {
    var together = new CountDownLatch(THREADS);
    try (var pool = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> ends =
          IntStream.range(0, THREADS)
              .<Future<?>>mapToObj(thread ->
                  pool.submit(() -> {
                    together.countDown();
                    together.await();
                    work.accept(thread);
                    return null;
                  }))
              .toList();
      for (Future<?> end : ends) {
        end.get();
      }
    }
  }
}
