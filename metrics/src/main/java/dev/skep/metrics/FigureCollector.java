package dev.skep.metrics;

import io.prometheus.client.Collector;
import io.prometheus.client.CounterMetricFamily;
import io.prometheus.client.GaugeMetricFamily;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks for a figure whenever somebody scrapes.
 *
 * <p>A figure that cannot be had is left out and logged: the others are wanted most when something
 * is broken.
 */
final class FigureCollector extends Collector implements Collector.Describable {
  private static final Logger LOG = LoggerFactory.getLogger(FigureCollector.class);

  private final MetricName name;
  private final Supplier<Map<List<String>, Double>> figures;

  private FigureCollector(MetricName name, Supplier<Map<List<String>, Double>> figures) {
    this.name = name;
    this.figures = figures;
  }

  static FigureCollector plain(MetricName name, DoubleSupplier figure) {
    requireLabels(name, 0);
    return new FigureCollector(name, () -> Map.of(List.of(), figure.getAsDouble()));
  }

  static FigureCollector labelled(MetricName name, Supplier<Map<String, Double>> figures) {
    requireLabels(name, 1);
    return new FigureCollector(
        name,
        () -> {
          Map<List<String>, Double> values = new LinkedHashMap<>();
          figures.get().forEach((label, value) -> values.put(List.of(label), value));
          return values;
        });
  }

  /** With as many labels as the metric has, each key a list of their values. */
  static FigureCollector manyLabelled(
      MetricName name, Supplier<Map<List<String>, Double>> figures) {
    return new FigureCollector(name, figures);
  }

  private static void requireLabels(MetricName name, int count) {
    if (name.labels().size() != count) {
      throw new IllegalArgumentException(
          name.series() + " has the labels " + name.labels() + ", not " + count);
    }
  }

  @Override
  public List<MetricFamilySamples> collect() {
    Map<List<String>, Double> values;
    try {
      values = figures.get();
    } catch (RuntimeException e) {
      LOG.atWarn()
          .addKeyValue("metric", name.series())
          .setCause(e)
          .log("figure could not be had and is left out of this scrape");
      return describe();
    }
    return family(values);
  }

  @Override
  public List<MetricFamilySamples> describe() {
    return family(Map.of());
  }

  private List<MetricFamilySamples> family(Map<List<String>, Double> values) {
    if (name.kind() == MetricName.Kind.COUNTER) {
      CounterMetricFamily family =
          new CounterMetricFamily(name.series(), name.help(), name.labels());
      values.forEach(family::addMetric);
      return List.of(family);
    }
    GaugeMetricFamily family = new GaugeMetricFamily(name.series(), name.help(), name.labels());
    values.forEach(family::addMetric);
    return List.of(family);
  }
}
