package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.loadtest.peer.Wasmtime;
import dev.skep.pool.OnDemandAllocator;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntUnaryOperator;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What the pool gains over asking the kernel for each instance, how many it holds, and, where it is
 * installed, how Wasmtime's stands beside it in the same run.
 *
 * <pre>./skep bench pool [--wasmtime FOLDER]</pre>
 */
@Command(
    name = "pool",
    mixinStandardHelpOptions = true,
    description =
        "Measures the pool beside the on-demand allocator, and beside Wasmtime where it is.")
final class PoolBench implements Callable<Integer> {
  private static final int WARM_UP = 30_000;
  private static final int ITERATIONS = 50_000;

  /** Mapping and unmapping is slower, and so is what writes much. */
  private static final int SLOW_WARM_UP = 8_000;

  private static final int SLOW_ITERATIONS = 10_000;
  private static final int IMAGE_BYTES = 1 << 20;
  private static final int TOUCHED_PAGES = 25;
  private static final long WORKER_NANOS = 3_000_000_000L;
  private static final int WORKER_ROUNDS = 3;

  /** What the comparison's pool is told; the product's own tests showed these to be its best. */
  private static final Wasmtime.Pool PEER_POOL =
      new Wasmtime.Pool(1_000, 16L << 20, 64L << 20, 64L << 10);

  @Option(names = "--live", defaultValue = "100000", description = "Instances to hold, 100000.")
  private int live;

  @Option(
      names = "--peer-live",
      defaultValue = "20000",
      description = "Instances for Wasmtime to hold, 20000; it stops at some 21,000.")
  private int peerLive;

  @Option(names = "--wasmtime", description = "Where Wasmtime's library is; default: $VIRTUAL_ENV.")
  private @Nullable Path wasmtime;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private int wrong;

  @Override
  public Integer call() throws IOException, InterruptedException {
    ResultTable table = new ResultTable("skep bench pool: " + live + " live instances");
    Optional<Path> library = PeerLibrary.find(wasmtime);
    PoolConfig config = GuestPool.slots(64).with().keepResidentMemoryBytes(128L << 10).build();
    try (GuestPool pooled = new GuestPool(new PoolingAllocator(config), EngineConfig.DEFAULTS);
        GuestPool onDemand = new GuestPool(new OnDemandAllocator(config), EngineConfig.DEFAULTS)) {
      small(table, pooled, onDemand, library);
      image(table, pooled, onDemand, library);
      workers(table, pooled);
    }
    density(table, library);
    table
        .add("errors", "wrong answers", wrong, "", "must be 0")
        .note("Fuel on everywhere. Every answer is checked.")
        .note("Warm: run on a kept instance and reset. Fresh: take, instantiate, run, give back.")
        .note("Keep-resident is 128 KiB for the durations, its default for what is held.")
        .note(
            library.isEmpty()
                ? "Wasmtime is not here: pip install wasmtime, and activate or name the folder."
                : "Wasmtime 49: pooling, fresh store a call; 64 MiB reserved, 64 KiB guard.")
        .print(json);
    return wrong == 0 ? 0 : 1;
  }

  private interface Once {
    long answer(int i);
  }

  private Histogram time(int warmUp, int iterations, IntUnaryOperator expected, Once once) {
    Histogram nanos = Durations.create();
    for (int i = -warmUp; i < iterations; i++) {
      long startNanos = System.nanoTime();
      long answer = once.answer(i);
      long endNanos = System.nanoTime();
      if ((int) answer != expected.applyAsInt(i) && wrong++ == 0) {
        System.err.println("first wrong answer: " + answer + " to " + i);
      }
      if (i >= 0) {
        Durations.record(nanos, endNanos - startNanos);
      }
    }
    return nanos;
  }

  private static Invocation.TypedCall add(int value) {
    return new Invocation.TypedCall("add", new long[] {value & 0xFFFF_FFFFL});
  }

  private static long fresh(GuestPool pool, CompiledModule module, Invocation.TypedCall call) {
    GuestInstance instance = pool.instance(module);
    long answer = GuestPool.call(instance, call);
    instance.release();
    return answer;
  }

  private static long warm(GuestInstance instance, Invocation.TypedCall call) {
    long answer = GuestPool.call(instance, call);
    instance.reset();
    return answer;
  }

  private void small(
      ResultTable table, GuestPool pooled, GuestPool onDemand, Optional<Path> library) {
    Progress.say("a small function that writes three pages");
    IntUnaryOperator expected = i -> 3 * i;
    CompiledModule module = pooled.compile(Guests.THREE_PAGES);
    try (GuestInstance instance = pooled.instance(module)) {
      Histogram nanos = time(WARM_UP, ITERATIONS, expected, i -> warm(instance, add(i)));
      table.percentiles(
          "small_warm", "writes 3 pages: warm slot", nanos, "under 10 µs", "under 30 µs");
    }
    Histogram nanos = time(WARM_UP, ITERATIONS, expected, i -> fresh(pooled, module, add(i)));
    table.percentiles("small_fresh", "  fresh instance, pool", nanos);
    CompiledModule same = onDemand.compile(Guests.THREE_PAGES);
    nanos = time(SLOW_WARM_UP, SLOW_ITERATIONS, expected, i -> fresh(onDemand, same, add(i)));
    table.percentiles("small_on_demand", "  fresh instance, on demand", nanos);
    if (library.isPresent()) {
      Wasmtime peer =
          new Wasmtime(library.get(), Guests.bytes(Guests.THREE_PAGES), "add", PEER_POOL);
      nanos = time(WARM_UP, ITERATIONS, expected, peer::once);
      table.percentiles("small_wasmtime", "  fresh instance, Wasmtime 49", nanos);
    }
  }

  private void image(
      ResultTable table, GuestPool pooled, GuestPool onDemand, Optional<Path> library) {
    Progress.say("an image of 1 MiB, 100 KiB of it touched");
    ImageGuest guest = new ImageGuest(IMAGE_BYTES);
    byte[] bytes = guest.module();
    int answer = guest.expected(TOUCHED_PAGES);
    IntUnaryOperator expected = _ -> answer;
    Invocation.TypedCall touch = new Invocation.TypedCall("touch", new long[] {TOUCHED_PAGES});
    CompiledModule module = pooled.compile("image", bytes);
    double warm;
    try (GuestInstance instance = pooled.instance(module)) {
      Histogram nanos = time(WARM_UP, ITERATIONS, expected, _ -> warm(instance, touch));
      table.percentiles("image_warm", "1 MiB image, 100 KiB touched: warm slot", nanos);
      warm = nanos.getValueAtPercentile(50);
    }
    Histogram nanos =
        time(SLOW_WARM_UP, SLOW_ITERATIONS, expected, _ -> fresh(pooled, module, touch));
    table.percentiles("image_fresh", "  fresh instance, pool", nanos);
    double fresh = nanos.getValueAtPercentile(50);
    CompiledModule same = onDemand.compile("image", bytes);
    nanos = time(SLOW_WARM_UP, SLOW_ITERATIONS, expected, _ -> fresh(onDemand, same, touch));
    table.percentiles("image_on_demand", "  fresh instance, on demand", nanos);
    double base = nanos.getValueAtPercentile(50);
    table
        .add("image_warm_ratio", "  warm slot to on demand", warm / base, "×", "under 0.5")
        .add("image_fresh_ratio", "  fresh from the pool to on demand", fresh / base, "×");
    if (library.isPresent()) {
      Wasmtime peer = new Wasmtime(library.get(), bytes, "touch", PEER_POOL);
      nanos = time(SLOW_WARM_UP, SLOW_ITERATIONS, expected, _ -> peer.once(TOUCHED_PAGES));
      table.percentiles("image_wasmtime", "  fresh instance, Wasmtime 49", nanos);
    }
  }

  /** Runs per second of one worker and of two, in turn; the best of each. */
  private void workers(ResultTable table, GuestPool pool) throws InterruptedException {
    CompiledModule module = pool.compile(Guests.THREE_PAGES);
    double oneWarm = 0;
    double twoWarm = 0;
    double oneFresh = 0;
    double twoFresh = 0;
    double machine = 0;
    for (int round = 0; round < WORKER_ROUNDS; round++) {
      machine = Math.max(machine, sumsPerSecond(2) / sumsPerSecond(1));
      Progress.say("one worker and two, round " + (round + 1) + " of " + WORKER_ROUNDS);
      oneWarm = Math.max(oneWarm, runsPerSecond(pool, module, 1, true));
      twoWarm = Math.max(twoWarm, runsPerSecond(pool, module, 2, true));
      oneFresh = Math.max(oneFresh, runsPerSecond(pool, module, 1, false));
      twoFresh = Math.max(twoFresh, runsPerSecond(pool, module, 2, false));
    }
    table
        .add("workers_1", "runs a second on warm slots, 1 worker", oneWarm, "/s")
        .add("workers_2", "  2 workers", twoWarm, "/s")
        .add("workers_ratio", "  2 workers to 1", twoWarm / oneWarm, "×", "over 1.8")
        .add("workers_fresh_ratio", "  with fresh instances", twoFresh / oneFresh, "×")
        .add(
            "machine_ratio",
            "  two threads to one of plain arithmetic, on this machine",
            machine,
            "×");
  }

  /** Work that shares nothing and allocates nothing: what a second thread is worth here. */
  private static double sumsPerSecond(int threads) throws InterruptedException {
    LongAdder sums = new LongAdder();
    AtomicBoolean stop = new AtomicBoolean();
    List<Thread> all = new ArrayList<>();
    long startNanos = System.nanoTime();
    for (int t = 0; t < threads; t++) {
      all.add(
          Thread.ofPlatform()
              .start(() -> {
                long done = 0;
                long x = 1;
                while (!stop.get()) {
                  for (int i = 0; i < 10_000; i++) {
                    x = x * 6_364_136_223_846_793_005L + i;
                  }
                  done += x == 0 ? 2 : 1;
                }
                sums.add(done);
              }));
    }
    Thread.sleep(WORKER_NANOS / 3_000_000);
    stop.set(true);
    for (Thread thread : all) {
      thread.join();
    }
    return sums.sum() * 1e9 / (System.nanoTime() - startNanos);
  }

  private static double runsPerSecond(
      GuestPool pool, CompiledModule module, int workers, boolean warm)
      throws InterruptedException {
    LongAdder runs = new LongAdder();
    AtomicBoolean stop = new AtomicBoolean();
    CountDownLatch ready = new CountDownLatch(workers);
    List<Thread> threads = new ArrayList<>();
    for (int w = 0; w < workers; w++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                long count = 0;
                Invocation.TypedCall call = add(1);
                try (GuestInstance instance = pool.instance(module)) {
                  ready.countDown();
                  while (!stop.get()) {
                    if (warm) {
                      warm(instance, call);
                    } else {
                      fresh(pool, module, call);
                    }
                    count++;
                  }
                }
                runs.add(count);
              }));
    }
    ready.await();
    long startNanos = System.nanoTime();
    Thread.sleep(WORKER_NANOS / 1_000_000);
    stop.set(true);
    for (Thread thread : threads) {
      thread.join();
    }
    return runs.sum() * 1e9 / (System.nanoTime() - startNanos);
  }

  private void density(ResultTable table, Optional<Path> library)
      throws IOException, InterruptedException {
    Progress.say("holding " + live + " instances, in a process of its own");
    JsonObject ours =
        ChildJvm.run(PoolDensity.class, ChildJvm.TOUCHED_HEAP, List.of(Integer.toString(live)));
    wrong += ours.getInteger("wrong");
    // The heap is resident whatever is in it, so what is in use of it comes besides.
    double each = (ours.getLong("processBytes") + ours.getLong("heapBytes")) / (double) live;
    table
        .add(
            "live",
            "live instances in one process, each has run",
            ours.getInteger("live"),
            "",
            "100,000; Wasmtime 49 stops at 21,155")
        .add("live_right", "  run once more on their state, right", ours.getInteger("right"), "")
        .add("live_slab_bytes", "  slab, each", ours.getLong("slabBytes") / (double) live, "B")
        .add("live_heap_bytes", "  heap, each", ours.getLong("heapBytes") / (double) live, "B")
        .add(
            "live_page_table_bytes",
            "  page tables, each",
            ours.getLong("pageTableBytes") / (double) live,
            "B")
        .add(
            "live_process_bytes",
            "  process with page tables, each",
            each,
            "B",
            "no more than Wasmtime's")
        .add(
            "take_1k_ns", "take and give back, 1,000 live, p50", ours.getLong("takeFewNanos"), "ns")
        .add("take_all_ns", "  all live, p50", ours.getLong("takeManyNanos"), "ns")
        .add(
            "take_ratio",
            "  all live to 1,000 live",
            ours.getLong("takeManyNanos") / (double) ours.getLong("takeFewNanos"),
            "×",
            "under 1.2")
        .add(
            "request_ratio",
            "  the same with instantiation and run",
            ours.getLong("requestManyNanos") / (double) ours.getLong("requestFewNanos"),
            "×");
    if (library.isPresent()) {
      Progress.say("holding " + peerLive + " instances of Wasmtime's, in a process of its own");
      JsonObject theirs =
          ChildJvm.run(
              PeerDensity.class, List.of(library.get().toString(), Integer.toString(peerLive)));
      int held = theirs.getInteger("live");
      table
          .add("wasmtime_live", "Wasmtime 49, live instances", held, "")
          .add(
              "wasmtime_process_bytes",
              "  process with page tables, each",
              theirs.getLong("processBytes") / (double) held,
              "B");
    }
  }
}
