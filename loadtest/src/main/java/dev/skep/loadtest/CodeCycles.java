package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.pool.CodeStats;
import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Loads machine code from an artifact's bytes, runs it, and unloads it, over and over. A process of
 * its own, so that nothing else is in the figures.
 */
final class CodeCycles {
  /** Distinct modules, which come by turns. */
  private static final int MODULES = 100;

  /** Everything that comes once has come after these. */
  private static final int WARM_UP = 20_000;

  private static final int SLOTS = 16;

  private CodeCycles() {}

  /** Arguments: how many cycles, the file of the compiler's code or nothing. */
  public static void main(String[] args) {
    int count = Integer.parseInt(args[0]);
    System.out.println(measure(count, args.length > 1 ? Path.of(args[1]) : null).encode());
    System.exit(0);
  }

  private static JsonObject measure(int count, @Nullable Path compilerCode) {
    byte[][] modules = new byte[MODULES][];
    byte[][] artifacts = new byte[MODULES][];
    try (GuestPool pool = new GuestPool(SLOTS, EngineConfig.DEFAULTS, compilerCode)) {
      for (int i = 0; i < MODULES; i++) {
        modules[i] = SmallModules.module(i);
        artifacts[i] = pool.machine().artifact(modules[i]).toBytes();
      }
      Histogram nanos = Durations.create();
      cycles(pool, modules, artifacts, WARM_UP, Durations.create());
      long heap = Machine.heapBytesAfterCollection();
      long resident = Machine.residentBytes();
      int mappings = ProcessMemory.now().mappings().size();
      CodeStats before = pool.codeStats();
      cycles(pool, modules, artifacts, count, nanos);
      CodeStats after = pool.codeStats();
      heap = Machine.heapBytesAfterCollection() - heap;
      return new JsonObject()
          .put("cycles", after.mapped() - before.mapped())
          .put("codeMappings", after.mappings() - before.mappings())
          .put("codeBytes", after.bytes() - before.bytes())
          .put("leases", after.leases() - before.leases())
          .put("processMappings", ProcessMemory.now().mappings().size() - mappings)
          .put("resident", Machine.residentBytes() - resident)
          .put("heap", heap)
          .put("p50", nanos.getValueAtPercentile(50))
          .put("p99", nanos.getValueAtPercentile(99));
    }
  }

  private static void cycles(
      GuestPool pool, byte[][] modules, byte[][] artifacts, int count, Histogram nanos) {
    for (int i = 0; i < count; i++) {
      int number = i % MODULES;
      long startNanos = System.nanoTime();
      CompiledModule module = pool.load(modules[number], artifacts[number]);
      try (GuestInstance instance = pool.instance(module)) {
        if (GuestPool.call(instance, SmallModules.call()) != (int) SmallModules.answer(number)) {
          throw new IllegalStateException("module " + number + " answered something else");
        }
      }
      Durations.record(nanos, System.nanoTime() - startNanos);
      module.close();
    }
  }
}
