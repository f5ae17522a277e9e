package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The same work in small functions, in one that is a huge JVM method, and in one that is too large
 * for a method: what oversized functions cost. Run it as {@code ./skep bench oversized}.
 */
@Command(
    name = "oversized",
    mixinStandardHelpOptions = true,
    description = "Measures the same code in small, huge and interpreted functions.")
final class OversizedBench implements Callable<Integer> {
  /** Of {@code x * 31 + 7}, eight bytes of JVM code each: 800 B, 16 KB and 80 KB. */
  private static final int SMALL = 100;

  private static final int HUGE = 2_000;
  private static final int INTERPRETED = 10_000;

  private static final long WARM_NANOS = 3_000_000_000L;
  private static final int ROUNDS = 15;

  private static final int SUBTRACT = 0x6B;
  private static final int OR = 0x72;

  /** Steps in one round. */
  private static final int STEPS = 1_000_000;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /** What one shape takes. */
  private record Timed(double firstNanos, double warmNanos) {}

  @Override
  public Integer call() {
    try (GuestPool pool = new GuestPool(1, EngineConfig.DEFAULTS)) {
      Timed small = timed(pool, SMALL, 0);
      Timed huge = timed(pool, HUGE, 0);
      Timed interpreted = timed(pool, INTERPRETED, 1);
      new ResultTable("skep bench oversized: the same code in functions of three sizes")
          .add("small_ns", "small functions, a step", small.warmNanos(), "ns")
          .add("small_first_ns", "  in the first call", small.firstNanos(), "ns")
          .add("huge_ns", "a huge method (16 KB), a step", huge.warmNanos(), "ns")
          .add("huge_first_ns", "  in the first call", huge.firstNanos(), "ns")
          .add("huge_ratio", "  slower than small, warm", huge.warmNanos() / small.warmNanos(), "×")
          .add("interpreted_ns", "interpreted (80 KB), a step", interpreted.warmNanos(), "ns")
          .add(
              "interpreted_ratio",
              "  slower than small, warm",
              interpreted.warmNanos() / small.warmNanos(),
              "×",
              "the upload's answer says 100")
          .note("A step is local.get, i32.const, i32.mul, i32.const, i32.add, local.set.")
          .note("Warm: best of " + ROUNDS + " rounds after 3 s.")
          .print(json);
    }
    return 0;
  }

  private static Timed timed(GuestPool pool, int repeats, int interpreted) {
    CompiledModule module = pool.compile(repeats + " repeats", module(repeats));
    if (module.interpretedFunctions().size() != interpreted) {
      throw new IllegalStateException("interpreted: " + module.interpretedFunctions());
    }
    try (GuestInstance instance = pool.instance(module)) {
      double first = run(pool, instance, 1) / repeats;
      int calls = STEPS / repeats;
      long startNanos = System.nanoTime();
      while (System.nanoTime() - startNanos < WARM_NANOS) {
        var _ = run(pool, instance, calls);
      }
      double best = Double.MAX_VALUE;
      for (int i = 0; i < ROUNDS; i++) {
        best = Math.min(best, run(pool, instance, calls) / ((double) calls * repeats));
      }
      return new Timed(first, best);
    }
  }

  private static double run(GuestPool pool, GuestInstance instance, int calls) {
    long startNanos = System.nanoTime();
    long answer = GuestPool.call(instance, new Invocation.TypedCall("run", new long[] {calls}));
    long nanos = System.nanoTime() - startNanos;
    if (answer == 0 || pool.stats().leased() == 0) {
      throw new IllegalStateException("it has not run");
    }
    return nanos;
  }

  /**
   * {@code run(n)} calls the straight function n times, each with what the last one answered, and
   * makes the last answer odd.
   */
  private static byte[] module(int repeats) {
    ModuleWriter module = new ModuleWriter();
    int straight =
        module.function(
            "i:i",
            Code.code()
                .repeat(repeats, step -> step.get(0).i32(31).mul().i32(7).add().set(0))
                .get(0));
    Code run = Code.code().i32(1).set(1).loop().get(1).call(straight).set(1);
    run.get(0).i32(1).op(SUBTRACT).tee(0).brIf(0).end();
    run.get(1).i32(1).op(OR);
    module.export("run", ModuleWriter.FUNCTION, module.function("i:i", 1, ModuleWriter.I32, run));
    return module.toBytes();
  }
}
