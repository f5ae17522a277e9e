package dev.skep.loadtest;

import dev.skep.loadtest.machine.MachineCompiler;
import dev.skep.loadtest.programs.Program;
import dev.skep.loadtest.programs.ProgramGenerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Generated programs, each in several ways that must agree. Not a measurement but a comparison; a
 * difference is an error.
 *
 * <pre>./skep bench programs [--programs N] [--seed N] [--wasmtime FOLDER]
 * ./skep bench programs --tier 2 --compiler-code FILE --programs 20000
 * SKEP_JAVA_OPTS=-Xcomp ./skep bench programs   what is compiled, from the first call on</pre>
 */
@Command(
    name = "programs",
    mixinStandardHelpOptions = true,
    description =
        "Runs generated programs on tier 1, compiled and interpreted, as machine code, in an"
            + " interpreter that counts beside, and in Wasmtime; results, memory and fuel must be"
            + " equal.")
final class ProgramBench implements Callable<Integer> {
  private static final int MOST_SHOWN = 20;

  @Option(names = "--programs", description = "How many; default ${DEFAULT-VALUE}.")
  private int programs = 1_000;

  @Option(names = "--seed", description = "Of the first; the others follow. Default: by the clock.")
  private @Nullable Long seed;

  @Mixin private MachineOptions machine = new MachineOptions();

  @Option(names = "--wasmtime", description = "Where Wasmtime's library is; default: $VIRTUAL_ENV.")
  private @Nullable Path wasmtime;

  @Option(
      names = "--dump",
      description = "Folder for modules that differ; default: ${DEFAULT-VALUE}.")
  private Path dump = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    long first = seed != null ? seed : System.currentTimeMillis();
    Path library = PeerLibrary.find(wasmtime).orElse(null);
    Progress progress = new Progress("programs", programs);
    Progress.say("seeds from " + first);
    int shown = 0;
    ProgramTrial.Totals totals;
    MachineCompiler.Figures compiling;
    try (ProgramTrial trial =
        new ProgramTrial(library, machine.isTierTwo(), machine.compilerCode())) {
      totals = trial.totals();
      compiling = trial.compiling();
      for (int i = 0; i < programs; i++) {
        Program program = ProgramGenerator.program(first + i);
        List<String> differences = trial.run(program);
        if (!differences.isEmpty() && shown++ < MOST_SHOWN) {
          Path file = dump.resolve("skep-program-" + program.seed() + ".wasm");
          Files.write(file, program.bytes());
          System.err.println("seed " + program.seed() + ", " + file + ":");
          differences.forEach(difference -> System.err.println("  " + difference));
        }
        progress.step();
      }
    }
    ResultTable table =
        new ResultTable("skep bench programs: seeds from " + first)
            .add("programs", "programs", totals.programs, "")
            .add("bytes_mean", "bytes of one, mean", totals.bytes / (double) programs, "B")
            .add("fuel_mean", "fuel of one, mean", totals.fuel / (double) programs, "")
            .add("returned", "came back", totals.returned, "")
            .add("trapped", "trapped", totals.trapped, "")
            .add("interpreted", "had a function too large for the JVM", totals.interpreted, "")
            .add(
                "fuel_compared",
                "fuel compared with an independent count",
                totals.fuelCompared,
                "",
                "all that came back");
    if (machine.isTierTwo()) {
      table
          .add(
              "machine_code",
              "as machine code: result, memory, fuel, and fuel at limits",
              totals.machineCode,
              "",
              "all")
          .add(
              "compile_kb_s",
              "  compiled",
              compiling.wasmBytes() / 1e3 / Math.max(1e-9, compiling.nanos() / 1e9),
              "KB/s");
    }
    if (library != null) {
      table.add(
          "fuel_compared_wasmtime",
          "fuel compared with Wasmtime 49's",
          totals.fuelComparedToWasmtime,
          "",
          "all that came back");
    } else {
      table.note("Wasmtime is not here: pip install wasmtime, and activate or name the folder.");
    }
    table
        .add(
            "interpreter_faults",
            "not compared: the interpreter failed",
            totals.interpreterFaults,
            "")
        .add("limited", "runs out of fuel by a unit or more", totals.limited, "")
        .add(
            "overdrawn", "most overdrawn", (double) totals.mostOverdrawn, "", "1,000 and 16 a call")
        .add("differences", "programs that differ", totals.differing, "", "0")
        .print(json);
    return totals.differing == 0 ? 0 : 1;
  }
}
