package dev.skep.loadtest;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/**
 * The figures of one benchmark: shown as a table, or as one JSON object with the same numbers. Not
 * thread-safe.
 */
final class ResultTable {
  /** What a percentile is called, and which it is. */
  private record Percentile(String suffix, String label, double percent) {}

  private static final List<Percentile> PERCENTILES =
      List.of(
          new Percentile("p50", "p50", 50),
          new Percentile("p99", "p99", 99),
          new Percentile("p999", "p99.9", 99.9));

  private static final double NANOS_PER_MICRO = 1e3;

  /**
   * One figure.
   *
   * @param key its member in JSON
   * @param yardstick what it stands beside, or an empty text
   */
  private record Row(String key, String what, double value, String unit, String yardstick) {
    boolean isHeading() {
      return key.isEmpty();
    }
  }

  private final String title;
  private final List<Row> rows = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  ResultTable(String title) {
    this.title = title;
  }

  ResultTable add(String key, String what, double value, String unit, String yardstick) {
    rows.add(new Row(key, what, value, unit, yardstick));
    return this;
  }

  /** Begins a part of the table; JSON has none. */
  ResultTable heading(String text) {
    rows.add(new Row("", text, 0, "", ""));
    return this;
  }

  ResultTable add(String key, String what, double value, String unit) {
    return add(key, what, value, unit, "");
  }

  /**
   * Adds p50, p99 and p99.9 in microseconds.
   *
   * @param nanos durations in nanoseconds
   * @param yardsticks beside each of them, as many as there are
   */
  ResultTable percentiles(String key, String what, Histogram nanos, String... yardsticks) {
    for (int i = 0; i < PERCENTILES.size(); i++) {
      Percentile percentile = PERCENTILES.get(i);
      add(
          key + "_" + percentile.suffix() + "_us",
          what + ", " + percentile.label(),
          nanos.getValueAtPercentile(percentile.percent()) / NANOS_PER_MICRO,
          "µs",
          i < yardsticks.length ? yardsticks[i] : "");
    }
    return this;
  }

  /** Says under the table how the figures came about. */
  ResultTable note(String note) {
    notes.add(note);
    return this;
  }

  String toText(Machine machine) {
    int whatWidth =
        rows.stream()
            .filter(row -> !row.isHeading())
            .mapToInt(row -> row.what().length())
            .max()
            .orElse(0);
    StringBuilder text =
        new StringBuilder(title).append('\n').append(machine.line()).append("\n\n");
    for (Row row : rows) {
      if (row.isHeading()) {
        text.append("\n  ").append(row.what()).append('\n');
        continue;
      }
      String line =
          String.format(
              Locale.ROOT,
              "  %-" + Math.max(1, whatWidth) + "s %14s %-6s %s",
              row.what(),
              number(row.value()),
              row.unit(),
              row.yardstick());
      text.append(line.stripTrailing()).append('\n');
    }
    if (!notes.isEmpty()) {
      text.append('\n');
      notes.forEach(note -> text.append("  ").append(note).append('\n'));
    }
    return text.toString();
  }

  JsonObject toJson(Machine machine) {
    JsonObject figures = new JsonObject();
    JsonObject yardsticks = new JsonObject();
    for (Row row : rows) {
      if (row.isHeading()) {
        continue;
      }
      figures.put(row.key(), row.value());
      if (!row.yardstick().isEmpty()) {
        yardsticks.put(row.key(), row.yardstick());
      }
    }
    return new JsonObject()
        .put("benchmark", title)
        .put("machine", machine.toJson())
        .put("figures", figures)
        .put("yardsticks", yardsticks)
        .put("notes", new JsonArray(List.copyOf(notes)));
  }

  /** Prints it one way or the other. */
  void print(boolean json) {
    Machine machine = Machine.here();
    System.out.println(json ? toJson(machine).encode() : toText(machine));
  }

  /** Whole from a thousand up, else three digits behind the point at most. */
  static String number(double value) {
    if (value == Math.rint(value) || Math.abs(value) >= 1_000) {
      return String.format(Locale.ROOT, "%,d", Math.round(value));
    }
    return String.format(Locale.ROOT, Math.abs(value) >= 100 ? "%.1f" : "%.2f", value);
  }
}
