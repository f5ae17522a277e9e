package dev.skep.api;

import dev.skep.pool.ClassStats;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolStats;
import dev.skep.pool.ResetStats;
import dev.skep.scheduler.FloorStats;
import dev.skep.scheduler.Scheduler;
import dev.skep.scheduler.SchedulerStats;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The node's pool as operators see it. Its figures are of the moment they are asked for, but the
 * map of the slots is made once a second at most, however many ask, and what the kernel has to
 * count every five seconds. Thread-safe; blocks for some milliseconds.
 */
final class PoolState {
  private static final long MAP_NANOS = 900_000_000L;
  private static final long RESIDENT_NANOS = 5_000_000_000L;

  private final InstanceAllocator pool;
  private final Scheduler scheduler;
  private final ProcessMemory process = new ProcessMemory();
  private @Nullable SlabMap map;
  private long mapNanos;
  private long residentBytes;
  private long residentNanos;
  private boolean residentKnown;

  PoolState(InstanceAllocator pool, Scheduler scheduler) {
    this.pool = pool;
    this.scheduler = scheduler;
  }

  /** Every slot, at most a second ago. */
  synchronized SlabMap map() {
    long now = System.nanoTime();
    SlabMap known = map;
    if (known == null || now - mapNanos > MAP_NANOS) {
      known = SlabMap.of(pool, scheduler);
      map = known;
      mapNanos = now;
    }
    return known;
  }

  PoolStats stats() {
    return pool.stats();
  }

  /** Resident bytes of the slab, at most some seconds old; −1 if unknown. */
  synchronized long residentBytes() {
    long now = System.nanoTime();
    if (!residentKnown || now - residentNanos > RESIDENT_NANOS) {
      residentBytes = pool.residentBytes();
      residentNanos = now;
      residentKnown = true;
    }
    return residentBytes;
  }

  /** What the kernel says of the process, at most some seconds old. */
  ProcessMemory.Reading process() {
    return process.read();
  }

  /** A short name of each class, in their order: what its slots hold. */
  List<String> classNames() {
    return pool.config().classes().stream()
        .map(each -> Settings.inBytes(each.memoryBytes()))
        .toList();
  }

  /** Figures and map. */
  JsonObject toJson() {
    return figures().put("slab", map().toJson());
  }

  /** The figures alone. */
  JsonObject figures() {
    PoolStats stats = pool.stats();
    SlabMap slots = map();
    PoolConfig config = pool.config();
    ProcessMemory.Reading reading = process.read();
    JsonObject refused = new JsonObject();
    stats.refused().forEach((reason, count) -> refused.put(reason.word(), count));
    return new JsonObject()
        .put("slots", stats.slots())
        .put("running", slots.count(SlabMap.State.RUNNING))
        .put("idle", slots.count(SlabMap.State.IDLE))
        .put("free", stats.free())
        .put("retired", stats.retired())
        .put("classes", classes(stats, slots))
        .put("instances", held(stats.leased(), stats.instances()))
        .put("memories", held(stats.memories(), config.memories()))
        .put("tables", held(stats.tables(), config.tables()))
        .put("takes", stats.taken())
        .put("closes", stats.closed())
        .put("moves", stats.moved())
        .put("refusals", stats.refusals())
        .put("refusedBy", refused)
        .put("affinityHits", sum(stats, ClassStats::affinityHits))
        .put("affinityMisses", sum(stats, ClassStats::affinityMisses))
        .put("affinityEvictions", sum(stats, ClassStats::affinityEvictions))
        .put("instancesReused", instances(scheduler.stats()))
        .put("resets", resets(stats.resets()))
        .put(
            "decommits",
            new JsonObject().put("slots", stats.decommits()).put("calls", stats.decommitCalls()))
        .put("reservedBytes", stats.reservedBytes())
        .put("residentBytes", known(residentBytes()))
        .put("residentImageBytes", known(reading.sharedBytes()))
        .put(
            "images",
            held(stats.mappedImages(), stats.mostMappedImages()).put("files", stats.imageFiles()))
        .put(
            "mappings",
            new JsonObject()
                .put("held", known(reading.mappings()))
                .put("most", known(reading.mostMappings()))
                .put("headroom", known(reading.headroom())))
        .put("floors", floors(scheduler.floors()))
        .put("features", features(stats.features()));
  }

  private JsonArray classes(PoolStats stats, SlabMap slots) {
    JsonArray classes = new JsonArray();
    for (int i = 0; i < stats.classes().size(); i++) {
      ClassStats each = stats.classes().get(i);
      // All states from the map, so that they add up.
      classes.add(
          new JsonObject()
              .put("memoryBytes", each.memoryBytes())
              .put("slots", each.slots())
              .put("running", slots.count(i, SlabMap.State.RUNNING))
              .put("idle", slots.count(i, SlabMap.State.IDLE))
              .put("cold", slots.count(i, SlabMap.State.COLD))
              .put("warm", slots.count(i, SlabMap.State.WARM))
              .put("pending", slots.count(i, SlabMap.State.PENDING))
              .put("retired", slots.count(i, SlabMap.State.RETIRED))
              .put("unpromised", each.unpromised())
              .put("affinityHits", each.affinityHits())
              .put("affinityMisses", each.affinityMisses())
              .put("affinityEvictions", each.affinityEvictions()));
    }
    return classes;
  }

  private static JsonObject held(long held, long most) {
    return new JsonObject()
        .put("held", held)
        .put("most", most)
        .put("headroom", Math.max(0, most - held));
  }

  private static JsonObject instances(SchedulerStats stats) {
    return new JsonObject()
        .put("hits", stats.warmHits())
        .put("misses", stats.warmMisses())
        .put("evictions", stats.warmEvictions());
  }

  private static JsonObject resets(ResetStats resets) {
    long all = resets.total() + resets.failed();
    return new JsonObject()
        .put("unchanged", resets.unchanged())
        .put("scanned", resets.scanned())
        .put("failed", resets.failed())
        .put("meanNanos", all == 0 ? 0 : resets.nanos() / all)
        .put("discardedBytes", resets.discardedBytes())
        .put("audits", resets.audits())
        .put("auditFailures", resets.auditFailures());
  }

  private static JsonObject floors(FloorStats floors) {
    return new JsonObject()
        .put("notPromised", floors.notPromised())
        .put("missingSlots", floors.missingSlots());
  }

  private static JsonObject features(PoolStats.Features features) {
    return new JsonObject()
        .put("pageScan", features.pageScan())
        .put("guards", features.guards())
        .put("batchedDecommit", features.batchedDecommit());
  }

  private static long sum(PoolStats stats, ToLongFunction<ClassStats> figure) {
    return stats.classes().stream().mapToLong(figure).sum();
  }

  /** Null where the kernel does not say. */
  private static @Nullable Long known(long figure) {
    return figure < 0 ? null : figure;
  }
}
