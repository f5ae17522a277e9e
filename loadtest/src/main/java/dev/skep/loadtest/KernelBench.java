package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.loadtest.peer.Wasmtime;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * CPU kernels with and without charges, as machine code and on tier 1, side by side in one JVM:
 * what fuel costs and what each tier does. Where Wasmtime's library is, its kernels with fuel on
 * beside them.
 *
 * <pre>./skep bench kernels [--wasmtime FOLDER]</pre>
 */
@Command(
    name = "kernels",
    mixinStandardHelpOptions = true,
    description = "Measures the CPU kernels with fuel on and off, and Wasmtime's, best of 15.")
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

  @Option(names = "--wasmtime", description = "Where Wasmtime's library is; default: $VIRTUAL_ENV.")
  private @Nullable Path wasmtime;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /**
   * A kernel's best times.
   *
   * @param machineNanos of machine code with fuel on
   * @param machineOffNanos of machine code with fuel off
   * @param peerNanos of Wasmtime with fuel on; 0 if it is not here
   * @param same whether all gave the same answer
   */
  private record Best(
      long onNanos,
      long offNanos,
      long machineNanos,
      long machineOffNanos,
      long peerNanos,
      boolean same) {
    double ratio() {
      return onNanos / (double) offNanos;
    }

    double peerRatio() {
      return onNanos / (double) peerNanos;
    }

    double machineRatio() {
      return machineNanos / (double) machineOffNanos;
    }

    double machinePeerRatio() {
      return machineNanos / (double) peerNanos;
    }
  }

  /** Geometric means over the kernels; those to Wasmtime's are 1 where it is not here. */
  private record Means(
      double ratio, double machineRatio, double peerRatio, double machinePeerRatio, boolean same) {
    private static Means of(Collection<Best> results) {
      return new Means(
          mean(results, Best::ratio),
          mean(results, Best::machineRatio),
          mean(results, best -> best.peerNanos() == 0 ? 1 : best.peerRatio()),
          mean(results, best -> best.peerNanos() == 0 ? 1 : best.machinePeerRatio()),
          results.stream().allMatch(Best::same));
    }

    private static double mean(Collection<Best> results, ToDoubleFunction<Best> figure) {
      double sum = 0;
      for (Best best : results) {
        sum += Math.log(figure.applyAsDouble(best));
      }
      return Math.exp(sum / results.size());
    }
  }

  private static Map<Kernel, Best> measure(@Nullable Path library) {
    Map<Kernel, Best> results = new LinkedHashMap<>();
    try (GuestPool metered = new GuestPool(2, EngineConfig.DEFAULTS);
        GuestPool free = new GuestPool(2, EngineConfig.DEFAULTS.withMetering(false))) {
      CompiledModule on = metered.compile(Guests.KERNELS);
      CompiledModule off = free.compile(Guests.KERNELS);
      CompiledModule machineOn = metered.machineCode(Guests.KERNELS);
      CompiledModule machineOff = free.machineCode(Guests.KERNELS);
      for (Kernel kernel : KERNELS) {
        Progress.say(kernel.name() + "(" + kernel.argument() + ")");
        try (GuestInstance charged = metered.instance(on);
            GuestInstance uncharged = free.instance(off);
            GuestInstance machine = metered.instance(machineOn);
            GuestInstance machineFree = free.instance(machineOff)) {
          Wasmtime peer = library == null ? null : peer(library, kernel);
          results.put(kernel, best(kernel, charged, uncharged, machine, machineFree, peer));
        }
      }
    }
    return results;
  }

  @Override
  public Integer call() throws IOException {
    ResultTable table = new ResultTable("skep bench kernels: best of " + ROUNDS);
    Optional<Path> library = PeerLibrary.find(wasmtime);
    Map<Kernel, Best> results = measure(library.orElse(null));
    Means means = Means.of(results.values());
    for (Map.Entry<Kernel, Best> entry : results.entrySet()) {
      Kernel kernel = entry.getKey();
      Best best = entry.getValue();
      String what = kernel.name() + "(" + kernel.argument() + ")";
      table
          .add(kernel.name() + "_on_ms", what + ", fuel on", best.onNanos() / NANOS_PER_MILLI, "ms")
          .add(kernel.name() + "_off_ms", "  fuel off", best.offNanos() / NANOS_PER_MILLI, "ms")
          .add(kernel.name() + "_ratio", "  fuel on to off", best.ratio(), "×")
          .add(
              kernel.name() + "_machine_ms",
              "  machine code, fuel on",
              best.machineNanos() / NANOS_PER_MILLI,
              "ms")
          .add(
              kernel.name() + "_machine_off_ms",
              "  machine code, fuel off",
              best.machineOffNanos() / NANOS_PER_MILLI,
              "ms");
      if (library.isPresent()) {
        table
            .add(
                kernel.name() + "_wasmtime_ms",
                "  Wasmtime 49, fuel on",
                best.peerNanos() / NANOS_PER_MILLI,
                "ms")
            .add(kernel.name() + "_wasmtime_ratio", "  tier 1 to Wasmtime's", best.peerRatio(), "×")
            .add(
                kernel.name() + "_machine_wasmtime_ratio",
                "  machine code to Wasmtime's",
                best.machinePeerRatio(),
                "×");
      }
    }
    table.add(
        "ratio",
        "fuel on to off, tier 1, geometric mean",
        means.ratio(),
        "×",
        "under 1.15; Wasmtime 49: 1.1 to 2");
    table.add(
        "machine_ratio",
        "fuel on to off, machine code, geometric mean",
        means.machineRatio(),
        "×",
        "under 1.15");
    if (library.isPresent()) {
      table.add(
          "wasmtime_ratio",
          "tier 1 to Wasmtime's, both with fuel, geometric mean",
          means.peerRatio(),
          "×",
          "at most 1");
      table.add(
          "machine_wasmtime_ratio",
          "machine code to Wasmtime's, both with fuel, geometric mean",
          means.machinePeerRatio(),
          "×",
          "at most 1");
    } else {
      table.note("Wasmtime is not here: pip install wasmtime, and activate or name the folder.");
    }
    table
        .note("Fuel off is compiled without charges, for this measurement only.")
        .note("Rounds alternate between them, after " + WARM_UP + " of each.")
        .print(json);
    if (!means.same()) {
      System.err.println("they gave different answers");
    }
    return means.same() ? 0 : 1;
  }

  private static Wasmtime peer(Path library, Kernel kernel) {
    byte[] module = Guests.bytes(Guests.KERNELS);
    return new Wasmtime(
        library, module, kernel.name(), new Wasmtime.Pool(4, 16L << 20, 64L << 20, 64L << 10));
  }

  private static Best best(
      Kernel kernel,
      GuestInstance charged,
      GuestInstance uncharged,
      GuestInstance machine,
      GuestInstance machineFree,
      @Nullable Wasmtime peer) {
    Invocation.TypedCall call = kernel.call();
    Wasmtime.Store store = peer == null ? null : peer.instantiate();
    long on = Long.MAX_VALUE;
    long off = Long.MAX_VALUE;
    long machineOn = Long.MAX_VALUE;
    long machineOff = Long.MAX_VALUE;
    long theirs = peer == null ? 0 : Long.MAX_VALUE;
    boolean same = true;
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      RunReport withFuel = run(charged, call);
      RunReport without = run(uncharged, call);
      same &= answer(withFuel) == answer(without);
      RunReport asMachineCode = run(machine, call);
      RunReport asFreeCode = run(machineFree, call);
      same &= answer(withFuel) == answer(asMachineCode) && answer(without) == answer(asFreeCode);
      same &= withFuel.fuel() == asMachineCode.fuel();
      if (peer != null && store != null) {
        long startNanos = System.nanoTime();
        int answer = peer.call(store, kernel.argument());
        long nanos = System.nanoTime() - startNanos;
        same &= answer == (int) answer(withFuel);
        theirs = round >= 0 ? Math.min(theirs, nanos) : theirs;
      }
      if (round >= 0) {
        on = Math.min(on, withFuel.durationNanos());
        off = Math.min(off, without.durationNanos());
        machineOn = Math.min(machineOn, asMachineCode.durationNanos());
        machineOff = Math.min(machineOff, asFreeCode.durationNanos());
      }
    }
    if (peer != null && store != null) {
      peer.delete(store);
    }
    return new Best(on, off, machineOn, machineOff, theirs, same);
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
