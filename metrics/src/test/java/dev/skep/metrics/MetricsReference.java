package dev.skep.metrics;

import dev.skep.metrics.MetricName.Kind;
import java.util.Locale;
import java.util.stream.Collectors;

/** Renders {@code docs/metrics.md} from {@link MetricName}. */
final class MetricsReference {
  private MetricsReference() {}

  static String render() {
    var page = new StringBuilder();
    page.append(
        """
        # Metrics

        A node shows these at `/metrics`, in Prometheus' text format or OpenMetrics, whichever the
        client accepts. This page is rendered from `MetricName`; the build fails when they differ.

        Units are seconds and bytes; fuel is in units of the cost table, money in 1e-9 dollars. Counters
        start at 0 with the process. At most %d tenants, first come, first served, have a value of
        their own for `tenant`; all later ones share `other`. `route` is the template of a path, never
        the path. A histogram `x` is exposed as `x_bucket` (with the label `le`), `x_sum` and `x_count`.

        | metric | kind | labels | what |
        |---|---|---|---|
        """
            .formatted(NodeMetrics.DEFAULT_DISTINCT_TENANTS));
    for (MetricName name : MetricName.values()) {
      String labels =
          name.labels().stream().map(label -> "`" + label + "`").collect(Collectors.joining(", "));
      page.append(
          "| `%s` | %s | %s | %s |\n"
              .formatted(
                  name.series(), name.kind().name().toLowerCase(Locale.ROOT), labels, name.help()));
    }
    page.append("\n## Buckets\n\nUpper bounds; one more bucket holds all the rest.\n\n");
    page.append("| histogram | bounds |\n|---|---|\n");
    for (MetricName name : MetricName.values()) {
      if (name.kind() == Kind.HISTOGRAM) {
        String bounds =
            name.buckets().stream()
                .map(bound -> name.series().endsWith("_bytes") ? bytes(bound) : seconds(bound))
                .collect(Collectors.joining(", "));
        page.append("| `%s` | %s |\n".formatted(name.series(), bounds));
      }
    }
    page.append(
        """

        ## From libraries

        | prefix | what | from |
        |---|---|---|
        | `jvm_`, `process_` | heap, collections, threads, classes, CPU, open files | simpleclient_hotspot |
        | `hikaricp_` | the database pool: connections by state, threads that wait, how long | HikariCP |
        | `caffeine_cache_` | caches: requests, hits, misses, loads, evictions, size | simpleclient_caffeine |
        """);
    return page.toString();
  }

  private static String seconds(double bound) {
    long micros = Math.round(bound * 1e6);
    if (micros >= 1_000_000) {
      return micros / 1_000_000 + " s";
    }
    return micros >= 1_000 ? micros / 1_000 + " ms" : micros + " µs";
  }

  private static String bytes(double bound) {
    long kib = Math.round(bound / 1024);
    if (kib >= 1 << 20) {
      return (kib >> 20) + " GiB";
    }
    return kib >= 1 << 10 ? (kib >> 10) + " MiB" : kib + " KiB";
  }
}
