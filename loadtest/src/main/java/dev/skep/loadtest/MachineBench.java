package dev.skep.loadtest;

import dev.skep.engine.EngineConfig;
import dev.skep.loadtest.JsonTrial.Figures;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Machine code beside tier 1 and, where it is installed, Wasmtime, in one run: speed, memory, and
 * what loading costs.
 *
 * <pre>./skep bench machine --compiler-code FILE [--wasmtime FOLDER]</pre>
 */
@Command(
    name = "machine",
    mixinStandardHelpOptions = true,
    description = "Measures machine code beside tier 1, and beside Wasmtime where it is.")
final class MachineBench implements Callable<Integer> {
  private static final int SLOTS = 64;
  private static final Set<String> PARTS =
      Set.of("json", "kernels", "host", "cycles", "density", "assembler", "first");

  @Option(
      names = "--compiler-code",
      description =
          "File for the compiler's own machine code: made if it is not there, which takes some"
              + " minutes once. Without it the JVM runs the compiler, ten times as slowly.")
  private @Nullable Path compilerCode;

  @Option(names = "--wasmtime", description = "Where Wasmtime's library is; default: $VIRTUAL_ENV.")
  private @Nullable Path wasmtime;

  @Option(
      names = "--modules",
      defaultValue = "10000",
      description = "Distinct modules to deploy, 10000.")
  private int modules = 10_000;

  @Option(
      names = "--cycles",
      defaultValue = "10000",
      description = "Times to load, run and unload, 10000.")
  private int cycles = 10_000;

  @Option(
      names = "--functions",
      defaultValue = "200",
      description = "Stored functions to send a first request, 200.")
  private int functions = 200;

  @Option(
      names = "--parts",
      split = ",",
      description = "Only these of json, kernels, host, cycles, density, assembler, first.")
  private Set<String> parts = PARTS;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private boolean right = true;

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (!PARTS.containsAll(parts)) {
      throw new IllegalArgumentException("--parts are of " + PARTS);
    }
    Path library = PeerLibrary.find(wasmtime).orElse(null);
    ResultTable table = new ResultTable("skep bench machine");
    try (GuestPool pool = new GuestPool(SLOTS, EngineConfig.DEFAULTS, compilerCode)) {
      if (parts.contains("json")) {
        Progress.say("the JSON guest");
        json(table, pool, library);
      }
      if (parts.contains("host")) {
        Progress.say("calls of the host");
        hostCalls(table, pool);
      }
      if (parts.contains("assembler")) {
        Progress.say("wat2wasm");
        right &= AssemblerTrial.run(table, pool);
      }
    }
    if (parts.contains("kernels")) {
      kernels(table, library);
    }
    if (parts.contains("cycles")) {
      cycles(table);
    }
    if (parts.contains("density")) {
      density(table);
    }
    if (parts.contains("first")) {
      first(table);
    }
    table
        .note("Fuel on everywhere, one thread. Every answer is checked.")
        .note("Memory: growth of the process, the heap apart, and of what is live on the heap.")
        .note("Same instance: best of 5 rounds of a second. Fresh: take, build, run, give back.")
        .note(
            library == null
                ? "Wasmtime is not here: pip install wasmtime, and activate or name the folder."
                : "Wasmtime 49: pooling, fuel on; 64 MiB reserved, 64 KiB guard.")
        .print(json);
    if (!right) {
      System.err.println("there were wrong answers");
    }
    return right ? 0 : 1;
  }

  private void json(ResultTable table, GuestPool pool, @Nullable Path library) {
    try (JsonTrial trial = new JsonTrial()) {
      trial.add(pool, pool.compile(JsonTrial.GUEST));
      trial.add(pool, pool.machineCode(JsonTrial.GUEST));
      if (library != null) {
        trial.add(library);
      }
      List<Figures> figures = trial.run();
      right &= figures.stream().allMatch(each -> each.wrong == 0);
      JsonTrial.report(
          table, figures.get(0), figures.get(1), library == null ? null : figures.get(2));
    }
  }

  private static void hostCalls(ResultTable table, GuestPool pool) {
    byte[] bytes = HostCallTrial.module();
    table
        .add(
            "host_call_tier2_ns",
            "a call of the host, there and back: tier 2",
            HostCallTrial.nanos(pool, pool.machineCode("calls", bytes)),
            "ns",
            "under 100 ns")
        .add(
            "host_call_tier1_ns",
            "  tier 1",
            HostCallTrial.nanos(pool, pool.compile("calls", bytes)),
            "ns");
  }

  /** In a process of its own, so that tier 1 has no code and no profiles of other guests. */
  private static void kernels(ResultTable table, @Nullable Path library)
      throws IOException, InterruptedException {
    Progress.say("kernels");
    List<String> arguments = new ArrayList<>(List.of("kernels", "--json"));
    if (library != null) {
      arguments.addAll(List.of("--wasmtime", library.toString()));
    }
    JsonObject figures = ChildJvm.run(Bench.class, arguments).getJsonObject("figures");
    table
        .add(
            "kernels_fuel_ratio",
            "kernels, fuel on to off, geometric mean: tier 2",
            figures.getDouble("machine_ratio"),
            "×",
            "under 1.15")
        .add("kernels_fuel_ratio_tier1", "  tier 1", figures.getDouble("ratio"), "×");
    if (library != null) {
      table
          .add(
              "kernels_wasmtime_ratio",
              "kernels, time to Wasmtime's, both with fuel: tier 2",
              figures.getDouble("machine_wasmtime_ratio"),
              "×",
              "at most 1")
          .add(
              "kernels_wasmtime_ratio_tier1", "  tier 1", figures.getDouble("wasmtime_ratio"), "×");
    }
  }

  private void cycles(ResultTable table) throws IOException, InterruptedException {
    Progress.say("loading, running, unloading");
    List<String> arguments = new ArrayList<>();
    arguments.add(String.valueOf(cycles));
    if (compilerCode != null) {
      arguments.add(compilerCode.toString());
    }
    JsonObject figures = ChildJvm.run(CodeCycles.class, ChildJvm.TOUCHED_HEAP, arguments);
    table
        .add(
            "cycles",
            "loaded from an artifact's bytes, run once, unloaded",
            figures.getLong("cycles"),
            "")
        .add(
            "cycle_p50_us",
            "  from the bytes to the answer, a new module each time, p50",
            figures.getLong("p50") / 1e3,
            "µs",
            "under 1 ms")
        .add("cycle_p99_us", "  p99", figures.getLong("p99") / 1e3, "µs")
        .add("cycles_code_mappings", "  code mapped more", figures.getLong("codeMappings"), "", "0")
        .add("cycles_leases", "  leases of code more", figures.getLong("leases"), "", "0")
        .add(
            "cycles_mappings",
            "  mappings of the process more",
            figures.getLong("processMappings"),
            "")
        .add("cycles_heap_kb", "  heap more", figures.getLong("heap") / 1e3, "KB")
        .add("cycles_resident_kb", "  resident more", figures.getLong("resident") / 1e3, "KB");
    right &= figures.getLong("codeMappings") == 0 && figures.getLong("leases") == 0;
  }

  private void first(ResultTable table) throws IOException, InterruptedException {
    FirstRequestTrial trial = new FirstRequestTrial(functions, compilerCode);
    right &= trial.run(table);
  }

  private void density(ResultTable table) throws IOException, InterruptedException {
    for (int tier = 2; tier >= 1; tier--) {
      List<String> arguments = new ArrayList<>();
      arguments.add(String.valueOf(modules));
      arguments.add(String.valueOf(tier));
      if (compilerCode != null) {
        arguments.add(compilerCode.toString());
      }
      JsonObject figures = ChildJvm.run(CodeDensity.class, ChildJvm.TOUCHED_HEAP, arguments);
      String key = "density_tier" + tier;
      table
          .add(
              key + "_kb",
              tier == 2
                  ? modules + " distinct modules, each run once, beyond slots, each: tier 2"
                  : "  tier 1",
              (figures.getLong("resident") + figures.getLong("heap")) / 1e3,
              "KB",
              tier == 2 ? "under 30 KB" : "")
          .add(key + "_heap_kb", "    of it heap", figures.getLong("heap") / 1e3, "KB")
          .add(key + "_classes_kb", "    of it classes", figures.getLong("metaspace") / 1e3, "KB");
    }
  }
}
