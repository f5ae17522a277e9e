package dev.skep.api;

import static java.util.Locale.ROOT;

import dev.skep.engine.FuelProfile;
import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.Import;
import dev.skep.engine.ModuleFigures.Figure;
import dev.skep.engine.Printable;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.engine.WasmFrame;
import dev.skep.scheduler.Scheduler;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.stream.Collectors;

/** A report of {@code skep check} for people and for programs. */
final class CheckPage {
  /** Functions on the page for people, and in the one for programs. */
  private static final int MOST_SHOWN = 10;

  private static final int MOST_LISTED = 1_000;
  private static final int MOST_FRAMES = 5;

  private CheckPage() {}

  // ── For people ────────────────────────────────────────────────────────────────────────────

  /**
   * The report.
   *
   * @param file its name, as it was given
   */
  static String text(String file, CheckReport report) {
    StringBuilder page = new StringBuilder(Printable.of(file));
    switch (report) {
      case CheckReport.Refused refused -> {
        Problem problem = refused.problem();
        page.append(": refused\n");
        line(page, "status", problem.kind().status() + " " + problem.kind().title());
        line(page, "type", problem.kind().type());
        line(page, "because", problem.detail());
      }
      case CheckReport.Accepted accepted -> {
        page.append(": accepted\n");
        head(page, accepted);
        limits(page, accepted.figures());
        imports(page, accepted.description());
        exports(page, accepted.description());
        runs(page, accepted);
        functions(page, accepted);
      }
    }
    return page.toString();
  }

  private static void line(StringBuilder page, String what, String value) {
    page.append(String.format(ROOT, "  %-12s %s%n", what, value));
  }

  private static void head(StringBuilder page, CheckReport.Accepted accepted) {
    ModuleDescription module = accepted.description();
    line(page, "version", accepted.version().toString());
    line(page, "size", count(module.bytes()) + " bytes");
    line(page, "kind", kind(module));
    line(
        page,
        "compiling",
        count(accepted.compiling().fuel())
            + " units of fuel, "
            + count(accepted.compiling().nanoDollars())
            + " nano-dollars, once");
    List<FuelProfile.Line> oversized = accepted.compiled().oversized();
    if (!oversized.isEmpty()) {
      line(
          page,
          "slow",
          "too large for a JVM method, so interpreted: "
              + oversized.stream()
                  .limit(MOST_SHOWN)
                  .map(FuelProfile.Line::name)
                  .collect(Collectors.joining(", "))
              + (oversized.size() > MOST_SHOWN ? ", …" : ""));
    }
  }

  private static String kind(ModuleDescription module) {
    return (module.isCommand()
            ? "command: it is run by _start"
            : module.function("_initialize").isPresent()
                ? "reactor: _initialize runs before each call"
                : "library: its exports are called by name")
        + (module.initializer().isPresent() ? "; kept after its initialiser has run once" : "");
  }

  private static void limits(StringBuilder page, List<Figure> figures) {
    page.append("\nLimits, the nearest first\n");
    for (Figure figure : figures) {
      page.append(
          String.format(
              ROOT,
              "  %9s  %12s  of %12s  %s%n",
              percent(figure.share()),
              count(figure.value()),
              count(figure.limit()),
              figure.what()));
    }
  }

  private static void imports(StringBuilder page, ModuleDescription module) {
    page.append("\nImports, and the grant that each needs\n");
    if (module.imports().isEmpty()) {
      page.append("  none\n");
    }
    int needs = width(module.imports().stream().map(CheckPage::need).toList());
    int width = width(module.imports().stream().map(CheckPage::name).toList());
    for (Import wanted : module.imports()) {
      page.append(
          String.format(
              ROOT,
              "  %-" + needs + "s  %-" + width + "s  %s%n",
              need(wanted),
              name(wanted),
              wanted.signature()));
    }
  }

  private static String name(Import wanted) {
    return Printable.of(wanted.module()) + "." + Printable.of(wanted.name());
  }

  private static String need(Import wanted) {
    return ImportNeeds.of(wanted.name());
  }

  private static void exports(StringBuilder page, ModuleDescription module) {
    page.append("\nExports\n");
    if (module.exports().isEmpty()) {
      page.append("  none: nothing of it can be called\n");
    }
    int width = width(module.exports().stream().map(e -> Printable.of(e.name())).toList());
    for (Export export : module.exports()) {
      page.append(
          String.format(
                  ROOT,
                  "  %-8s  %-" + width + "s  %s",
                  export.kind().name().toLowerCase(ROOT),
                  Printable.of(export.name()),
                  export.signature() == null ? "" : export.signature())
              .stripTrailing());
      page.append('\n');
    }
  }

  private static int width(List<String> names) {
    return Math.clamp(names.stream().mapToInt(String::length).max().orElse(1), 1, 60);
  }

  private static void runs(StringBuilder page, CheckReport.Accepted accepted) {
    page.append(
        String.format(
            ROOT,
            "%nDry runs, each in a new instance, with at most %s units of fuel and %d s%n",
            count(accepted.runFuel()),
            accepted.runNanos() / 1_000_000_000));
    if (accepted.runs().isEmpty()) {
      page.append("  none: there is nothing to call\n");
      return;
    }
    int width =
        width(accepted.runs().stream().map(run -> Printable.of(run.export()) + run.how()).toList());
    page.append(
        String.format(
            ROOT, "  %-" + width + "s  %15s  %12s  %s%n", "call", "fuel", "nano-dollars", "ended"));
    for (CheckReport.Run run : accepted.runs()) {
      String call = Printable.of(run.export()) + Printable.of(run.how());
      page.append(
          run.ran()
              .map(report ->
                  String.format(
                      ROOT,
                      "  %-" + width + "s  %15s  %12s  %s%n",
                      call,
                      count(report.fuel()),
                      count(run.nanoDollars()),
                      ended(report.result())))
              .orElseGet(() ->
                  String.format(
                      ROOT,
                      "  %-" + width + "s  %15s  %12s  not run: %s%n",
                      call,
                      "",
                      "",
                      run.skipped())));
    }
  }

  /** How a run ended, in one line. */
  private static String ended(RunResult result) {
    return switch (result) {
      case RunResult.Values values ->
          "returned "
              + (values.results().length == 0
                  ? "nothing"
                  : WasmValues.toJson(values.results(), values.signature()).stream()
                      .map(String::valueOf)
                      .collect(Collectors.joining(", ")));
      case RunResult.Bytes bytes -> "answered " + count(bytes.output().length) + " bytes";
      case RunResult.Refused _ -> "refused the input";
      case RunResult.Exited exited ->
          "exited with "
              + exited.exitCode()
              + ", "
              + count(exited.stdout().length)
              + " bytes of standard output";
      case RunResult.Trapped trapped -> "trapped: " + trapped.message() + in(trapped.frames());
      case RunResult.LimitReached reached ->
          "stopped at "
              + reached.kind().field()
              + " "
              + count(reached.limit())
              + in(reached.frames());
      case RunResult.HostFailed failed -> "failed: " + failed.message();
    };
  }

  private static String in(List<WasmFrame> frames) {
    if (frames.isEmpty()) {
      return "";
    }
    return ", in "
        + frames.stream().limit(MOST_FRAMES).map(WasmFrame::name).collect(Collectors.joining(" < "))
        + (frames.size() > MOST_FRAMES ? " < …" : "");
  }

  private static void functions(StringBuilder page, CheckReport.Accepted accepted) {
    if (accepted.functions().isEmpty()) {
      return;
    }
    long sum = sum(accepted.functions());
    page.append(
        String.format(
            ROOT,
            "%nCostliest functions, what they call left out: of %s units in these runs, %s"
                + " counted%n",
            count(used(accepted)),
            count(sum)));
    for (FuelProfile.Line line : accepted.functions().stream().limit(MOST_SHOWN).toList()) {
      page.append(
          String.format(
              ROOT,
              "  %9s  %15s  %s%n",
              percent((double) line.fuel() / sum),
              count(line.fuel()),
              line.name()));
    }
    int more = accepted.functions().size() - MOST_SHOWN;
    if (more > 0) {
      page.append("  and ").append(count(more)).append(" more functions\n");
    }
  }

  private static long sum(List<FuelProfile.Line> lines) {
    return lines.stream().mapToLong(FuelProfile.Line::fuel).sum();
  }

  private static long used(CheckReport.Accepted accepted) {
    return accepted.runs().stream()
        .mapToLong(run -> run.ran().map(RunReport::fuel).orElse(0L))
        .sum();
  }

  private static String count(long value) {
    return String.format(ROOT, "%,d", value);
  }

  private static String percent(double share) {
    return String.format(ROOT, share > 0 && share < 0.001 ? "%.4f %%" : "%.1f %%", share * 100);
  }

  // ── For programs ──────────────────────────────────────────────────────────────────────────

  /** The same with exact numbers. */
  static JsonObject json(String file, CheckReport report) {
    JsonObject json = new JsonObject().put("file", file);
    return switch (report) {
      case CheckReport.Refused refused ->
          json.put("accepted", false)
              .put("bytes", refused.bytes())
              .put("problem", refused.problem().toJson());
      case CheckReport.Accepted accepted -> accepted(json, accepted);
    };
  }

  private static JsonObject accepted(JsonObject json, CheckReport.Accepted accepted) {
    ModuleDescription module = accepted.description();
    json.put("accepted", true)
        .put("version", accepted.version().toString())
        .mergeIn(FunctionJson.of(module))
        .put("reactor", module.function("_initialize").isPresent())
        .put("snapshot", module.initializer().isPresent())
        .put(
            "compile",
            new JsonObject()
                .put("fuel", accepted.compiling().fuel())
                .put("nanoDollars", accepted.compiling().nanoDollars())
                .put("codeBytes", accepted.compiled().codeBytes())
                .put("interpretedFunctions", interpreted(accepted.compiled().oversized())));
    JsonArray imports = json.getJsonArray("imports");
    for (int i = 0; i < imports.size(); i++) {
      imports.getJsonObject(i).put("needs", need(module.imports().get(i)));
    }
    JsonArray limits = new JsonArray();
    for (Figure figure : accepted.figures()) {
      limits.add(
          new JsonObject()
              .put("name", figure.name())
              .put("what", figure.what())
              .put("value", figure.value())
              .put("limit", figure.limit())
              .put("percent", figure.share() * 100));
    }
    JsonArray runs = new JsonArray();
    accepted.runs().forEach(run -> runs.add(json(run)));
    JsonArray functions = new JsonArray();
    accepted.functions().stream()
        .limit(MOST_LISTED)
        .forEach(line ->
            functions.add(
                new JsonObject()
                    .put("function", line.name())
                    .put("index", line.function())
                    .put("fuel", line.fuel())));
    return json.put("limits", limits)
        .put("runs", runs)
        .put("fuel", used(accepted))
        .put("profiledFuel", sum(accepted.functions()))
        .put("functions", functions);
  }

  private static JsonArray interpreted(List<FuelProfile.Line> oversized) {
    JsonArray array = new JsonArray();
    for (FuelProfile.Line line : oversized) {
      array.add(new JsonObject().put("function", line.name()).put("index", line.function()));
    }
    return array;
  }

  private static JsonObject json(CheckReport.Run run) {
    JsonObject json = new JsonObject().put("export", run.export()).put("call", run.how());
    if (run.skipped() != null) {
      return json.put("skipped", run.skipped());
    }
    RunReport report = run.ran().orElseThrow();
    json.put("ended", ended(report.result()))
        .put("fuel", report.fuel())
        .put("nanoDollars", run.nanoDollars())
        .put("memoryPeakBytes", report.memoryPeakBytes())
        .put("outcome", Scheduler.outcome(report.result()).word());
    run.profiled().ifPresent(fuel -> json.put("profiledFuel", fuel));
    if (report.result() instanceof RunResult.Values values) {
      json.put("results", WasmValues.toJson(values.results(), values.signature()));
    }
    return json;
  }
}
