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
import java.util.Set;
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
  private static final String WASMTIME = "Wasmtime 49: ";

  /** Units a second of one core that prices count with. */
  private static final double PRICED = 1e9;

  private static final int MOST_TIMES = 10;

  /** One instruction each, and one unit: how far apart they are is the processor's. */
  private static final Set<String> HARDWARE = Set.of("i32_logic", "i64_rem_u");

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
    summary(table, all);
    if (library == null) {
      table.note("Wasmtime is not here: pip install wasmtime, and activate or name the folder.");
    }
    table
        .note("Operators cost what they cost in Wasmtime: what is uneven in both is the table's.")
        .note(
            "A page is used for the first time once a run: a store has as many as its limit says.")
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
              Locale.ROOT, "; %s%s", WASMTIME, ResultTable.number(theirs.unitsPerSecond() / MEGA));
    }
    table.add(
        measured.family().key(), measured.family().what(), measured.speed() / MEGA, "M", beside);
  }

  private static void summary(ResultTable table, List<Measured> all) {
    List<Kind> operators = List.of(Kind.OPERATOR);
    List<Kind> host = List.of(Kind.HOST);
    double median = median(speeds(all, operators, Measured::speed));
    double theirMedian = median(speeds(all, operators, Measured::theirSpeed));
    table.heading("what the least paid does for its fuel");
    table.add(
        "median",
        "operators, the family in the middle",
        median / MEGA,
        "M",
        theirMedian > 0 ? WASMTIME + ResultTable.number(theirMedian / MEGA) : "");
    ratio(
        table,
        "median_to_slowest",
        "operators, the middle to the slowest",
        median / least(speeds(all, operators, Measured::speed)),
        "at most " + MOST_TIMES,
        theirMedian / least(speeds(all, operators, Measured::theirSpeed)));
    ratio(
        table,
        "price_to_slowest",
        "what prices count with to the slowest operators",
        PRICED / least(speeds(all, operators, Measured::speed)),
        "at most " + MOST_TIMES,
        PRICED / least(speeds(all, operators, Measured::theirSpeed)));
    ratio(
        table,
        "median_to_slowest_host",
        "operators, the middle, to the slowest function of the host",
        median / least(speeds(all, host, Measured::speed)),
        "at most " + MOST_TIMES,
        Double.NaN);
    ratio(
        table,
        "price_to_slowest_host",
        "what prices count with to the slowest function of the host",
        PRICED / least(speeds(all, host, Measured::speed)),
        "at most " + MOST_TIMES,
        Double.NaN);
    table.heading("all of the span, work that compilers leave out included");
    span(table, "span", "operators, fastest to slowest", all, operators);
    span(table, "span_host", "  with host functions", all, List.of(Kind.OPERATOR, Kind.HOST));
    span(table, "span_bulk", "  with bulk of great length", all, List.of(Kind.OPERATOR, Kind.BULK));
    List<Measured> hard = all.stream().filter(m -> HARDWARE.contains(m.family().key())).toList();
    if (hard.size() == HARDWARE.size()) {
      span(
          table,
          "span_processor",
          "i32 logic to i64.rem_u, one instruction each",
          hard,
          List.of(Kind.OPERATOR));
    }
  }

  private static void span(
      ResultTable table, String key, String what, List<Measured> all, List<Kind> kinds) {
    double[] ours = speeds(all, kinds, Measured::speed);
    double[] theirs = speeds(all, kinds, Measured::theirSpeed);
    ratio(table, key, what, greatest(ours) / least(ours), "", greatest(theirs) / least(theirs));
  }

  /** Leaves a figure out for which there are no families. */
  private static void ratio(
      ResultTable table, String key, String what, double ours, String mark, double theirs) {
    if (Double.isNaN(ours)) {
      return;
    }
    String beside = mark;
    if (!Double.isNaN(theirs)) {
      beside += (mark.isEmpty() ? "" : "; ") + WASMTIME + ResultTable.number(theirs);
    }
    table.add(key, what, ours, "×", beside);
  }

  /** Rising; without those that have none. */
  private static double[] speeds(
      List<Measured> all, List<Kind> kinds, ToDoubleFunction<Measured> speed) {
    return all.stream()
        .filter(measured -> kinds.contains(measured.family().kind()))
        .mapToDouble(speed)
        .filter(each -> !Double.isNaN(each))
        .sorted()
        .toArray();
  }

  private static double least(double[] rising) {
    return rising.length == 0 ? Double.NaN : rising[0];
  }

  private static double median(double[] rising) {
    return rising.length == 0 ? Double.NaN : rising[rising.length / 2];
  }

  private static double greatest(double[] rising) {
    return rising.length == 0 ? Double.NaN : rising[rising.length - 1];
  }
}
