package dev.skep.loadtest;

import dev.skep.loadtest.OperatorTrial.Cost;
import dev.skep.loadtest.operators.OperatorFamilies;
import dev.skep.loadtest.operators.OperatorFamily;
import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.peer.WasmtimePrograms;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What a second of a processor costs in fuel, by families of operators: whether any of them is
 * nearly free. Where Wasmtime's library is, its figures beside them: the costs of operators are
 * Wasmtime's, so what they leave uneven is uneven there too.
 *
 * <pre>./skep bench operators [--only PREFIX] [--wasmtime FOLDER]</pre>
 */
@Command(
    name = "operators",
    mixinStandardHelpOptions = true,
    description =
        "Measures fuel a CPU-second for families of operators, bulk operators and host functions.")
final class OperatorBench implements Callable<Integer> {
  private static final double MEGA = 1e6;
  private static final long MILLI = 1_000_000;

  @Option(names = "--only", description = "Families whose keys begin so; default: all.")
  private String only = "";

  @Option(names = "--warm-ms", description = "CPU time to warm each up; default ${DEFAULT-VALUE}.")
  private int warmMillis = 1_000;

  @Option(names = "--rounds", description = "Of 30 ms each; the best counts. ${DEFAULT-VALUE}.")
  private int rounds = 9;

  @Option(names = "--wasmtime", description = "Where Wasmtime's library is; default: $VIRTUAL_ENV.")
  private @Nullable Path wasmtime;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /**
   * A family's figures.
   *
   * @param theirs null if Wasmtime is not here, or the family imports functions
   */
  private record Measured(OperatorFamily family, Cost ours, @Nullable Cost theirs) {
    double speed() {
      return ours.unitsPerSecond();
    }

    double theirSpeed() {
      return theirs == null ? Double.NaN : theirs.unitsPerSecond();
    }
  }

  @Override
  public Integer call() {
    List<OperatorFamily> families =
        OperatorFamilies.all().stream().filter(f -> f.key().startsWith(only)).toList();
    if (families.isEmpty()) {
      throw new IllegalArgumentException("no family's key begins with " + only);
    }
    Path library = PeerLibrary.find(wasmtime).orElse(null);
    List<Measured> all = new ArrayList<>();
    Progress progress = new Progress("families", families.size());
    try (OperatorTrial trial =
            new OperatorTrial(new OperatorTrial.Effort(warmMillis * MILLI, 30 * MILLI, rounds));
        WasmtimePrograms peer = library == null ? null : new WasmtimePrograms(library, true)) {
      for (OperatorFamily family : families) {
        Cost theirs =
            peer == null || family.kind() == Kind.HOST ? null : trial.theirs(family, peer);
        all.add(new Measured(family, trial.ours(family), theirs));
        progress.step();
      }
    }
    ResultTable table =
        new ResultTable("skep bench operators: millions of units of fuel a CPU-second, warm");
    for (Kind kind : Kind.values()) {
      List<Measured> some = ofKind(all, kind);
      if (!some.isEmpty()) {
        table.heading(kind.title());
        some.forEach(measured -> row(table, measured));
      }
    }
    table.heading("fastest to slowest");
    span(table, "span", "operators", all, List.of(Kind.OPERATOR), "at most 10");
    span(table, "span_host", "with host functions", all, List.of(Kind.OPERATOR, Kind.HOST), "");
    span(
        table,
        "span_bulk",
        "with bulk of great length",
        all,
        List.of(Kind.OPERATOR, Kind.BULK),
        "");
    if (library == null) {
      table.note("Wasmtime is not here: pip install wasmtime, and activate or name the folder.");
    }
    table
        .note("CPU time of the thread, resets included where a run needs a fresh store.")
        .note("Best of " + rounds + " rounds of 30 ms, after " + warmMillis + " ms.")
        .print(json);
    return 0;
  }

  private static List<Measured> ofKind(List<Measured> all, Kind kind) {
    return all.stream()
        .filter(measured -> measured.family().kind() == kind)
        .sorted(Comparator.comparingDouble(Measured::speed))
        .toList();
  }

  private static void row(ResultTable table, Measured measured) {
    String beside = String.format(Locale.ROOT, "%.3f ns a unit", measured.ours().nanosPerUnit());
    Cost theirs = measured.theirs();
    if (theirs != null) {
      beside +=
          String.format(
              Locale.ROOT, "; Wasmtime 49: %s", ResultTable.number(theirs.unitsPerSecond() / MEGA));
    }
    table.add(
        measured.family().key(), measured.family().what(), measured.speed() / MEGA, "M", beside);
  }

  private static void span(
      ResultTable table,
      String key,
      String what,
      List<Measured> all,
      List<Kind> kinds,
      String mark) {
    List<Measured> some =
        all.stream().filter(measured -> kinds.contains(measured.family().kind())).toList();
    if (some.isEmpty()) {
      return;
    }
    double theirs = ratio(some, Measured::theirSpeed);
    String beside = mark;
    if (theirs > 0) {
      beside +=
          String.format(Locale.ROOT, "%sWasmtime 49: %.1f", mark.isEmpty() ? "" : "; ", theirs);
    }
    table.add(key, what, ratio(some, Measured::speed), "×", beside);
  }

  /** Of the greatest to the least; 0 if there are none. */
  private static double ratio(List<Measured> some, ToDoubleFunction<Measured> speed) {
    double[] speeds = some.stream().mapToDouble(speed).filter(s -> s > 0).sorted().toArray();
    return speeds.length == 0 ? 0 : speeds[speeds.length - 1] / speeds[0];
  }
}
