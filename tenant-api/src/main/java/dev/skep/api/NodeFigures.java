package dev.skep.api;

import dev.skep.engine.CompilerProcess;
import dev.skep.engine.Engine;
import dev.skep.metrics.MetricName;
import dev.skep.metrics.NodeMetrics;
import dev.skep.pool.ClassStats;
import dev.skep.pool.PoolStats;
import dev.skep.pool.ResetStats;
import dev.skep.scheduler.ModuleCache;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.Refusal;
import dev.skep.scheduler.RunListener;
import dev.skep.scheduler.Scheduler;
import dev.skep.scheduler.TenantId;
import dev.skep.scheduler.TreeCache;
import dev.skep.storage.ReceiptSpool;
import io.prometheus.client.cache.caffeine.CacheMetricsCollector;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;

/**
 * Gathers what the modules count: events for the metrics and the console as they happen, figures
 * when somebody asks. Thread-safe; events neither block nor allocate.
 */
final class NodeFigures implements RunListener {
  /** Two digits are enough for a screen; a day is longer than any run. */
  private static final int DIGITS = 2;

  private static final long MOST_NANOS = 86_400_000_000_000L;

  private final NodeMetrics metrics;
  private final Map<Refusal, LongAdder> refusals = new EnumMap<>(Refusal.class);
  private final Map<Receipt.Outcome, LongAdder> outcomes = new EnumMap<>(Receipt.Outcome.class);
  private final LongAdder tier1Runs = new LongAdder();
  private final LongAdder tier2Runs = new LongAdder();
  private final Recorder waits = new Recorder(MOST_NANOS, DIGITS);
  private final Recorder durations = new Recorder(MOST_NANOS, DIGITS);

  NodeFigures(NodeMetrics metrics) {
    this.metrics = metrics;
    for (Refusal refusal : Refusal.values()) {
      refusals.put(refusal, new LongAdder());
    }
    for (Receipt.Outcome outcome : Receipt.Outcome.values()) {
      outcomes.put(outcome, new LongAdder());
    }
  }

  // ── Events ────────────────────────────────────────────────────────────────────────────────

  @Override
  public void started(TenantId tenant, long waitedNanos) {
    metrics.waited(waitedNanos);
    waits.recordValue(Math.clamp(waitedNanos, 0, MOST_NANOS));
  }

  @Override
  public void recorded(long nanos) {
    metrics.receiptWaited(nanos);
  }

  @Override
  public void ended(Receipt receipt) {
    metrics.runEnded(
        receipt.tenant().value(),
        receipt.outcome().word(),
        receipt.durationNanos(),
        receipt.memoryPeakBytes(),
        receipt.fuel(),
        receipt.nanoDollars());
    Objects.requireNonNull(outcomes.get(receipt.outcome())).increment();
    (receipt.tier() == Receipt.TIER_2 ? tier2Runs : tier1Runs).increment();
    durations.recordValue(Math.clamp(receipt.durationNanos(), 0, MOST_NANOS));
  }

  @Override
  public void refused(TenantId tenant, Refusal refusal) {
    Objects.requireNonNull(refusals.get(refusal)).increment();
  }

  // ── Figures ───────────────────────────────────────────────────────────────────────────────

  /** Refusals by reason since start. */
  Map<String, Long> refusals() {
    Map<String, Long> figures = new LinkedHashMap<>();
    refusals.forEach((refusal, count) -> figures.put(refusal.word(), count.sum()));
    return figures;
  }

  /** Ended runs by outcome since start. */
  Map<String, Long> outcomes() {
    Map<String, Long> figures = new LinkedHashMap<>();
    outcomes.forEach((outcome, count) -> figures.put(outcome.word(), count.sum()));
    return figures;
  }

  /** Ended runs by tier since start. */
  Map<String, Long> runsByTier() {
    Map<String, Long> figures = new LinkedHashMap<>();
    figures.put("1", tier1Runs.sum());
    figures.put("2", tier2Runs.sum());
    return figures;
  }

  /** Waits since this was last called. */
  Histogram waits() {
    return waits.getIntervalHistogram();
  }

  /** Durations since this was last called. */
  Histogram durations() {
    return durations.getIntervalHistogram();
  }

  /** Registers everything that is asked rather than told. */
  void register(
      PoolState pool,
      Scheduler scheduler,
      Engine engine,
      CompilerProcess compiler,
      ModuleCache modules,
      Tiers tiers,
      TreeCache trees,
      ReceiptSpool spool,
      Catalog catalog,
      BooleanSupplier ready) {
    metrics.buildInfo(Node.VERSION, Runtime.version().toString());
    metrics.gauge(MetricName.READY, () -> ready.getAsBoolean() ? 1 : 0);

    registerPool(pool);
    metrics.gauge(MetricName.SCHEDULER_QUEUED, () -> scheduler.stats().queued());
    metrics.gauge(MetricName.SCHEDULER_QUEUE_CAPACITY, () -> scheduler.stats().queueCapacity());
    metrics.gauge(MetricName.SCHEDULER_RUNNING, () -> scheduler.stats().running());
    metrics.gauge(MetricName.SCHEDULER_ASIDE, () -> scheduler.stats().aside());
    metrics.counter(MetricName.SCHEDULER_YIELDS, () -> scheduler.stats().yields());
    metrics.counter(MetricName.SCHEDULER_YIELDS_REFUSED, () -> scheduler.stats().yieldsRefused());
    metrics.gauge(MetricName.SCHEDULER_WORKERS, () -> scheduler.stats().workers());
    metrics.labelledCounter(MetricName.SCHEDULER_REFUSED, () -> doubles(refusals()));
    metrics.counter(MetricName.WARM_HITS, () -> scheduler.stats().warmHits());
    metrics.counter(MetricName.WARM_MISSES, () -> scheduler.stats().warmMisses());
    metrics.counter(MetricName.WARM_EVICTIONS, () -> scheduler.stats().warmEvictions());

    metrics.counter(MetricName.FLOORS_NOT_PROMISED, () -> scheduler.floors().notPromised());
    metrics.gauge(MetricName.FLOOR_SLOTS_MISSING, () -> scheduler.floors().missingSlots());

    metrics.counter(MetricName.ENGINE_COMPILES, () -> engine.stats().compiled());
    metrics.counter(MetricName.ENGINE_COMPILE_SECONDS, () -> engine.stats().compileNanos() / 1e9);
    metrics.gauge(MetricName.ENGINE_COMPILE_QUEUED, modules::queued);
    metrics.labelledCounter(
        MetricName.ENGINE_COMPILES_REFUSED,
        () ->
            Map.of(
                "tenant", (double) modules.refusedOfTenant(),
                "node", (double) modules.refusedInAll()));
    metrics.counter(MetricName.COMPILER_PROCESS_STARTS, () -> compiler.stats().started());
    metrics.counter(MetricName.COMPILER_PROCESS_LOST, () -> compiler.stats().lost());
    metrics.gauge(
        MetricName.COMPILER_PROCESS_RESIDENT,
        () -> ProcessMemory.residentBytes(compiler.stats().pid()));
    metrics.counter(MetricName.ENGINE_CHECKS, () -> engine.stats().checked());
    metrics.counter(MetricName.ENGINE_CHECK_CPU, () -> engine.stats().checkCpuNanos() / 1e9);
    metrics.counter(
        MetricName.ENGINE_INTERPRETED_FUNCTIONS, () -> engine.stats().interpretedFunctions());
    metrics.gauge(MetricName.ENGINE_MODULES_CACHED, () -> modules.cache().estimatedSize());
    metrics.gauge(MetricName.ENGINE_SCRATCH_BYTES, () -> engine.scratch().usedBytes());
    metrics.labelledCounter(
        MetricName.ENGINE_SCRATCH_REFUSED,
        () ->
            Map.of(
                "tenant", (double) engine.scratch().refusedOfTenant(),
                "node", (double) engine.scratch().refusedInAll()));

    metrics.labelledCounter(MetricName.TIER_RUNS, () -> doubles(runsByTier()));
    TierFigures.register(metrics, tiers, modules);

    metrics.counter(MetricName.RECEIPTS_APPENDED, () -> spool.stats().appended());
    metrics.counter(MetricName.RECEIPTS_SHIPPED, () -> spool.stats().shipped());
    metrics.counter(MetricName.RECEIPTS_FAILED, () -> spool.stats().failed());
    metrics.gauge(MetricName.RECEIPTS_PENDING, () -> spool.stats().unshipped());
    metrics.gauge(MetricName.RECEIPT_SPOOL, () -> spool.stats().bytes());
    metrics.gauge(MetricName.RECEIPT_SHIP_LAG, () -> spool.stats().lastShipLagMillis() / 1e3);

    CacheMetricsCollector caches = new CacheMetricsCollector().register(metrics.registry());
    caches.addCache("modules", modules.cache());
    caches.addCache("trees", trees.cache());
    catalog.caches().forEach(caches::addCache);
  }

  private void registerPool(PoolState pool) {
    metrics.manyLabelledGauge(MetricName.POOL_SLOTS, () -> slots(pool));
    byClass(metrics::labelledGauge, MetricName.POOL_UNPROMISED, pool, ClassStats::unpromised);
    metrics.gauge(MetricName.POOL_INSTANCES, () -> pool.stats().instances());
    metrics.gauge(MetricName.POOL_RESERVED, () -> pool.stats().reservedBytes());
    metrics.gauge(MetricName.POOL_RESIDENT, () -> known(pool.residentBytes()));
    metrics.gauge(MetricName.POOL_RESIDENT_IMAGES, () -> known(pool.process().sharedBytes()));
    metrics.counter(MetricName.POOL_TAKES, () -> pool.stats().taken());
    metrics.labelledCounter(MetricName.POOL_REFUSALS, () -> refusals(pool.stats()));
    metrics.counter(MetricName.POOL_MOVES, () -> pool.stats().moved());
    byClass(
        metrics::labelledCounter, MetricName.POOL_AFFINITY_HITS, pool, ClassStats::affinityHits);
    byClass(
        metrics::labelledCounter,
        MetricName.POOL_AFFINITY_MISSES,
        pool,
        ClassStats::affinityMisses);
    byClass(
        metrics::labelledCounter,
        MetricName.POOL_AFFINITY_EVICTIONS,
        pool,
        ClassStats::affinityEvictions);
    metrics.labelledCounter(MetricName.POOL_RESETS, () -> resets(pool.stats().resets()));
    metrics.counter(MetricName.POOL_RESET_SECONDS, () -> pool.stats().resets().nanos() / 1e9);
    metrics.counter(MetricName.POOL_DISCARDED, () -> pool.stats().resets().discardedBytes());
    metrics.counter(MetricName.POOL_AUDITS, () -> pool.stats().resets().audits());
    metrics.counter(MetricName.POOL_AUDIT_FAILURES, () -> pool.stats().resets().auditFailures());
    metrics.counter(MetricName.POOL_DECOMMITS, () -> pool.stats().decommits());
    metrics.counter(MetricName.POOL_DECOMMIT_CALLS, () -> pool.stats().decommitCalls());
    metrics.gauge(MetricName.POOL_MAPPED_IMAGES, () -> pool.stats().mappedImages());
    metrics.gauge(MetricName.POOL_MAPPED_IMAGES_LIMIT, () -> pool.stats().mostMappedImages());
    metrics.gauge(MetricName.PROCESS_MAPPINGS, () -> known(pool.process().mappings()));
    metrics.gauge(MetricName.PROCESS_MAPPINGS_LIMIT, () -> known(pool.process().mostMappings()));
  }

  private static void byClass(
      BiConsumer<MetricName, Supplier<Map<String, Double>>> register,
      MetricName name,
      PoolState pool,
      ToLongFunction<ClassStats> figure) {
    List<String> names = pool.classNames();
    register.accept(
        name,
        () -> {
          Map<String, Double> figures = new LinkedHashMap<>();
          List<ClassStats> classes = pool.stats().classes();
          for (int i = 0; i < names.size(); i++) {
            figures.put(names.get(i), (double) figure.applyAsLong(classes.get(i)));
          }
          return figures;
        });
  }

  private static Map<List<String>, Double> slots(PoolState pool) {
    Map<List<String>, Double> figures = new LinkedHashMap<>();
    SlabMap map = pool.map();
    List<String> names = pool.classNames();
    for (int i = 0; i < names.size(); i++) {
      for (SlabMap.State state : SlabMap.State.values()) {
        figures.put(List.of(names.get(i), state.word()), (double) map.count(i, state));
      }
    }
    return figures;
  }

  private static Map<String, Double> refusals(PoolStats pool) {
    Map<String, Double> figures = new LinkedHashMap<>();
    pool.refused().forEach((reason, count) -> figures.put(reason.word(), (double) count));
    return figures;
  }

  private static Map<String, Double> resets(ResetStats resets) {
    return Map.of(
        "unchanged", (double) resets.unchanged(),
        "scanned", (double) resets.scanned(),
        "failed", (double) resets.failed());
  }

  /** What the kernel does not say is not a number, so that no sum takes it for one. */
  private static double known(long figure) {
    return figure < 0 ? Double.NaN : figure;
  }

  private static Map<String, Double> doubles(Map<String, Long> figures) {
    Map<String, Double> doubles = new LinkedHashMap<>();
    figures.forEach((name, value) -> doubles.put(name, (double) value));
    return doubles;
  }
}
