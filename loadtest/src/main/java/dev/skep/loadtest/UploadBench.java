package dev.skep.loadtest;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What uploads of all kinds do to the engine, and to a node. Run it as {@code ./skep bench
 * uploads}; {@code --modules 0}, {@code --http 0} and {@code --no-worst} leave parts out.
 */
@Command(
    name = "uploads",
    mixinStandardHelpOptions = true,
    description = "Uploads mutated, random and adversarial modules, and watches what they take.")
final class UploadBench implements Callable<Integer> {
  /** What a megabyte may take. */
  static final double MOST_SECONDS = 2;

  static final int MOST_MIB = 256;

  @Option(
      names = "--modules",
      defaultValue = "1000000",
      description = "Mutated and random modules to check in this process, 1000000.")
  private int modules;

  /** That of the process in which a node checks and compiles, and no other. */
  private static final List<String> COLLECTOR =
      List.of("-XX:-UseG1GC", "-XX:-UseZGC", "-XX:-UseShenandoahGC", "-XX:+UseSerialGC");

  @Option(
      names = "--http",
      defaultValue = "50000",
      description = "Of those, how many to upload to a node of its own, 50000.")
  private int http;

  @Option(names = "--no-worst", description = "Leave out the adversarial modules of a megabyte.")
  private boolean noWorst;

  @Option(
      names = "--compile",
      description = "Compile the adversarial modules too, which takes some minutes.")
  private boolean compile;

  @Option(names = "--mixed", defaultValue = "10", description = "Adversarial mixtures, 10.")
  private int mixed;

  @Option(names = "--seed", description = "Of all that is random.")
  private long seed = System.nanoTime();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private boolean ok = true;

  @Override
  public Integer call() throws Exception {
    if (modules < 0 || http < 0 || mixed < 0) {
      throw new IllegalArgumentException("counts must not be negative");
    }
    ResultTable table = new ResultTable("skep bench uploads");
    if (!noWorst) {
      worst(table);
    }
    if (modules > 0) {
      ok &= new CheckedUploads(modules, seed).measure(table);
    }
    if (http > 0) {
      ok &= new HttpUploads(http, seed).measure(table);
    }
    table.note("Chosen with seed " + seed + ".").print(json);
    return ok ? 0 : 1;
  }

  /** Each in a JVM whose heap is what it may take, and with all of that JVM's CPU counted. */
  private void worst(ResultTable table) throws Exception {
    Progress.say("checking adversarial modules in a heap of " + MOST_MIB + " MiB");
    JsonArray checked =
        ChildJvm.run(
                AdversarialChecks.class,
                Stream.concat(COLLECTOR.stream(), Stream.of("-Xmx" + MOST_MIB + "m")).toList(),
                List.of("check", Long.toString(seed), Integer.toString(mixed)))
            .getJsonArray("modules");
    double most = 0;
    double mostMib = 0;
    for (int i = 0; i < checked.size(); i++) {
      JsonObject module = checked.getJsonObject(i);
      double seconds = module.getDouble("seconds");
      most = Math.max(most, seconds);
      mostMib = Math.max(mostMib, module.getDouble("mib"));
      ok &= !module.getBoolean("outOfMemory");
      table
          .add(
              module.getString("name") + "_check_s",
              module.getString("name") + ": check, CPU",
              seconds,
              "s",
              module.getString("answer"))
          .add(
              module.getString("name") + "_check_mib",
              "  allocated",
              module.getDouble("mib"),
              "MiB");
    }
    ok &= most <= MOST_SECONDS;
    table
        .add("worst_check_s", "worst check of a megabyte, CPU", most, "s", "at most 2")
        .add("worst_check_mib", "  most allocated", mostMib, "MiB")
        .add("worst_heap_mib", "  heap it was done in", MOST_MIB, "MiB", "at most 256");
    if (compile) {
      compiles(table);
    }
    table.note(
        "Of each adversarial module: CPU of the whole JVM, its JIT and collector included, the"
            + " worst of 3 checks. The collector is the one of the process that checks for a node."
            + " Allocated is all that was, garbage included; the heap bounds what lives.");
  }

  private void compiles(ResultTable table) throws Exception {
    Progress.say("compiling adversarial modules");
    JsonArray compiled =
        ChildJvm.run(
                AdversarialChecks.class,
                Stream.concat(COLLECTOR.stream(), Stream.of("-Xmx2g")).toList(),
                List.of("compile", Long.toString(seed), Integer.toString(mixed)))
            .getJsonArray("modules");
    double most = 0;
    for (int i = 0; i < compiled.size(); i++) {
      JsonObject module = compiled.getJsonObject(i);
      most = Math.max(most, module.getDouble("seconds"));
      ok &= !module.getBoolean("outOfMemory");
      table
          .add(
              module.getString("name") + "_compile_s",
              module.getString("name") + ": compile, CPU",
              module.getDouble("seconds"),
              "s",
              module.getString("answer"))
          .add(
              module.getString("name") + "_compile_mib",
              "  allocated",
              module.getDouble("mib"),
              "MiB");
    }
    table.add("worst_compile_s", "worst compile, CPU", most, "s", "budget 40");
  }
}
