package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.engine.RunResult;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import org.HdrHistogram.Histogram;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What a slot costs, in time and in bytes, without HTTP and queues around it. */
@Command(
    name = "slots",
    mixinStandardHelpOptions = true,
    description = "Measures slots in this process: run and reset, instantiation, density.")
final class SlotBench implements Callable<Integer> {
  private static final int WARM_UP = 30_000;
  private static final int ITERATIONS = 50_000;
  private static final int INSTANTIATIONS = 20_000;
  private static final int AGAIN = 1_000;

  @Option(names = "--live", defaultValue = "10000", description = "Instances to hold, 10000.")
  private int live;

  @Option(names = "--seed", description = "Of the choice of those run again.")
  private long seed = System.nanoTime();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private final byte[] order = Guests.bytes(Guests.ORDER);
  private final byte[] expected = Guests.bytes(Guests.ANSWER);
  private final Invocation transform = new Invocation.BytesCall("transform", order);
  private int wrong;

  @Override
  public Integer call() {
    ResultTable table = new ResultTable("skep bench slots: " + live + " live instances");
    try (GuestPool pool = new GuestPool(live + 1, EngineConfig.DEFAULTS)) {
      CompiledModule orders = pool.compile(Guests.TRANSFORM);
      Progress.say("running and resetting a slot");
      warm(
          table,
          "json1",
          "warm slot, kernel json(1)",
          pool.instance(pool.compile(Guests.KERNELS)),
          new Invocation.TypedCall("json", new long[] {1}),
          "ours must be under 10 µs; Wasmtime 49: 18–22 µs",
          "ours must be under 30 µs; Wasmtime 49: 38 µs");
      warm(table, "transform", "warm slot, 2 KB order", pool.instance(orders), transform);
      Progress.say("instantiating");
      instantiation(table, pool, orders);
      density(table, pool, orders);
    }
    table
        .add("errors", "wrong answers", wrong, "", "must be 0")
        .note("One thread. Run includes restoring the image; reset gives the pages back.")
        .note("Growth of the process and of the heap is counted after collections.")
        .note("Run again with seed " + seed + ".")
        .print(json);
    return wrong == 0 ? 0 : 1;
  }

  private void warm(
      ResultTable table,
      String key,
      String what,
      GuestInstance instance,
      Invocation invocation,
      String... yardsticks) {
    Histogram run = Durations.create();
    Histogram reset = Durations.create();
    Histogram both = Durations.create();
    try (instance) {
      for (int i = -WARM_UP; i < ITERATIONS; i++) {
        long startNanos = System.nanoTime();
        RunResult result = instance.run(invocation, GuestPool.PLENTY).result();
        long ranNanos = System.nanoTime();
        instance.reset();
        long endNanos = System.nanoTime();
        judge(invocation, result);
        if (i >= 0) {
          Durations.record(run, ranNanos - startNanos);
          Durations.record(reset, endNanos - ranNanos);
          Durations.record(both, endNanos - startNanos);
        }
      }
    }
    table
        .percentiles(key, what, both, yardsticks)
        .percentiles(key + "_run", "  restore and run", run)
        .percentiles(key + "_reset", "  reset", reset);
  }

  private void judge(Invocation invocation, RunResult result) {
    boolean right =
        invocation instanceof Invocation.BytesCall
            ? GuestPool.isRight(result, expected)
            : result instanceof RunResult.Values;
    if (!right && wrong++ == 0) {
      System.err.println("first wrong answer: " + result);
    }
  }

  private static void instantiation(ResultTable table, GuestPool pool, CompiledModule module) {
    Histogram both = Durations.create();
    for (int i = -INSTANTIATIONS; i < INSTANTIATIONS; i++) {
      long startNanos = System.nanoTime();
      pool.instance(module).close();
      if (i >= 0) {
        Durations.record(both, System.nanoTime() - startNanos);
      }
    }
    table.percentiles(
        "instantiate",
        "take, instantiate, close, not run",
        both,
        "Wasmtime 49, pooled, instantiation alone: 1.3 µs");
  }

  private void density(ResultTable table, GuestPool pool, CompiledModule module) {
    Progress.say("holding " + live + " instances");
    List<GuestInstance> instances = new ArrayList<>(live);
    long heapBefore = Machine.heapBytesAfterCollection();
    long residentBefore = Machine.residentBytes();
    long slabBefore = pool.residentBytes();
    for (int i = 0; i < live; i++) {
      GuestInstance instance = pool.instance(module);
      instances.add(instance);
      judge(transform, instance.run(transform, GuestPool.PLENTY).result());
    }
    long heap = Machine.heapBytesAfterCollection() - heapBefore;
    table
        .add("live", "live instances, each has run", live, "", "Wasmtime 49 pooled: 21,155 at most")
        .add("live_slab_bytes", "  slab, each", each(pool.residentBytes() - slabBefore), "B")
        .add("live_heap_bytes", "  heap, each", each(heap), "B")
        .add(
            "live_process_bytes",
            "  process resident, each",
            each(Machine.residentBytes() - residentBefore),
            "B",
            "Wasmtime 49: 18,300 B");
    int again = runAgain(instances);
    table.add("again", "  run again on the state kept, right", again, "");
    for (GuestInstance instance : instances) {
      instance.reset();
    }
    heap = Machine.heapBytesAfterCollection() - heapBefore;
    table
        .add(
            "idle_slab_bytes",
            "idle after reset: slab, each",
            each(pool.residentBytes() - slabBefore),
            "B")
        .add("idle_heap_bytes", "  heap, each", each(heap), "B")
        .add(
            "idle_process_bytes",
            "  process resident, each",
            each(Machine.residentBytes() - residentBefore),
            "B");
    judge(transform, instances.getFirst().run(transform, GuestPool.PLENTY).result());
    for (GuestInstance instance : instances) {
      instance.close();
    }
  }

  /**
   * Runs some again, at random, without a reset between; the guest gives its memory back itself.
   */
  private int runAgain(List<GuestInstance> instances) {
    List<GuestInstance> chosen = new ArrayList<>(instances);
    Collections.shuffle(chosen, new Random(seed));
    int wrongBefore = wrong;
    int count = Math.min(AGAIN, chosen.size());
    for (GuestInstance instance : chosen.subList(0, count)) {
      GuestPool.call(instance, new Invocation.TypedCall("reset", new long[0]));
      judge(transform, instance.run(transform, GuestPool.PLENTY).result());
    }
    return count - (wrong - wrongBefore);
  }

  private double each(long bytes) {
    return bytes / (double) live;
  }
}
