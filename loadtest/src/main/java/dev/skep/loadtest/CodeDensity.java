package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import io.vertx.core.json.JsonObject;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Deploys distinct small modules, runs each once, and says what each of them takes. A process of
 * its own, so that nothing else is in the figures.
 */
final class CodeDensity {
  /** What comes once is there after these, which are forgotten again. */
  private static final int WARM_UP = 500;

  private static final int SLOTS = 16;

  private CodeDensity() {}

  /** Arguments: how many modules, the tier, the file of the compiler's code or nothing. */
  public static void main(String[] args) {
    int count = Integer.parseInt(args[0]);
    boolean machineCode = args[1].equals("2");
    Path compilerCode = args.length > 2 ? Path.of(args[2]) : null;
    System.out.println(measure(count, machineCode, compilerCode).encode());
    System.exit(0);
  }

  private static JsonObject measure(int count, boolean machineCode, @Nullable Path compilerCode) {
    try (GuestPool pool = new GuestPool(SLOTS, EngineConfig.DEFAULTS, compilerCode)) {
      for (int i = 0; i < WARM_UP; i++) {
        deploy(pool, count + i, machineCode);
      }
      List<CompiledModule> modules = new ArrayList<>(count);
      long heap = Machine.heapBytesAfterCollection();
      long metaspace = metaspaceBytes();
      long resident = Machine.residentBytes();
      long slab = pool.residentBytes();
      Progress progress = new Progress("modules on tier " + (machineCode ? 2 : 1), count);
      for (int i = 0; i < count; i++) {
        modules.add(deploy(pool, i, machineCode));
        progress.step();
      }
      heap = Machine.heapBytesAfterCollection() - heap;
      metaspace = metaspaceBytes() - metaspace;
      slab = pool.residentBytes() - slab;
      resident = Machine.residentBytes() - resident;
      JsonObject figures =
          new JsonObject()
              .put("modules", modules.size())
              .put("resident", (resident - slab) / count)
              .put("heap", heap / count)
              .put("metaspace", metaspace / count);
      // So that none of them is garbage before.
      modules.clear();
      return figures;
    }
  }

  private static CompiledModule deploy(GuestPool pool, int number, boolean machineCode) {
    byte[] bytes = SmallModules.module(number);
    CompiledModule module =
        machineCode
            ? pool.load(bytes, pool.machine().artifact(bytes).toBytes())
            : pool.compile("module " + number, bytes);
    try (GuestInstance instance = pool.instance(module)) {
      if (GuestPool.call(instance, SmallModules.call()) != (int) SmallModules.answer(number)) {
        throw new IllegalStateException("module " + number + " answered something else");
      }
    }
    return module;
  }

  private static long metaspaceBytes() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getName().contains("Metaspace") || pool.getName().contains("Class"))
        .mapToLong(pool -> pool.getUsage().getCommitted())
        .sum();
  }
}
