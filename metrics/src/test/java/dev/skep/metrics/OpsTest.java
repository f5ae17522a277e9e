package dev.skep.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.zaxxer.hikari.metrics.PoolStats;
import com.zaxxer.hikari.metrics.prometheus.PrometheusMetricsTrackerFactory;
import io.prometheus.client.cache.caffeine.CacheMetricsCollector;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Holds the dashboard, the alert rules and the runbooks to the metrics there are. */
class OpsTest {
  /** What ops may read beside Skep's own metrics, with the labels it may use. */
  private static final Map<String, Set<String>> LIBRARY_METRICS =
      Map.ofEntries(
          Map.entry("jvm_memory_bytes_used", Set.of("area")),
          Map.entry("jvm_memory_bytes_max", Set.of("area")),
          Map.entry("jvm_gc_collection_seconds_sum", Set.of("gc")),
          Map.entry("jvm_threads_current", Set.of()),
          Map.entry("jvm_classes_currently_loaded", Set.of()),
          Map.entry("process_cpu_seconds_total", Set.of()),
          Map.entry("process_open_fds", Set.of()),
          Map.entry("process_resident_memory_bytes", Set.of()),
          Map.entry("hikaricp_active_connections", Set.of("pool")),
          Map.entry("hikaricp_idle_connections", Set.of("pool")),
          Map.entry("hikaricp_max_connections", Set.of("pool")),
          Map.entry("hikaricp_pending_threads", Set.of("pool")),
          Map.entry("hikaricp_connection_timeout_total", Set.of("pool")),
          Map.entry("hikaricp_connection_acquired_nanos_sum", Set.of("pool")),
          Map.entry("hikaricp_connection_acquired_nanos_count", Set.of("pool")),
          Map.entry("hikaricp_connection_usage_millis_sum", Set.of("pool")),
          Map.entry("hikaricp_connection_usage_millis_count", Set.of("pool")),
          Map.entry("caffeine_cache_hit_total", Set.of("cache")),
          Map.entry("caffeine_cache_requests_total", Set.of("cache")),
          Map.entry("caffeine_cache_estimated_size", Set.of("cache")),
          Map.entry("caffeine_cache_eviction_total", Set.of("cache")),
          Map.entry("caffeine_cache_load_failure_total", Set.of("cache")));

  /** What Prometheus itself adds: the series {@code up}, and two labels to every series. */
  private static final String UP = "up";

  private static final Set<String> TARGET_LABELS = Set.of("job", "instance");

  /** Expressions by where they stand. */
  private static final Map<String, String> EXPRESSIONS = new LinkedHashMap<>();

  private static JsonNode dashboard;
  private static List<JsonNode> alerts;

  @BeforeAll
  static void read() throws IOException {
    dashboard = new ObjectMapper().readTree(Project.file("ops/grafana/skep.json").toFile());
    each(
        dashboard,
        node -> {
          if (node.has("expr")) {
            EXPRESSIONS.put("dashboard: " + node.get("expr").asText(), node.get("expr").asText());
          }
        });
    var rules = new YAMLMapper().readTree(Project.file("ops/prometheus/alerts.yml").toFile());
    alerts = new ArrayList<>();
    each(
        rules,
        node -> {
          if (node.has("alert")) {
            alerts.add(node);
            EXPRESSIONS.put(node.get("alert").asText(), node.get("expr").asText());
          }
        });
  }

  @Test
  void readsOnlyMetricsAndLabelsThatExist() {
    Map<String, Set<String>> labelsOf = new HashMap<>(LIBRARY_METRICS);
    labelsOf.put(UP, Set.of());
    for (MetricName name : MetricName.values()) {
      for (String sample : name.sampleNames()) {
        Set<String> labels = new HashSet<>(name.labels());
        if (sample.endsWith("_bucket")) {
          labels.add("le");
        }
        labelsOf.put(sample, labels);
      }
    }
    EXPRESSIONS.forEach((where, expression) -> {
      var query = PromQl.parse(expression);
      assertThat(query.selectors()).as(where).isNotEmpty();
      Set<String> known = new HashSet<>(TARGET_LABELS);
      for (var selector : query.selectors()) {
        assertThat(labelsOf).as(where).containsKey(selector.metric());
        Set<String> own = new HashSet<>(labelsOf.getOrDefault(selector.metric(), Set.of()));
        own.addAll(TARGET_LABELS);
        assertThat(own).as(where).containsAll(selector.labels());
        known.addAll(own);
      }
      assertThat(known).as(where).containsAll(query.groupings());
    });
  }

  @Test
  void readsEveryMetric() {
    Set<String> read =
        EXPRESSIONS.values().stream()
            .flatMap(expression -> PromQl.parse(expression).selectors().stream())
            .map(PromQl.Selector::metric)
            .collect(Collectors.toSet());

    assertThat(MetricName.values())
        .allSatisfy(name -> assertThat(read).containsAnyElementsOf(name.sampleNames()));
    assertThat(read).as("the list of libraries' metrics").containsAll(LIBRARY_METRICS.keySet());
  }

  /** The list above would go stale with the next version of a library without anybody noticing. */
  @Test
  void theLibrariesExposeWhatIsRead() {
    var metrics = new NodeMetrics();
    CacheMetricsCollector caches = new CacheMetricsCollector().register(metrics.registry());
    caches.addCache("tokens", Caffeine.newBuilder().recordStats().build(key -> key));
    try (var tracker =
        new PrometheusMetricsTrackerFactory(metrics.registry()).create("skep", new IdlePool())) {
      tracker.recordConnectionAcquiredNanos(1);
      tracker.recordConnectionUsageMillis(1);
      tracker.recordConnectionTimeout();
      Map<String, Set<String>> exposed = new HashMap<>();
      for (var sample : Exposition.of(metrics).samples()) {
        exposed.put(sample.name(), sample.labels().keySet());
      }
      LIBRARY_METRICS.forEach((name, labels) -> {
        assertThat(exposed).containsKey(name);
        assertThat(exposed.get(name)).as(name).containsAll(labels);
      });
    }
  }

  @Test
  void everyAlertSaysHowBadAndWhatToDo() throws IOException {
    Set<String> anchors =
        Files.readAllLines(Project.file("docs/runbooks.md")).stream()
            .filter(line -> line.startsWith("## "))
            .map(line -> "docs/runbooks.md#" + line.substring(3).toLowerCase(Locale.ROOT))
            .collect(Collectors.toSet());
    Set<String> linked = new HashSet<>();
    for (JsonNode alert : alerts) {
      String name = alert.get("alert").asText();
      JsonNode annotations = alert.path("annotations");
      assertThat(name).matches("Skep[A-Z][A-Za-z0-9]+");
      assertThat(alert.path("labels").path("severity").asText())
          .as(name)
          .isIn("critical", "warning");
      assertThat(annotations.path("summary").asText()).as(name).contains("$labels.instance");
      assertThat(annotations.path("description").asText()).as(name).hasSizeGreaterThan(80);
      assertThat(annotations.path("runbook_url").asText()).as(name).isIn(anchors);
      assertThat(linked.add(annotations.path("runbook_url").asText())).as(name).isTrue();
    }
    assertThat(linked).as("every section belongs to an alert").isEqualTo(anchors);
  }

  @Test
  void linksBetweenRunbooksHoldTrue() throws IOException {
    String page = Files.readString(Project.file("docs/runbooks.md"));
    Set<String> anchors =
        page.lines()
            .filter(line -> line.startsWith("## "))
            .map(line -> line.substring(3).toLowerCase(Locale.ROOT))
            .collect(Collectors.toSet());
    var links = Pattern.compile("\\]\\(#([^)]+)\\)").matcher(page).results().toList();
    assertThat(links).isNotEmpty().allSatisfy(link -> assertThat(anchors).contains(link.group(1)));
  }

  @Test
  void theDashboardTakesItsDataSourceFromAVariable() {
    var panels = new ArrayList<JsonNode>();
    each(
        dashboard.get("panels"),
        node -> {
          if (node.has("targets")) {
            panels.add(node);
          }
        });
    assertThat(panels)
        .hasSizeGreaterThan(30)
        .allSatisfy(panel -> {
          assertThat(panel.path("datasource").path("uid").asText()).isEqualTo("${datasource}");
          assertThat(panel.path("title").asText()).isNotBlank();
          assertThat(panel.path("fieldConfig").path("defaults")).isNotEmpty();
        });
    var ids = new ArrayList<Integer>();
    each(
        dashboard.get("panels"),
        node -> {
          if (node.has("gridPos")) {
            ids.add(node.get("id").asInt());
          }
        });
    assertThat(ids).doesNotHaveDuplicates();
  }

  @Test
  void thePrometheusExampleLoadsTheRules() throws IOException {
    var example = new YAMLMapper().readTree(Project.file("ops/prometheus/prometheus.yml").toFile());
    assertThat(example.path("rule_files").path(0).asText()).isEqualTo("alerts.yml");
    assertThat(example.path("scrape_configs").path(0).path("job_name").asText()).isEqualTo("skep");
  }

  private static void each(JsonNode node, Consumer<JsonNode> visit) {
    visit.accept(node);
    node.forEach(child -> each(child, visit));
  }

  /** Figures of a database pool that nobody uses. */
  private static final class IdlePool extends PoolStats {
    IdlePool() {
      super(1_000);
    }

    @Override
    protected void update() {
      totalConnections = 1;
    }
  }
}
