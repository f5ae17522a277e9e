package dev.skep.metrics;

import static dev.skep.metrics.MetricName.BUILD_INFO;
import static dev.skep.metrics.MetricName.COMPILE_FUEL;
import static dev.skep.metrics.MetricName.ENGINE_COMPILE_WAIT;
import static dev.skep.metrics.MetricName.ENGINE_REFUSED_MODULES;
import static dev.skep.metrics.MetricName.FUEL;
import static dev.skep.metrics.MetricName.HTTP_ANSWER_WAIT;
import static dev.skep.metrics.MetricName.HTTP_IN_FLIGHT;
import static dev.skep.metrics.MetricName.HTTP_REQUEST;
import static dev.skep.metrics.MetricName.HTTP_REQUESTS;
import static dev.skep.metrics.MetricName.NANODOLLARS;
import static dev.skep.metrics.MetricName.RECEIPT_WAIT;
import static dev.skep.metrics.MetricName.RUNS;
import static dev.skep.metrics.MetricName.RUN_DURATION;
import static dev.skep.metrics.MetricName.RUN_MEMORY_PEAK;
import static dev.skep.metrics.MetricName.SCHEDULER_WAIT;

import dev.skep.metrics.MetricName.Kind;
import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.Counter;
import io.prometheus.client.Gauge;
import io.prometheus.client.Histogram;
import io.prometheus.client.exporter.common.TextFormat;
import io.prometheus.client.hotspot.DefaultExports;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * All metrics of one node: takes events, asks for figures, writes the exposition. Thread-safe.
 *
 * <p><b>Events</b> ({@link #runEnded}, {@link #waited}, {@link #httpStarted}, {@link #httpEnded})
 * lie on the way of every run; others ({@link #uploadRefused}, {@link #compileCharged}, {@link
 * #compileBegan}) on that of an upload. They take no lock, build no string and allocate nothing
 * once their labels have been seen: the series of a tenant and of a route are resolved once ({@link
 * BoundedLabel}), and what they add to is striped. Sums are doubles: fuel and nanodollars are exact
 * to 2^53, some 10^16.
 *
 * <p><b>Figures</b> ({@link #gauge}, {@link #counter} and their labelled forms) are asked while a
 * scrape is written, on its thread. They should be quick and must not wait for a database.
 *
 * <p>Collectors of libraries (HikariCP's tracker, {@code CacheMetricsCollector}) register with
 * {@link #registry()}; the JVM's own are there from the start.
 */
public final class NodeMetrics {
  /**
   * Tenants that have series of their own, unless told otherwise. Ten outcomes, fuel and price make
   * a dozen series a tenant, so 100 tenants are about as much as all the rest of the page.
   */
  public static final int DEFAULT_DISTINCT_TENANTS = 100;

  /** Twice the operations of the API; a route is a template, so more means a caller's mistake. */
  private static final int DISTINCT_ROUTES = 128;

  /** Twice the outcomes there are. */
  private static final int DISTINCT_OUTCOMES = 16;

  /** Twice the problems that an upload can be answered with. */
  private static final int DISTINCT_REASONS = 32;

  private static final double NANOS_A_SECOND = 1e9;

  private final CollectorRegistry registry = new CollectorRegistry(true);
  private final Set<MetricName> registered =
      Collections.synchronizedSet(EnumSet.noneOf(MetricName.class));

  private final Counter runs = eventCounter(RUNS);
  private final Counter fuel = eventCounter(FUEL);
  private final Counter compileFuel = eventCounter(COMPILE_FUEL);
  private final Counter nanoDollars = eventCounter(NANODOLLARS);
  private final Histogram runDuration = eventHistogram(RUN_DURATION);
  private final Histogram runMemoryPeak = eventHistogram(RUN_MEMORY_PEAK);
  private final Histogram schedulerWait = eventHistogram(SCHEDULER_WAIT);
  private final Histogram receiptWait = eventHistogram(RECEIPT_WAIT);
  private final Histogram answerWait = eventHistogram(HTTP_ANSWER_WAIT);
  private final Histogram compileWait = eventHistogram(ENGINE_COMPILE_WAIT);
  private final Counter refusedModules = eventCounter(ENGINE_REFUSED_MODULES);
  private final Counter httpRequests = eventCounter(HTTP_REQUESTS);
  private final Histogram httpRequest = eventHistogram(HTTP_REQUEST);

  private final LongAdder httpInFlight = new LongAdder();
  private final BoundedLabel<TenantSeries> tenants;
  private final BoundedLabel<RouteSeries> routes;
  private final BoundedLabel<Counter.Child> reasons =
      new BoundedLabel<>(DISTINCT_REASONS, refusedModules::labels);

  /** Metrics that tell {@link #DEFAULT_DISTINCT_TENANTS} tenants apart. */
  public NodeMetrics() {
    this(DEFAULT_DISTINCT_TENANTS);
  }

  /**
   * @param distinctTenants how many tenants, first come, first served, have series of their own, 1
   *     to 100,000; the others share the label value {@code other}
   */
  public NodeMetrics(int distinctTenants) {
    tenants = new BoundedLabel<>(distinctTenants, TenantSeries::new);
    routes = new BoundedLabel<>(DISTINCT_ROUTES, RouteSeries::new);
    gauge(HTTP_IN_FLIGHT, httpInFlight::sum);
    DefaultExports.register(registry);
  }

  /**
   * Says what runs.
   *
   * @throws IllegalArgumentException if it has been said
   */
  public void buildInfo(String version, String jdk) {
    claim(BUILD_INFO, Kind.GAUGE);
    Gauge.build(BUILD_INFO.series(), BUILD_INFO.help())
        .labelNames(BUILD_INFO.labelArray())
        .register(registry)
        .labels(version, jdk)
        .set(1);
  }

  /**
   * Registers a figure that goes up and down.
   *
   * @param name of a gauge without labels
   * @param figure asked at every scrape, on its thread; left out of a scrape in which it throws
   * @throws IllegalArgumentException if the metric is no such gauge or is registered
   */
  public void gauge(MetricName name, DoubleSupplier figure) {
    register(name, Kind.GAUGE, FigureCollector.plain(name, figure));
  }

  /**
   * Registers figures that go up and down, one for each value of a label.
   *
   * @param name of a gauge with one label
   * @param figures by the label's value; asked at every scrape, on its thread
   * @throws IllegalArgumentException if the metric is no such gauge or is registered
   */
  public void labelledGauge(MetricName name, Supplier<Map<String, Double>> figures) {
    register(name, Kind.GAUGE, FigureCollector.labelled(name, figures));
  }

  /**
   * Registers figures that go up and down, one for each values of several labels.
   *
   * @param name of a gauge with labels
   * @param figures by the labels' values, in the order of the labels; asked at every scrape, on its
   *     thread
   * @throws IllegalArgumentException if the metric is no gauge or is registered
   */
  public void manyLabelledGauge(MetricName name, Supplier<Map<List<String>, Double>> figures) {
    register(name, Kind.GAUGE, FigureCollector.manyLabelled(name, figures));
  }

  /**
   * Registers a figure that only goes up.
   *
   * @param name of a counter without labels
   * @param figure asked at every scrape, on its thread; left out of a scrape in which it throws
   * @throws IllegalArgumentException if the metric is no such counter or is registered
   */
  public void counter(MetricName name, DoubleSupplier figure) {
    register(name, Kind.COUNTER, FigureCollector.plain(name, figure));
  }

  /**
   * Registers figures that only go up, one for each value of a label.
   *
   * @param name of a counter with one label
   * @param figures by the label's value; asked at every scrape, on its thread
   * @throws IllegalArgumentException if the metric is no such counter or is registered
   */
  public void labelledCounter(MetricName name, Supplier<Map<String, Double>> figures) {
    register(name, Kind.COUNTER, FigureCollector.labelled(name, figures));
  }

  /** The metrics that nobody has registered yet: none, once a node is wired. */
  public Set<MetricName> unregistered() {
    synchronized (registered) {
      return EnumSet.complementOf(EnumSet.copyOf(registered));
    }
  }

  /** Where collectors of libraries register. */
  public CollectorRegistry registry() {
    return registry;
  }

  /**
   * Counts a run that ended.
   *
   * @param tenant who pays
   * @param outcome how it ended, one of few words
   * @param durationNanos wall-clock time of the guest, the queue not counted, from 0
   * @param memoryPeakBytes most linear memory held at once, from 0
   * @param fuelUnits consumed, from 0
   * @param priceNanoDollars from 0
   */
  public void runEnded(
      String tenant,
      String outcome,
      long durationNanos,
      long memoryPeakBytes,
      long fuelUnits,
      long priceNanoDollars) {
    TenantSeries series = tenants.of(tenant);
    series.outcomes.of(outcome).inc();
    series.fuel.inc((double) fuelUnits);
    series.nanoDollars.inc((double) priceNanoDollars);
    runDuration.observe(durationNanos / NANOS_A_SECOND);
    runMemoryPeak.observe((double) memoryPeakBytes);
  }

  /**
   * Counts a run's wait.
   *
   * @param waitNanos from admission to a worker and a slot, from 0
   */
  public void waited(long waitNanos) {
    schedulerWait.observe(waitNanos / NANOS_A_SECOND);
  }

  /** Counts a receipt that is on the disk, this long after its run's end. */
  public void receiptWaited(long nanos) {
    receiptWait.observe(nanos / NANOS_A_SECOND);
  }

  /** Counts an answer whose turn on the event loop came this long after its receipt was kept. */
  public void answerWaited(long nanos) {
    answerWait.observe(nanos / NANOS_A_SECOND);
  }

  /**
   * Counts an upload that was refused.
   *
   * @param reason the type of the problem, one of few words
   */
  public void uploadRefused(String reason) {
    reasons.of(reason).inc();
  }

  /**
   * Counts what a tenant is charged for checking and compiling a version.
   *
   * @param fuelUnits from 0
   */
  public void compileCharged(String tenant, long fuelUnits) {
    tenants.of(tenant).compileFuel.inc((double) fuelUnits);
  }

  /**
   * Counts a compile's wait.
   *
   * @param waitNanos from the first wish for the module to the beginning of its compile, from 0
   */
  public void compileBegan(long waitNanos) {
    compileWait.observe(waitNanos / NANOS_A_SECOND);
  }

  /** Counts a request in. {@link #httpEnded} must follow, once. */
  public void httpStarted() {
    httpInFlight.increment();
  }

  /**
   * Counts a request that was answered or given up.
   *
   * @param route template of the path, such as {@code /v1/tenants/:tenant}; never the path itself
   * @param status of the response; what is not 100 to 599, as a guest may choose, counts as {@code
   *     other}
   * @param durationNanos from the request's head to the response's end, from 0
   */
  public void httpEnded(String route, int status, long durationNanos) {
    httpInFlight.decrement();
    RouteSeries series = routes.of(route);
    series.answered(status).inc();
    series.duration.observe(durationNanos / NANOS_A_SECOND);
  }

  /**
   * The content type of the exposition that a client asks for.
   *
   * @param acceptHeader as the client sent it, or null
   * @return that of OpenMetrics if the client accepts it, else that of Prometheus' text format
   */
  public static String contentType(@Nullable String acceptHeader) {
    return TextFormat.chooseContentType(acceptHeader);
  }

  /**
   * All series of this moment, as text in the format of {@link #contentType}. Takes milliseconds:
   * not for an event loop.
   *
   * @param acceptHeader as the client sent it, or null
   */
  public String exposition(@Nullable String acceptHeader) {
    // The client adds to each counter and histogram the time of its creation: nothing here reads
    // it, and it would double the series of a tenant.
    var samples = registry.filteredMetricFamilySamples(sample -> !sample.endsWith("_created"));
    var text = new StringWriter(1 << 16);
    try {
      TextFormat.writeFormat(contentType(acceptHeader), text, samples);
    } catch (IOException e) {
      throw new UncheckedIOException("a StringWriter failed", e);
    }
    return text.toString();
  }

  private void register(MetricName name, Kind kind, FigureCollector figures) {
    claim(name, kind);
    registry.register(figures);
  }

  private void claim(MetricName name, Kind kind) {
    if (name.kind() != kind) {
      throw new IllegalArgumentException(name.series() + " is a " + name.kind() + ", not " + kind);
    }
    if (!registered.add(name)) {
      throw new IllegalArgumentException(name.series() + " is registered");
    }
  }

  /** Without exemplars: they would allocate on every event, and nothing traces yet. */
  private Counter eventCounter(MetricName name) {
    claim(name, Kind.COUNTER);
    return Counter.build(name.series(), name.help())
        .labelNames(name.labelArray())
        .withoutExemplars()
        .register(registry);
  }

  private Histogram eventHistogram(MetricName name) {
    claim(name, Kind.HISTOGRAM);
    return Histogram.build(name.series(), name.help())
        .labelNames(name.labelArray())
        .buckets(name.bucketArray())
        .withoutExemplars()
        .register(registry);
  }

  /** What one tenant's runs add to. */
  private final class TenantSeries {
    final BoundedLabel<Counter.Child> outcomes;
    final Counter.Child fuel;
    final Counter.Child compileFuel;
    final Counter.Child nanoDollars;

    TenantSeries(String tenant) {
      outcomes = new BoundedLabel<>(DISTINCT_OUTCOMES, outcome -> runs.labels(tenant, outcome));
      fuel = NodeMetrics.this.fuel.labels(tenant);
      compileFuel = NodeMetrics.this.compileFuel.labels(tenant);
      nanoDollars = NodeMetrics.this.nanoDollars.labels(tenant);
    }
  }

  /** What one route's requests add to. */
  private final class RouteSeries {
    private static final int FIRST_STATUS = 100;
    private static final int LAST_STATUS = 599;

    final String route;
    final Histogram.Child duration;

    /** Resolved when first seen; the last element is for what is no status. */
    final AtomicReferenceArray<Counter.@Nullable Child> byStatus =
        new AtomicReferenceArray<>(LAST_STATUS - FIRST_STATUS + 2);

    RouteSeries(String route) {
      this.route = route;
      this.duration = httpRequest.labels(route);
    }

    Counter.Child answered(int status) {
      boolean known = status >= FIRST_STATUS && status <= LAST_STATUS;
      int index = (known ? status : LAST_STATUS + 1) - FIRST_STATUS;
      Counter.Child child = byStatus.get(index);
      if (child == null) {
        // The client resolves equal labels to one child, so a race sets the same one twice.
        child = httpRequests.labels(route, known ? Integer.toString(status) : BoundedLabel.OTHER);
        byStatus.set(index, child);
      }
      return child;
    }
  }
}
