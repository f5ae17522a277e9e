package dev.skep.api;

import dev.skep.engine.CompilerState;
import dev.skep.metrics.MetricName;
import dev.skep.metrics.NodeMetrics;
import dev.skep.scheduler.ModuleCache;
import dev.skep.scheduler.NativeStats;
import dev.skep.storage.ArtifactDirectoryStats;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToLongFunction;

/** The metrics of machine code: all 0 on a node that is held to tier 1. */
final class TierFigures {
  private TierFigures() {}

  static void register(NodeMetrics metrics, Tiers tiers, ModuleCache modules) {
    metrics.labelledGauge(MetricName.NATIVE_COMPILER, () -> phases(tiers));
    metrics.gauge(MetricName.NATIVE_QUEUED, () -> compiles(tiers, NativeStats::queued));
    metrics.gauge(MetricName.NATIVE_COMPILING, () -> compiles(tiers, NativeStats::compiling));
    metrics.labelledCounter(
        MetricName.NATIVE_COMPILES,
        () ->
            Map.of(
                "ready", compiles(tiers, NativeStats::compiled),
                "unsupported", compiles(tiers, NativeStats::unsupported),
                "failed", compiles(tiers, NativeStats::failed),
                "lost", compiles(tiers, NativeStats::lost)));
    metrics.counter(
        MetricName.NATIVE_COMPILE_SECONDS, () -> compiles(tiers, NativeStats::compileNanos) / 1e9);
    metrics.counter(MetricName.NATIVE_TAKEN_OVER, () -> compiles(tiers, NativeStats::takenOver));
    metrics.labelledCounter(
        MetricName.NATIVE_REFUSED,
        () ->
            Map.of(
                "tenant", compiles(tiers, NativeStats::refusedOfTenant),
                "node", compiles(tiers, NativeStats::refusedInAll)));
    metrics.counter(MetricName.NATIVE_LOADS, modules::machineLoads);
    metrics.counter(MetricName.NATIVE_LOADS_REFUSED, modules::machineLoadsRefused);

    metrics.labelledCounter(
        MetricName.ARTIFACTS_REFUSED,
        () ->
            Map.of(
                "content", compiles(tiers, NativeStats::refusedArtifacts),
                "disk", cache(tiers, ArtifactDirectoryStats::corrupt),
                "database", (double) tiers.corruptInDatabase()));
    metrics.gauge(
        MetricName.ARTIFACT_CACHE_BYTES, () -> cache(tiers, ArtifactDirectoryStats::bytes));
    metrics.gauge(
        MetricName.ARTIFACT_CACHE_LIMIT, () -> cache(tiers, ArtifactDirectoryStats::mostBytes));
    metrics.labelledCounter(
        MetricName.ARTIFACT_CACHE_READS,
        () ->
            Map.of(
                "hit", cache(tiers, ArtifactDirectoryStats::hits),
                "miss", cache(tiers, ArtifactDirectoryStats::misses)));
    metrics.counter(
        MetricName.ARTIFACT_CACHE_EVICTIONS, () -> cache(tiers, ArtifactDirectoryStats::evictions));
    metrics.counter(
        MetricName.ARTIFACT_CACHE_FAILURES, () -> cache(tiers, ArtifactDirectoryStats::failures));

    metrics.gauge(MetricName.CODE_BYTES, () -> tiers.code().bytes());
    metrics.gauge(MetricName.CODE_BYTES_LIMIT, () -> tiers.code().mostBytes());
    metrics.gauge(MetricName.CODE_MAPPINGS, () -> tiers.code().mappings());
    metrics.gauge(MetricName.CODE_LEASES, () -> tiers.code().leases());
    metrics.counter(MetricName.CODE_REFUSED, () -> tiers.code().refused());
  }

  private static Map<String, Double> phases(Tiers tiers) {
    CompilerState.Phase now = tiers.phase();
    Map<String, Double> figures = new LinkedHashMap<>();
    for (CompilerState.Phase phase : CompilerState.Phase.values()) {
      figures.put(phase.word(), phase == now ? 1.0 : 0.0);
    }
    return figures;
  }

  private static double compiles(Tiers tiers, ToLongFunction<NativeStats> figure) {
    NativeStats stats = tiers.compiles();
    return stats == null ? 0 : figure.applyAsLong(stats);
  }

  private static double cache(Tiers tiers, ToLongFunction<ArtifactDirectoryStats> figure) {
    ArtifactDirectoryStats stats = tiers.cache();
    return stats == null ? 0 : figure.applyAsLong(stats);
  }
}
