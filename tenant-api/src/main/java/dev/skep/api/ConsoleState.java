package dev.skep.api;

import dev.skep.engine.Engine;
import dev.skep.engine.EngineStats;
import dev.skep.scheduler.ModuleCache;
import dev.skep.scheduler.Scheduler;
import dev.skep.scheduler.SchedulerStats;
import dev.skep.scheduler.TenantActivity;
import dev.skep.storage.ReceiptSpool;
import dev.skep.storage.SpoolStats;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.HdrHistogram.Histogram;

/**
 * The picture of the node that the console draws, made once a second at most however many look.
 * Linear in the slots. Thread-safe.
 */
final class ConsoleState {
  private static final long FRESH_NANOS = 900_000_000L;
  private static final int MOST_TENANTS = 100;

  private final PoolState pool;
  private final Scheduler scheduler;
  private final Engine engine;
  private final ModuleCache modules;
  private final Tiers tiers;
  private final ReceiptSpool spool;
  private final NodeFigures figures;
  private final Supplier<List<String>> notReady;
  private final long startedEpochMillis = System.currentTimeMillis();
  private JsonObject picture = new JsonObject();
  private long pictureNanos;
  private boolean drawn;

  ConsoleState(
      PoolState pool,
      Scheduler scheduler,
      Engine engine,
      ModuleCache modules,
      Tiers tiers,
      ReceiptSpool spool,
      NodeFigures figures,
      Supplier<List<String>> notReady) {
    this.pool = pool;
    this.scheduler = scheduler;
    this.engine = engine;
    this.modules = modules;
    this.tiers = tiers;
    this.spool = spool;
    this.figures = figures;
    this.notReady = notReady;
  }

  /** The picture, at most a second old. */
  synchronized JsonObject picture() {
    long now = System.nanoTime();
    if (!drawn || now - pictureNanos > FRESH_NANOS) {
      picture = draw();
      pictureNanos = now;
      drawn = true;
    }
    return picture;
  }

  private JsonObject draw() {
    SlabMap slab = pool.map();
    return new JsonObject()
        .put("node", node())
        .put("pool", pool.figures())
        .put("slab", slab.toJson())
        .put("scheduler", scheduler(scheduler.stats()))
        .put("runs", runs())
        .put("tenants", tenants(slab.memoryBytes()))
        .put("receipts", receipts(spool.stats()))
        .put("engine", engine(engine.stats()))
        .put("machineCode", tiers.picture());
  }

  private JsonObject node() {
    List<String> because = notReady.get();
    return new JsonObject()
        .put("version", Node.VERSION)
        .put("jdk", Runtime.version().toString())
        .put("startedEpochMillis", startedEpochMillis)
        .put("nowEpochMillis", System.currentTimeMillis())
        .put("ready", because.isEmpty())
        .put("notReadyBecause", new JsonArray(because));
  }

  private JsonObject scheduler(SchedulerStats stats) {
    Histogram waits = figures.waits();
    JsonObject refused = new JsonObject();
    figures.refusals().forEach(refused::put);
    return new JsonObject()
        .put("workers", stats.workers())
        .put("queued", stats.queued())
        .put("queueCapacity", stats.queueCapacity())
        .put("running", stats.running())
        .put("aside", stats.aside())
        .put("yields", stats.yields())
        .put("refused", refused)
        .put("waitP50Nanos", waits.getValueAtPercentile(50))
        .put("waitP99Nanos", waits.getValueAtPercentile(99));
  }

  private JsonObject runs() {
    Histogram durations = figures.durations();
    JsonObject byOutcome = new JsonObject();
    long total = 0;
    for (Map.Entry<String, Long> outcome : figures.outcomes().entrySet()) {
      byOutcome.put(outcome.getKey(), outcome.getValue());
      total += outcome.getValue();
    }
    JsonObject byTier = new JsonObject();
    figures.runsByTier().forEach(byTier::put);
    return new JsonObject()
        .put("total", total)
        .put("byOutcome", byOutcome)
        .put("byTier", byTier)
        .put("p50Nanos", durations.getValueAtPercentile(50))
        .put("p99Nanos", durations.getValueAtPercentile(99));
  }

  private JsonArray tenants(Map<String, Long> memory) {
    JsonArray rows = new JsonArray();
    scheduler.activity().stream()
        .sorted(Comparator.comparingLong(TenantActivity::nanoDollars).reversed())
        .limit(MOST_TENANTS)
        .forEach(activity ->
            rows.add(
                new JsonObject()
                    .put("tenant", activity.tenant().value())
                    .put("running", activity.running())
                    .put("aside", activity.aside())
                    .put("queued", activity.queued())
                    .put("runs", activity.runs())
                    .put("failed", activity.failed())
                    .put("refused", activity.refused())
                    .put("fuel", activity.fuel())
                    .put("nanoDollars", activity.nanoDollars())
                    .put("slots", activity.slots())
                    .put("evictionsCaused", activity.evictionsCaused())
                    .put("evictionsSuffered", activity.evictionsSuffered())
                    .put("memoryBytes", memory.getOrDefault(activity.tenant().value(), 0L))));
    return rows;
  }

  private static JsonObject receipts(SpoolStats stats) {
    return new JsonObject()
        .put("appended", stats.appended())
        .put("shipped", stats.shipped())
        .put("pending", stats.unshipped())
        .put("spoolBytes", stats.bytes())
        .put("lagMillis", stats.lastShipLagMillis())
        .put("failed", stats.failed());
  }

  private JsonObject engine(EngineStats stats) {
    return new JsonObject()
        .put("modulesCached", modules.cache().estimatedSize())
        .put("compiles", stats.compiled())
        .put("compileQueued", modules.queued())
        .put("compilesRefused", modules.refusedOfTenant() + modules.refusedInAll())
        .put("compileMillis", stats.compileNanos() / 1_000_000);
  }
}
