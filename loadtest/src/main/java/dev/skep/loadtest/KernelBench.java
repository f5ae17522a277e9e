package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** CPU kernels with and without charges, side by side in one JVM: what fuel costs. */
@Command(
    name = "kernels",
    mixinStandardHelpOptions = true,
    description = "Measures the CPU kernels with fuel on and off, best of 15.")
final class KernelBench implements Callable<Integer> {
  private static final int ROUNDS = 15;

  /** Enough for HotSpot's second compiler to have seen every loop. */
  private static final int WARM_UP = 10;

  private static final double NANOS_PER_MILLI = 1e6;

  /** A kernel and its argument. */
  record Kernel(String name, int argument) {
    Invocation.TypedCall call() {
      return new Invocation.TypedCall(name, new long[] {argument});
    }
  }

  static final List<Kernel> KERNELS =
      List.of(
          new Kernel("fib", 32),
          new Kernel("sha", 1),
          new Kernel("matmul", 200),
          new Kernel("json", 500),
          new Kernel("sieve", 1_000_000),
          new Kernel("sort", 100_000));

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /**
   * A kernel's best times.
   *
   * @param same whether both gave the same answer
   */
  private record Best(long onNanos, long offNanos, boolean same) {
    double ratio() {
      return onNanos / (double) offNanos;
    }
  }

  @Override
  public Integer call() {
    ResultTable table = new ResultTable("skep bench kernels: best of " + ROUNDS);
    Map<Kernel, Best> results = new LinkedHashMap<>();
    try (GuestPool metered = new GuestPool(1, EngineConfig.DEFAULTS);
        GuestPool free = new GuestPool(1, EngineConfig.DEFAULTS.withMetering(false))) {
      CompiledModule on = metered.compile(Guests.KERNELS);
      CompiledModule off = free.compile(Guests.KERNELS);
      for (Kernel kernel : KERNELS) {
        Progress.say(kernel.name() + "(" + kernel.argument() + ")");
        try (GuestInstance charged = metered.instance(on);
            GuestInstance uncharged = free.instance(off)) {
          results.put(kernel, best(kernel, charged, uncharged));
        }
      }
    }
    double logSum = 0;
    boolean same = true;
    for (Map.Entry<Kernel, Best> entry : results.entrySet()) {
      Kernel kernel = entry.getKey();
      Best best = entry.getValue();
      String what = kernel.name() + "(" + kernel.argument() + ")";
      table
          .add(kernel.name() + "_on_ms", what + ", fuel on", best.onNanos() / NANOS_PER_MILLI, "ms")
          .add(kernel.name() + "_off_ms", "  fuel off", best.offNanos() / NANOS_PER_MILLI, "ms")
          .add(kernel.name() + "_ratio", "  ratio", best.ratio(), "×");
      logSum += Math.log(best.ratio());
      same &= best.same();
    }
    table
        .add(
            "ratio",
            "fuel on to off, geometric mean",
            Math.exp(logSum / KERNELS.size()),
            "×",
            "ours must be under 1.15; Wasmtime 49: 1.1 to 2")
        .note("Fuel off is compiled without charges, for this measurement only.")
        .note("Rounds alternate between the two, after " + WARM_UP + " of each.")
        .print(json);
    if (!same) {
      System.err.println("fuel on and off gave different answers");
    }
    return same ? 0 : 1;
  }

  private static Best best(Kernel kernel, GuestInstance charged, GuestInstance uncharged) {
    Invocation.TypedCall call = kernel.call();
    long on = Long.MAX_VALUE;
    long off = Long.MAX_VALUE;
    boolean same = true;
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      RunReport withFuel = run(charged, call);
      RunReport without = run(uncharged, call);
      same &= answer(withFuel) == answer(without);
      if (round >= 0) {
        on = Math.min(on, withFuel.durationNanos());
        off = Math.min(off, without.durationNanos());
      }
    }
    return new Best(on, off, same);
  }

  private static RunReport run(GuestInstance instance, Invocation.TypedCall call) {
    RunReport report = instance.run(call, GuestPool.PLENTY);
    instance.reset();
    return report;
  }

  private static long answer(RunReport report) {
    if (report.result() instanceof RunResult.Values values) {
      return values.results()[0];
    }
    throw new IllegalStateException("a kernel ended as " + report.result());
  }
}
