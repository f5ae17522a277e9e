package dev.skep.api;

import static java.util.Locale.ROOT;

import dev.skep.pool.PoolPlan;
import dev.skep.pool.PoolPlan.Knob;
import dev.skep.pool.PoolPlan.Problem;
import dev.skep.pool.PoolPlan.Sum;
import dev.skep.pool.PoolPlan.Term;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.stream.Collectors;

/** A plan of the pool for people and for programs, with the names that the environment has. */
final class PoolPlanPage {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

  private PoolPlanPage() {}

  private static List<Sum> sums(PoolPlan plan) {
    return List.of(plan.addressSpace(), plan.mappings(), plan.heap(), plan.idle(), plan.worst());
  }

  // ── For people ────────────────────────────────────────────────────────────────────────────

  /** Every sum, line by line, and what it says. */
  static String text(PoolPlan plan) {
    StringBuilder page = new StringBuilder();
    for (Sum sum : sums(plan)) {
      page.append(sum.resource().title()).append('\n');
      for (Term term : sum.terms()) {
        line(page, sum, term.amount(), term.part().title(), term.because());
      }
      line(page, sum, sum.total(), "in all", verdict(sum));
      page.append('\n');
    }
    List<Problem> problems = plan.problems();
    if (problems.isEmpty()) {
      page.append("The pool fits.\n");
    }
    for (Problem problem : problems) {
      page.append("The pool does not fit: ").append(problem(problem)).append(".\n");
    }
    if (plan.isOvercommitted()) {
      page.append("Warning: ").append(warning(plan)).append(".\n");
    }
    return page.toString();
  }

  private static void line(StringBuilder page, Sum sum, long value, String what, String because) {
    page.append(String.format(ROOT, "  %12s  %-32s  %s%n", amount(sum, value), what, because));
  }

  private static String verdict(Sum sum) {
    if (sum.limit() == Long.MAX_VALUE) {
      return "of no known limit";
    }
    return (sum.fits() ? "within " : "MORE THAN ")
        + amount(sum, sum.limit())
        + ": "
        + sum.limitIs();
  }

  /** One problem: the sum, its limit, and what to turn. */
  static String problem(Problem problem) {
    Sum sum = problem.sum();
    return sum.resource().title()
        + ": "
        + amount(sum, sum.total())
        + " needed, "
        + amount(sum, sum.limit())
        + " is the limit ("
        + sum.limitIs()
        + "); "
        + problem.turn().stream().map(PoolPlanPage::advice).collect(Collectors.joining(", or "));
  }

  private static String warning(PoolPlan plan) {
    Sum worst = plan.worst();
    return "if all instances write all they may at once, memory comes to "
        + amount(worst, worst.total())
        + ", and there is "
        + amount(worst, worst.limit())
        + "; that is what tenants' ceilings are for";
  }

  private static String advice(Knob knob) {
    return switch (knob) {
      case JVM_HEAP -> "raise -Xmx in SKEP_JAVA_OPTS";
      case MAX_MAP_COUNT -> "raise it with sysctl";
      case ADDRESS_SPACE_LIMIT -> "raise the limit";
      case MACHINE_MEMORY -> "give it more memory";
      case CLASSES,
          INSTANCES,
          GUARD_BYTES,
          UNUSED_WARM_SLOTS,
          KEEP_RESIDENT_MEMORY,
          KEEP_RESIDENT_TABLE,
          IMAGE_MAPPINGS ->
          "lower " + setting(knob);
    };
  }

  /** What turns it. */
  static String setting(Knob knob) {
    return switch (knob) {
      case CLASSES -> "SKEP_SLOT_CLASSES";
      case INSTANCES -> "SKEP_INSTANCES";
      case GUARD_BYTES -> "SKEP_GUARD_BYTES";
      case UNUSED_WARM_SLOTS -> "SKEP_UNUSED_WARM_SLOTS";
      case KEEP_RESIDENT_MEMORY -> "SKEP_KEEP_RESIDENT_MEMORY";
      case KEEP_RESIDENT_TABLE -> "SKEP_KEEP_RESIDENT_TABLE";
      case IMAGE_MAPPINGS -> "SKEP_IMAGE_MAPPINGS";
      case JVM_HEAP -> "SKEP_JAVA_OPTS";
      case MAX_MAP_COUNT -> "vm.max_map_count";
      case ADDRESS_SPACE_LIMIT -> "ulimit -v";
      case MACHINE_MEMORY -> "memory";
    };
  }

  /** Bytes with three digits, mappings as they are. */
  static String amount(Sum sum, long value) {
    if (!sum.resource().isBytes()) {
      return String.format(ROOT, "%,d", value);
    }
    double scaled = value;
    int unit = 0;
    while (scaled >= 1_000 && unit < UNITS.length - 1) {
      scaled /= 1_024;
      unit++;
    }
    String number =
        unit == 0 || scaled >= 100
            ? String.format(ROOT, "%.0f", scaled)
            : String.format(ROOT, scaled >= 10 ? "%.1f" : "%.2f", scaled);
    return number + " " + UNITS[unit];
  }

  // ── For programs ──────────────────────────────────────────────────────────────────────────

  /** The same with exact numbers; a limit that is not known is left out. */
  static JsonObject json(PoolPlan plan) {
    JsonArray all = new JsonArray();
    sums(plan).forEach(sum -> all.add(json(sum)));
    JsonArray problems = new JsonArray();
    for (Problem problem : plan.problems()) {
      problems.add(
          new JsonObject()
              .put("resource", word(problem.resource()))
              .put("total", problem.sum().total())
              .put("limit", problem.sum().limit())
              .put(
                  "turn",
                  new JsonArray(problem.turn().stream().map(PoolPlanPage::setting).toList()))
              .put("message", problem(problem)));
    }
    return new JsonObject()
        .put("fits", problems.isEmpty())
        .put("overcommitted", plan.isOvercommitted())
        .put("sums", all)
        .put("problems", problems);
  }

  private static JsonObject json(Sum sum) {
    JsonArray terms = new JsonArray();
    for (Term term : sum.terms()) {
      terms.add(
          new JsonObject()
              .put("part", word(term.part()))
              .put("amount", term.amount())
              .put("because", term.because()));
    }
    JsonObject json =
        new JsonObject()
            .put("resource", word(sum.resource()))
            .put("unit", sum.resource().isBytes() ? "bytes" : "mappings")
            .put("terms", terms)
            .put("total", sum.total())
            .put("fits", sum.fits());
    if (sum.limit() != Long.MAX_VALUE) {
      json.put("limit", sum.limit()).put("limitIs", sum.limitIs());
    }
    return json;
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(ROOT);
  }
}
