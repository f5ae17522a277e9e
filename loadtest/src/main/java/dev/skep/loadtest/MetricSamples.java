package dev.skep.loadtest;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One reading of a node's {@code /metrics}, in the Prometheus text format.
 *
 * @param values by name and labels as they are written
 */
record MetricSamples(Map<String, Double> values) {

  static MetricSamples parse(String text) {
    Map<String, Double> values = new LinkedHashMap<>();
    text.lines()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .forEach(line -> {
          int labelsEnd = line.lastIndexOf('}');
          int space = line.indexOf(' ', Math.max(0, labelsEnd));
          String rest = space < 0 ? "" : line.substring(space + 1);
          int second = rest.indexOf(' ');
          values.put(
              space < 0 ? line : line.substring(0, space),
              number(second < 0 ? rest : rest.substring(0, second)));
        });
    return new MetricSamples(values);
  }

  private static double number(String text) {
    return switch (text) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      case "" -> Double.NaN;
      default -> Double.parseDouble(text);
    };
  }

  /** The sum of all samples of {@code name} that carry {@code label}, which may be empty. */
  double sum(String name, String label) {
    double sum = 0;
    for (Map.Entry<String, Double> sample : values.entrySet()) {
      String key = sample.getKey();
      boolean named = key.equals(name) || key.startsWith(name + "{");
      if (named && key.contains(label)) {
        sum += sample.getValue();
      }
    }
    return sum;
  }

  /** Instances held in the slab, running or idle. */
  long live() {
    return Math.round(
        sum("skep_pool_slots", "state=\"idle\"") + sum("skep_pool_slots", "state=\"running\""));
  }

  double slabResidentBytes() {
    return sum("skep_pool_resident_bytes", "");
  }

  double processResidentBytes() {
    return sum("process_resident_memory_bytes", "");
  }

  double heapUsedBytes() {
    return sum("jvm_memory_bytes_used", "area=\"heap\"");
  }

  double warmHits() {
    return sum("skep_scheduler_warm_hits_total", "");
  }
}
