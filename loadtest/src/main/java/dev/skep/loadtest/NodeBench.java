package dev.skep.loadtest;

import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Density, latency and throughput of a node over HTTP.
 *
 * <p>Stores so many functions, runs each once so that a warm instance of each is held in the slab,
 * runs some of them again at random, then loads one function and a hundred.
 */
@Command(
    name = "node",
    mixinStandardHelpOptions = true,
    description = "Holds thousands of live instances on a node and loads it, over HTTP.")
final class NodeBench implements Callable<Integer> {
  private static final URI USUAL = URI.create("http://127.0.0.1:8080");
  private static final int MANY = 100;
  private static final Duration WARM_UP = Duration.ofSeconds(5);

  @Option(
      names = "--url",
      description =
          "The node; without it "
              + "http://127.0.0.1:8080 or, if nothing answers there,"
              + " one of its own.")
  private @Nullable URI url;

  @Option(names = "--token", description = "The operator's token, else $SKEP_OPERATOR_TOKEN.")
  private @Nullable String token;

  @Option(names = "--live", defaultValue = "10000", description = "Instances to hold, 10000.")
  private int live;

  @Option(names = "--again", defaultValue = "1000", description = "How many to run again, 1000.")
  private int again;

  @Option(names = "--seconds", defaultValue = "10", description = "Time of each load, 10.")
  private int seconds;

  @Option(names = "--concurrency", defaultValue = "64", description = "Callers at once, 64.")
  private int concurrency;

  @Option(names = "--seed", description = "Of the choice of those run again.")
  private long seed = System.nanoTime();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private final Buffer order = Buffer.buffer(Guests.bytes(Guests.ORDER));
  private @Nullable ChildNode child;

  @Override
  public Integer call() throws Exception {
    if (live < 1 || again < 0 || seconds < 1 || concurrency < 1) {
      throw new IllegalArgumentException("counts must be positive");
    }
    if (url == null && !answers(USUAL)) {
      Progress.say("starting a node of its own");
      try (ChildNode node = ChildNode.start(live)) {
        child = node;
        return measure(node.url(), node.token());
      }
    }
    String operator = token != null ? token : System.getenv("SKEP_OPERATOR_TOKEN");
    if (operator == null) {
      throw new IllegalArgumentException(
          "a node answers at "
              + (url == null ? USUAL : url)
              + ": give its operator's token with --token or SKEP_OPERATOR_TOKEN");
    }
    return measure(url == null ? USUAL : url, operator);
  }

  private static boolean answers(URI node) throws Exception {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(node.getHost(), node.getPort()), 1_000);
      return true;
    } catch (ConnectException e) {
      return false;
    }
  }

  private int measure(URI node, String operator) throws InterruptedException {
    try (NodeClient client = new NodeClient(node, operator, concurrency)) {
      LiveFunctions functions = new LiveFunctions(client, live);
      MetricSamples before = settled(client);
      functions.create(new Progress("stored", live));

      CheckedAnswers first = new CheckedAnswers(Guests.bytes(Guests.ANSWER));
      Progress progress = new Progress("live", live);
      long startNanos = System.nanoTime();
      runEach(client, functions, live, i -> i, first, progress);
      double fillSeconds = (System.nanoTime() - startNanos) / 1e9;
      MetricSamples filled = settled(client);

      CheckedAnswers second = new CheckedAnswers(Guests.bytes(Guests.ANSWER));
      int[] chosen =
          new Random(seed).ints(0, live).distinct().limit(Math.min(again, live)).toArray();
      MetricSamples beforeAgain = client.metrics();
      runEach(
          client, functions, chosen.length, i -> chosen[i], second, new Progress("again", again));
      MetricSamples afterAgain = client.metrics();
      double hits = afterAgain.warmHits() - beforeAgain.warmHits();

      LoadRun one = load(client, functions, 1, "one function");
      LoadRun many = load(client, functions, Math.min(MANY, live), MANY + " functions");
      long wrong = first.wrong() + second.wrong() + one.checked().wrong() + many.checked().wrong();

      ResultTable table = new ResultTable("skep bench node: " + live + " live instances");
      density(table, before, filled, fillSeconds);
      table
          .add("again", "run again at random", chosen.length, "")
          .add("again_warm", "  of them on their warm instance", hits, "")
          .add("again_right", "  answered right", (double) second.right(), "");
      loadRows(table, "one", "one function", one);
      loadRows(table, "many", Math.min(MANY, live) + " functions", many);
      table.add("errors", "wrong answers, all phases", (double) wrong, "", "must be 0");
      notes(table);
      table.print(json);
      return verdict(filled.live(), wrong, first, second, one.checked(), many.checked());
    }
  }

  private int verdict(long held, long wrong, CheckedAnswers... phases) {
    for (CheckedAnswers phase : phases) {
      if (phase.wrong() > 0) {
        System.err.println("first wrong answer: " + phase.firstWrong());
      }
    }
    if (held < live) {
      System.err.println("only " + held + " instances are live of " + live);
    }
    return wrong == 0 && held >= live ? 0 : 1;
  }

  /** Metrics once the node's garbage is gone, where that can be had. */
  private MetricSamples settled(NodeClient client) throws InterruptedException {
    if (child != null && !child.collectGarbage()) {
      Progress.say("jcmd is missing: memory figures include garbage");
    }
    return client.metrics();
  }

  private interface Choice {
    int function(int step);
  }

  private void runEach(
      NodeClient client,
      LiveFunctions functions,
      int count,
      Choice choice,
      CheckedAnswers checked,
      Progress progress) {
    NodeClient.await(
        client.each(
            count,
            concurrency,
            step ->
                functions
                    .invoke(choice.function(step), order)
                    .<Void>transform(result -> {
                      checked.judge(result.result(), result.cause());
                      progress.step();
                      return Future.succeededFuture();
                    })),
        Duration.ofMinutes(30));
  }

  private LoadRun load(NodeClient client, LiveFunctions functions, int over, String what) {
    Progress.say("loading " + what + " for " + seconds + " s");
    int[] next = {0};
    LoadRun run =
        new LoadRun(
            client,
            () -> functions.invoke(next[0]++ % over, order),
            new CheckedAnswers(Guests.bytes(Guests.ANSWER)));
    run.run(concurrency, WARM_UP, Duration.ofSeconds(seconds));
    return run;
  }

  private void density(
      ResultTable table, MetricSamples before, MetricSamples filled, double fillSeconds) {
    long held = filled.live();
    double added = Math.max(1, held - before.live());
    table
        .add("live", "live instances held", (double) held, "", "Wasmtime 49 pooled stops at 21,155")
        .add("fill_seconds", "time to run each once", fillSeconds, "s")
        .add(
            "slab_bytes_each",
            "slab resident, each",
            filled.slabResidentBytes() / Math.max(1, held),
            "B")
        .add(
            "process_bytes_each",
            "process resident, each (growth)",
            (filled.processResidentBytes() - before.processResidentBytes()) / added,
            "B",
            "Wasmtime 49: 18,300 B")
        .add(
            "heap_bytes_each",
            "  of that, heap in use",
            (filled.heapUsedBytes() - before.heapUsedBytes()) / added,
            "B")
        .add(
            "process_mib",
            "process resident, all",
            filled.processResidentBytes() / (1 << 20),
            "MiB");
  }

  private void loadRows(ResultTable table, String key, String what, LoadRun run) {
    table
        .add(
            key + "_runs_per_second",
            what + ": runs a second",
            run.httpNanos().getTotalCount() / (double) seconds,
            "/s")
        .percentiles(key + "_http", what + ": HTTP", run.httpNanos())
        .percentiles(
            key + "_guest",
            what + ": guest alone",
            run.guestNanos(),
            "Wasmtime 49, fresh instance: 47 µs")
        .add(key + "_errors", what + ": wrong answers", (double) run.checked().wrong(), "");
  }

  private void notes(ResultTable table) {
    table
        .note(
            "Closed loop: "
                + concurrency
                + " callers on one event loop, each sends when its last is answered; a slow node is"
                + " asked less often.")
        .note("The client runs on the same machine and takes its share of the cores.")
        .note("Load is warmed up for " + WARM_UP.toSeconds() + " s before it is measured.")
        .note(
            "An idle instance has been reset: its pages are given back, and come again with its"
                + " image when it runs. ./skep bench slots holds instances that keep their state.")
        .note("Guest time is what the node reports of a run: wall clock, restoring the image too.")
        .note(
            child == null
                ? "The node was running before: its memory includes garbage not yet collected."
                : "The node's memory is read after a collection. Growth is since the node was"
                    + " fresh: storing, compiling and serving are in it.")
        .note("Chosen with seed " + seed + ".");
  }
}
