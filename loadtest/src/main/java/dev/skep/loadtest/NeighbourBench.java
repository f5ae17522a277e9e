package dev.skep.loadtest;

import dev.skep.loadtest.machine.NodeCompilerCode;
import dev.skep.pool.Backstage;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What a tenant notices of hostile neighbours: its latencies at some 30 % load, alone, beside
 * processors that are merely busy, and beside the hostile corpus, on a node of its own, in turn.
 */
@Command(
    name = "neighbours",
    mixinStandardHelpOptions = true,
    description = "Measures a steady tenant alone and beside tenants that attack, over HTTP.")
final class NeighbourBench implements Callable<Integer> {
  private static final int CALIBRATION_CALLERS = 16;
  private static final Duration WARM_UP = Duration.ofSeconds(5);

  /** A calibration that is no better than the best by more than this ends them. */
  private static final double SETTLED = 1.1;

  private static final int MOST_CALIBRATIONS = 8;

  /** Less than the client's patience with a request. */
  private static final String WAIT_NATIVE = "?wait-native=20";

  private static final double P99 = 99;
  private static final String TENANT = "/v1/tenants/steady";
  private static final String FUNCTION = TENANT + "/functions/orders";

  /**
   * Of the steady tenant's client, several times what it needs. With many more a client that has
   * waited opens hundreds at once, and what that takes is all that is seen.
   */
  private static final int CONNECTIONS = 64;

  @Option(names = "--rounds", defaultValue = "5", description = "Alone and beside, in turn, 5.")
  private int rounds;

  @Option(names = "--seconds", defaultValue = "10", description = "Of each, 10.")
  private int seconds;

  @Option(names = "--load", defaultValue = "0.3", description = "Part of what saturates, 0.3.")
  private double load;

  @Option(
      names = "--per-second",
      description = "The steady tenant's requests a second, whatever saturates it; for comparing.")
  private @Nullable Integer perSecondGiven;

  @Option(names = "--tier", defaultValue = "2", description = "That the steady tenant runs on, 2.")
  private int tier;

  @Option(
      names = "--compiler-code",
      paramLabel = "FILE",
      description =
          "The compiler's own machine code, so that the node compiles to machine code as one does"
              + " that has been running; made there if it is not there.")
  private @Nullable Path compilerCode;

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      description =
          "Where the node keeps its data; the folder for temporary files. One in memory, as"
              + " /dev/shm, shows what is not the disk's.")
  private @Nullable Path data;

  @Option(names = "--tenants", defaultValue = "4", description = "Attackers, 4.")
  private int tenants;

  @Option(names = "--attacks", defaultValue = "8", description = "Attacks at a time, 8.")
  private int attacks;

  @Option(
      names = "--fuel",
      defaultValue = "100000000",
      description = "Fuel of an attack that ends by fuel, 100000000.")
  private long fuel;

  @Option(names = "--only", defaultValue = "", description = "Only kinds that begin with this.")
  private String only = "";

  @Option(names = "--seed", defaultValue = "1", description = "Of the attacks' order, 1.")
  private long seed;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private final Buffer order = Buffer.buffer(Guests.bytes(Guests.ORDER));
  private final Histogram alone = Durations.create();
  private final Histogram busy = Durations.create();
  private final Histogram beside = Durations.create();
  private long wrong;
  private String firstWrong = "";

  @Override
  public Integer call() throws Exception {
    if (rounds < 1 || seconds < 1 || tenants < 1 || attacks < 1 || fuel < 1) {
      throw new IllegalArgumentException("counts must be positive");
    }
    if (!(load > 0 && load < 1)) {
      throw new IllegalArgumentException("--load is " + load + "; it must be between 0 and 1");
    }
    if (perSecondGiven != null && perSecondGiven < 1) {
      throw new IllegalArgumentException(
          "--per-second is " + perSecondGiven + "; it must be positive");
    }
    if (tier != 1 && tier != 2) {
      throw new IllegalArgumentException("--tier is " + tier + "; it can be 1 or 2");
    }
    // The JVM compiles what measures, too.
    Backstage.enterCompilers();
    Progress.say("starting a node of its own");
    try (ChildNode node = ChildNode.start(1, data, List.of(), this::giveCompiler);
        NodeClient steady = new NodeClient(node.url(), node.token(), CONNECTIONS);
        AttackerProcess attackers =
            AttackerProcess.start(node.url(), node.token(), only, tenants, attacks, fuel, seed)) {
      return measure(steady, attackers);
    }
  }

  private void giveCompiler(Path nodeData) {
    if (compilerCode != null) {
      NodeCompilerCode.give(compilerCode, nodeData);
    }
  }

  /** Has the steady tenant's function on its tier before anything is measured. */
  private void deploy(NodeClient steady) {
    var _ =
        steady.control(
            HttpMethod.POST, "/v1/tenants", new JsonObject().put("id", "steady").toBuffer());
    Buffer module = Buffer.buffer(Guests.bytes(Guests.TRANSFORM));
    if (tier == 1) {
      var _ = steady.control(HttpMethod.PUT, FUNCTION, module);
      var _ =
          steady.control(
              HttpMethod.PATCH, FUNCTION, new JsonObject().put("heldToTier1", true).toBuffer());
      return;
    }
    Progress.say("waiting for the steady tenant's machine code");
    JsonObject answer;
    do {
      answer = steady.control(HttpMethod.PUT, FUNCTION + WAIT_NATIVE, module);
    } while (List.of("queued", "compiling")
        .contains(answer.getJsonObject("machineCode").getString("state")));
    if (answer.getInteger("tier") != tier) {
      throw new IllegalStateException("it is not machine code: " + answer.encode());
    }
  }

  private int measure(NodeClient steady, AttackerProcess attackers) throws IOException {
    deploy(steady);
    Progress.say("warming up: every kind of attack once");
    attackers.warmUp();
    double saturated = calibrate(steady);
    double perSecond = perSecondGiven != null ? perSecondGiven : saturated * load;
    double[] ratios = new double[rounds];
    double[] alonePerRound = new double[rounds];
    for (int i = 0; i < rounds; i++) {
      // Receipts of what was before are still written, and code is still compiled.
      Progress.say("settling");
      var _ = round(steady, perSecond);
      Progress.say("round " + (i + 1) + " of " + rounds + ": alone");
      Histogram before = round(steady, perSecond);
      alone.add(before);
      Progress.say("round " + (i + 1) + " of " + rounds + ": beside busy processors");
      Histogram control;
      try (BusyProcessors _ = BusyProcessors.start()) {
        control = round(steady, perSecond);
      }
      busy.add(control);
      Progress.say("round " + (i + 1) + " of " + rounds + ": beside");
      attackers.begin();
      Histogram after = round(steady, perSecond);
      attackers.stop();
      beside.add(after);
      ratios[i] = ratio(before, after, P99);
      alonePerRound[i] = before.getValueAtPercentile(P99);
      Progress.say(
          String.format(
              Locale.ROOT,
              "  p99 alone %.1f ms, beside busy processors %.1f ms, beside %.1f ms",
              before.getValueAtPercentile(P99) / 1e6,
              control.getValueAtPercentile(P99) / 1e6,
              after.getValueAtPercentile(P99) / 1e6));
    }
    Arrays.sort(alonePerRound);
    return report(
        saturated, perSecond, ratios, alonePerRound[rounds - 1] / alonePerRound[0], attackers);
  }

  private Future<NodeClient.Answer> invoke(NodeClient client) {
    return client.send(HttpMethod.POST, FUNCTION + "/invoke?export=transform&abi=bytes", order);
  }

  /**
   * What it can do at most, in runs a second: as often as it gets better, because a node that has
   * just been attacked in every way is still compiling itself and what it was sent.
   */
  private double calibrate(NodeClient client) {
    double best = 0;
    for (int i = 1; i <= MOST_CALIBRATIONS; i++) {
      Progress.say("saturating it, " + i);
      LoadRun run =
          new LoadRun(
              client, () -> invoke(client), new CheckedAnswers(Guests.bytes(Guests.ANSWER)));
      run.run(CALIBRATION_CALLERS, WARM_UP, Duration.ofSeconds(seconds));
      judge(run.checked());
      double found = run.httpNanos().getTotalCount() / (double) seconds;
      boolean settled = i > 1 && found < best * SETTLED;
      best = Math.max(best, found);
      if (settled) {
        break;
      }
    }
    return best;
  }

  private Histogram round(NodeClient client, double perSecond) {
    Histogram nanos = Durations.create();
    OpenLoad open =
        new OpenLoad(
            client, () -> invoke(client), new CheckedAnswers(Guests.bytes(Guests.ANSWER)), nanos);
    open.run(perSecond, Duration.ofSeconds(seconds));
    judge(open.checked());
    wrong += open.notSent();
    return nanos;
  }

  private void judge(CheckedAnswers checked) {
    wrong += checked.wrong();
    if (firstWrong.isEmpty()) {
      firstWrong = checked.firstWrong();
    }
  }

  private static double ratio(Histogram before, Histogram after, double percentile) {
    return after.getValueAtPercentile(percentile)
        / (double) Math.max(1, before.getValueAtPercentile(percentile));
  }

  /**
   * @param noise p99 of the worst round alone to that of the best: differences within it are of the
   *     machine
   */
  private int report(
      double saturated, double perSecond, double[] ratios, double noise, AttackerProcess attackers)
      throws IOException {
    AttackerProcess.Totals totals = attackers.totals();
    Arrays.sort(ratios);
    ResultTable table =
        new ResultTable("skep bench neighbours: " + rounds + " rounds of " + seconds + " s")
            .add("saturated_per_second", "steady tenant, saturated", saturated, "/s")
            .add("per_second", "  its rate here", perSecond, "/s")
            .percentiles("alone", "alone", alone)
            .percentiles("busy", "beside busy processors", busy)
            .percentiles("beside", "beside the corpus", beside)
            .add("alone_p99_spread", "alone, p99, worst round to best", noise, "×")
            .add("busy_p99_ratio", "busy to alone, p99", ratio(alone, busy, P99), "×")
            .add("to_busy_p99_ratio", "beside to busy, p99", ratio(busy, beside, P99), "×")
            .add("p50_ratio", "beside to alone, p50", ratio(alone, beside, 50), "×")
            .add(
                "p99_ratio", "beside to alone, p99", ratio(alone, beside, P99), "×", "at most 1.25")
            .add("p99_ratio_median", "  median of the rounds", ratios[ratios.length / 2], "×")
            .add("errors", "wrong answers to it", (double) wrong, "", "must be 0")
            .add("attacks", "attacks", (double) totals.attacks(), "")
            .add("different", "  not as declared", (double) totals.different(), "", "must be 0")
            .add("host_failures", "  answered 500", (double) totals.hostFailures(), "", "must be 0")
            .add("busy", "  turned away (429, 503)", (double) totals.busy(), "")
            .add("unanswered", "  not answered in time", (double) totals.unanswered(), "");
    notes(table);
    table.print(json);
    if (wrong > 0) {
      System.err.println("first wrong answer: " + firstWrong);
    }
    totals.differences().forEach(System.err::println);
    return wrong + totals.different() + totals.hostFailures() == 0 ? 0 : 1;
  }

  private void notes(ResultTable table) {
    table
        .note(
            "Open loop at "
                + (perSecondGiven != null
                    ? "the rate that was asked for"
                    : Math.round(load * 100) + " % of what saturates it")
                + "; it is saturated by "
                + CALIBRATION_CALLERS
                + " callers. Latencies count from when a request was due.")
        .note(
            "Busy: a process counts on every processor, as far behind as attackers, and asks the"
                + " node for nothing.")
        .note("It runs the 2 KB JSON policy of guests/, over HTTP, on tier " + tier + ".")
        .note(
            data == null
                ? "The node's database and receipts are on this machine's disk."
                : "The node's database and receipts are in " + data + ".")
        .note(
            tenants
                + " attackers upload and run hostile modules, "
                + attacks
                + " at a time, each new to the node; loops burn "
                + fuel
                + " units of fuel each.")
        .note("The clients run on the same machine and take their share of the cores.")
        .note("Attacks in the order of seed " + seed + ".");
  }
}
