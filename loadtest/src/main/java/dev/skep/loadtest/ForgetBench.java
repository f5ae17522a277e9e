package dev.skep.loadtest;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.lang.management.ClassLoadingMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Compiles a module, runs it once and forgets it, again and again: what the JVM keeps of it. Run it
 * as {@code ./skep bench forget}.
 */
@Command(
    name = "forget",
    mixinStandardHelpOptions = true,
    description = "Compiles, runs and forgets small modules, and watches metaspace.")
final class ForgetBench implements Callable<Integer> {
  /** Of the cycles, how many come before the plateau is read. */
  private static final double WARM_UP = 0.2;

  private static final double MOST_GROWTH = 1.1;

  @Option(names = "--cycles", defaultValue = "50000", description = "Modules to forget, 50000.")
  private int cycles;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /** What the process holds once its garbage is gone. */
  private record Held(double metaspace, double code, long classes, int threads, long files) {
    static Held now() {
      var _ = Machine.heapBytesAfterCollection();
      return new Held(
          pools("Metaspace") + pools("Compressed Class Space"),
          pools("CodeHeap"),
          ManagementFactory.getClassLoadingMXBean().getLoadedClassCount(),
          ManagementFactory.getThreadMXBean().getThreadCount(),
          ManagementFactory.getPlatformMXBean(UnixOperatingSystemMXBean.class)
              .getOpenFileDescriptorCount());
    }

    private static double pools(String name) {
      return ManagementFactory.getMemoryPoolMXBeans().stream()
          .filter(pool -> pool.getName().startsWith(name))
          .mapToDouble(pool -> pool.getUsage().getUsed())
          .sum();
    }
  }

  @Override
  public Integer call() {
    if (cycles < 100) {
      throw new IllegalArgumentException("cycles is " + cycles + "; it must be 100 at least");
    }
    ClassLoadingMXBean loading = ManagementFactory.getClassLoadingMXBean();
    int warmUp = (int) (cycles * WARM_UP);
    Held plateau;
    Held end;
    long startNanos = System.nanoTime();
    long unloadedBefore;
    try (GuestPool pool = new GuestPool(1, EngineConfig.DEFAULTS)) {
      Progress progress = new Progress("forgotten", cycles);
      for (int i = 0; i < warmUp; i++) {
        cycle(pool, i);
        progress.step();
      }
      plateau = Held.now();
      unloadedBefore = loading.getUnloadedClassCount();
      for (int i = warmUp; i < cycles; i++) {
        cycle(pool, i);
        progress.step();
      }
      end = Held.now();
    }
    double growth = end.metaspace() / plateau.metaspace();
    new ResultTable("skep bench forget: " + cycles + " modules compiled, run and forgotten")
        .add("seconds", "time", (System.nanoTime() - startNanos) / 1e9, "s")
        .add("metaspace_plateau", "metaspace after " + warmUp, plateau.metaspace() / 1e6, "MB")
        .add("metaspace_end", "  after all", end.metaspace() / 1e6, "MB")
        .add("metaspace_ratio", "  ratio", growth, "×", "at most 1.1")
        .add("code_plateau", "code heap after " + warmUp, plateau.code() / 1e6, "MB")
        .add("code_end", "  after all", end.code() / 1e6, "MB")
        .add("classes_plateau", "classes loaded after " + warmUp, (double) plateau.classes(), "")
        .add("classes_end", "  after all", (double) end.classes(), "")
        .add(
            "classes_unloaded",
            "  unloaded in between",
            (double) loading.getUnloadedClassCount() - unloadedBefore,
            "")
        .add("threads_plateau", "threads after " + warmUp, plateau.threads(), "")
        .add("threads_end", "  after all", end.threads(), "", "no more")
        .add("files_plateau", "file descriptors after " + warmUp, (double) plateau.files(), "")
        .add("files_end", "  after all", (double) end.files(), "", "no more")
        .note("Each module is another; read after collections.")
        .print(json);
    boolean ok =
        growth <= MOST_GROWTH
            && end.threads() <= plateau.threads() + 2
            && end.files() <= plateau.files()
            && end.classes() <= plateau.classes() * MOST_GROWTH;
    return ok ? 0 : 1;
  }

  private static void cycle(GuestPool pool, int number) {
    CompiledModule module = pool.compile("number " + number, module(number));
    try (GuestInstance instance = pool.instance(module)) {
      long answer = GuestPool.call(instance, new Invocation.TypedCall("f", new long[] {1}));
      if ((int) answer != number + 1) {
        throw new IllegalStateException("module " + number + " answered " + answer);
      }
    }
  }

  /** {@code (func (export "f") (param i32) (result i32) local.get 0; call 1; i32.const n; add)}. */
  private static byte[] module(int number) {
    ModuleWriter module = new ModuleWriter();
    Code code = Code.code().get(0).call(module.nextFunction() + 1).i32(number).add();
    module.exported("f", "i:i", code);
    module.function("i:i", 3, ModuleWriter.I32, Code.code().get(0).tee(1));
    return module.toBytes();
  }
}
