package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.loadtest.peer.Wasmtime;
import dev.skep.loadtest.peer.WasmtimeBytes;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * The JSON guest built with -O2: a 2 KB order in, 1 KB out, over and over on one thread. By turns
 * on each engine that takes part, so that what else the machine does hits all of them alike.
 */
final class JsonTrial implements AutoCloseable {
  static final String GUEST = "wasm/json_transform.wasm";

  private static final int ROUNDS = 5;
  private static final long WARM_UP_NANOS = 3_000_000_000L;
  private static final long ROUND_NANOS = 1_000_000_000L;
  private static final int FRESH_WARM_UP = 20_000;
  private static final int FRESH_ROUND = 10_000;

  private static final Wasmtime.Pool PEER_POOL =
      new Wasmtime.Pool(1_000, 16L << 20, 64L << 20, 64L << 10);

  private final byte[] order = Guests.bytes(Guests.ORDER);
  private final byte[] expected = Guests.bytes(Guests.ANSWER);
  private final Invocation transform = new Invocation.BytesCall("transform", order);
  private final Invocation reset = new Invocation.TypedCall("reset", new long[0]);
  private final List<Runner> runners = new ArrayList<>();

  /** An engine that takes part. */
  interface Runner extends AutoCloseable {
    /** A request on an instance that is kept as it is, but that the guest frees its memory. */
    boolean kept();

    /** A request on a new instance. */
    boolean fresh();

    @Override
    void close();
  }

  /** What one engine came to. */
  static final class Figures {
    double keptPerSecond;
    final Histogram freshNanos = Durations.create();
    long wrong;
  }

  /** Has a module of this engine's take part. */
  void add(GuestPool pool, CompiledModule module) {
    GuestInstance kept = pool.instance(module);
    runners.add(
        new Runner() {
          @Override
          public boolean kept() {
            var _ = kept.run(reset, GuestPool.PLENTY);
            return GuestPool.isRight(kept.run(transform, GuestPool.PLENTY).result(), expected);
          }

          @Override
          public boolean fresh() {
            GuestInstance instance = pool.instance(module);
            boolean right =
                GuestPool.isRight(instance.run(transform, GuestPool.PLENTY).result(), expected);
            instance.release();
            return right;
          }

          @Override
          public void close() {
            kept.close();
          }
        });
  }

  /** Has Wasmtime take part. */
  void add(Path library) {
    WasmtimeBytes peer = new WasmtimeBytes(library, Guests.bytes(GUEST), PEER_POOL);
    WasmtimeBytes.Instance kept = peer.kept();
    runners.add(
        new Runner() {
          @Override
          public boolean kept() {
            kept.reset();
            return Arrays.equals(kept.transform(order), expected);
          }

          @Override
          public boolean fresh() {
            try (WasmtimeBytes.Instance instance = peer.fresh()) {
              return Arrays.equals(instance.transform(order), expected);
            }
          }

          @Override
          public void close() {
            kept.close();
          }
        });
  }

  /** One for each that takes part, in their order. */
  List<Figures> run() {
    List<Figures> all = runners.stream().map(_ -> new Figures()).toList();
    for (int round = 0; round <= ROUNDS; round++) {
      for (int i = 0; i < all.size(); i++) {
        kept(runners.get(i), all.get(i), round == 0);
      }
    }
    for (int round = 0; round <= ROUNDS; round++) {
      for (int i = 0; i < all.size(); i++) {
        fresh(runners.get(i), all.get(i), round == 0);
      }
    }
    return all;
  }

  private static void kept(Runner runner, Figures figures, boolean warmUp) {
    long startNanos = System.nanoTime();
    long spentNanos = 0;
    long count = 0;
    while (spentNanos < (warmUp ? WARM_UP_NANOS : ROUND_NANOS)) {
      figures.wrong += runner.kept() ? 0 : 1;
      count++;
      spentNanos = System.nanoTime() - startNanos;
    }
    if (!warmUp) {
      figures.keptPerSecond = Math.max(figures.keptPerSecond, count / (spentNanos / 1e9));
    }
  }

  private static void fresh(Runner runner, Figures figures, boolean warmUp) {
    for (int i = 0; i < (warmUp ? FRESH_WARM_UP : FRESH_ROUND); i++) {
      long startNanos = System.nanoTime();
      figures.wrong += runner.fresh() ? 0 : 1;
      if (!warmUp) {
        Durations.record(figures.freshNanos, System.nanoTime() - startNanos);
      }
    }
  }

  @Override
  public void close() {
    runners.forEach(Runner::close);
  }

  /** Says what each came to. */
  static void report(ResultTable table, Figures tierOne, Figures tierTwo, @Nullable Figures peer) {
    table
        .add("json_tier2", "JSON guest, -O2, same instance: tier 2", tierTwo.keptPerSecond, "/s")
        .add("json_tier1", "  tier 1", tierOne.keptPerSecond, "/s");
    if (peer != null) {
      table
          .add("json_wasmtime", "  Wasmtime 49", peer.keptPerSecond, "/s")
          .add(
              "json_ratio",
              "  tier 2 to Wasmtime's",
              tierTwo.keptPerSecond / peer.keptPerSecond,
              "×",
              "1 or more");
    }
    table
        .percentiles(
            "json_fresh_tier2",
            "JSON guest, fresh instance a request: tier 2",
            tierTwo.freshNanos,
            "under 40 µs",
            "under 100 µs")
        .percentiles("json_fresh_tier1", "  tier 1", tierOne.freshNanos);
    if (peer != null) {
      table.percentiles("json_fresh_wasmtime", "  Wasmtime 49", peer.freshNanos);
    }
  }
}
