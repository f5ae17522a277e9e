package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.HdrHistogram.Histogram;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * From which size on an image is better mapped copy-on-write than copied: the measurement behind
 * the pool's {@code mapImageBytes}.
 *
 * <pre>./skep bench images</pre>
 */
@Command(
    name = "images",
    mixinStandardHelpOptions = true,
    description = "Measures images copied and mapped, by size: time and memory of an instance.")
final class ImageBench implements Callable<Integer> {
  private static final int[] KIBIBYTES = {16, 64, 128, 256, 512, 1_024};
  private static final int WARM_UP = 3_000;
  private static final int ITERATIONS = 6_000;
  private static final int HELD = 500;

  /** Pages that a run touches: what a small function writes, whatever its image. */
  private static final int TOUCHED = 3;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private int wrong;

  @Override
  public Integer call() {
    ResultTable table = new ResultTable("skep bench images: " + TOUCHED + " pages touched");
    for (int kibibytes : KIBIBYTES) {
      Progress.say("images of " + kibibytes + " KiB");
      ImageGuest guest = new ImageGuest(kibibytes << 10);
      measure(table, guest, kibibytes, "copied", Long.MAX_VALUE);
      measure(table, guest, kibibytes, "mapped", 1);
    }
    table
        .add("errors", "wrong answers", wrong, "", "must be 0")
        .note("New slot: the image put in place, a run, the slot emptied.")
        .note("Slab: what an instance that has run takes, besides the file that all share.")
        .print(json);
    return wrong == 0 ? 0 : 1;
  }

  private void measure(
      ResultTable table, ImageGuest guest, int kibibytes, String how, long mapFrom) {
    PoolConfig config =
        GuestPool.slots(HELD)
            .with()
            .mapImageBytes(mapFrom)
            .imageMappings(2 * HELD)
            .unusedWarmSlots(0)
            .build();
    Invocation.TypedCall touch = new Invocation.TypedCall("touch", new long[] {TOUCHED});
    int expected = guest.expected(TOUCHED);
    Histogram fresh = Durations.create();
    Histogram warm = Durations.create();
    double slab;
    try (GuestPool pool = new GuestPool(new PoolingAllocator(config), EngineConfig.DEFAULTS)) {
      CompiledModule module = pool.compile("image", guest.module());
      for (int i = -WARM_UP; i < ITERATIONS; i++) {
        long startNanos = System.nanoTime();
        GuestInstance instance = pool.instance(module);
        long answer = GuestPool.call(instance, touch);
        instance.close();
        if (i >= 0) {
          Durations.record(fresh, System.nanoTime() - startNanos);
        }
        wrong += (int) answer == expected ? 0 : 1;
      }
      try (GuestInstance instance = pool.instance(module)) {
        for (int i = -WARM_UP; i < ITERATIONS; i++) {
          long startNanos = System.nanoTime();
          long answer = GuestPool.call(instance, touch);
          instance.reset();
          if (i >= 0) {
            Durations.record(warm, System.nanoTime() - startNanos);
          }
          wrong += (int) answer == expected ? 0 : 1;
        }
      }
      List<GuestInstance> held = new ArrayList<>();
      long before = pool.privateBytes();
      for (int i = 0; i < HELD; i++) {
        GuestInstance instance = pool.instance(module);
        wrong += (int) GuestPool.call(instance, touch) == expected ? 0 : 1;
        held.add(instance);
      }
      slab = (pool.privateBytes() - before) / (double) HELD;
      held.forEach(GuestInstance::close);
    }
    String key = how + "_" + kibibytes + "_kib";
    table
        .add(key + "_fresh_us", kibibytes + " KiB " + how + ": new slot, p50", micros(fresh), "µs")
        .add(key + "_warm_us", "  warm slot, p50", micros(warm), "µs")
        .add(key + "_slab_bytes", "  slab, each", slab, "B");
  }

  private static double micros(Histogram nanos) {
    return nanos.getValueAtPercentile(50) / 1e3;
  }
}
