package dev.skep.loadtest;

import dev.skep.loadtest.machine.NodeCompilerCode;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * The first request of functions that are stored with their machine code, on a node that runs but
 * has none of them in memory.
 *
 * <pre>
 *   deploy, wait for machine code
 *     ─▶ restart without the node's own copies ─▶ warm up ─▶ first requests: from PostgreSQL
 *     ─▶ restart with them                     ─▶ warm up ─▶ first requests: from the disk
 *                                                         ─▶ first requests of a tenant on tier 1
 * </pre>
 *
 * <p>A restart forgets all that a node holds in memory, and leaves it cold besides. So the first
 * requests of other functions go before: then the JVM has compiled itself, and connections are
 * open, as on a node that has been running. Each function is measured once, one at a time.
 */
final class FirstRequestTrial {
  private static final String FREE = "bench-first";
  private static final String HELD = "bench-first-held";

  private static final int TIER_1 = 1;
  private static final int TIER_2 = 2;

  /** A module that is compiled to classes takes hundreds of milliseconds. */
  private static final int MOST_ON_TIER_1 = 50;

  private static final int UPLOADS_AT_ONCE = 4;
  private static final int WAIT_NATIVE_SECONDS = 600;
  private static final Duration PATIENCE = Duration.ofMinutes(60);

  private final int count;
  private final @Nullable Path compilerCode;
  private long wrong;

  /**
   * @param count of functions measured, of each kind of guest
   * @param compilerCode a file with the compiler's own machine code; null to have the JVM run it
   */
  FirstRequestTrial(int count, @Nullable Path compilerCode) {
    if (count < 1) {
      throw new IllegalArgumentException("functions are " + count + "; they must be positive");
    }
    this.count = count;
    this.compilerCode = compilerCode;
  }

  /** What the first requests of one kind came to. */
  private record Figures(
      Histogram nanos, Histogram guestNanos, MetricSamples before, MetricSamples after) {
    /** What a histogram of the node has grown by, for each request, in microseconds. */
    double micros(String metric, String label) {
      double seconds = after.sum(metric + "_sum", label) - before.sum(metric + "_sum", label);
      double times = after.sum(metric + "_count", label) - before.sum(metric + "_count", label);
      return seconds / Math.max(1, times) * 1e6;
    }

    double grown(String metric, String label) {
      return after.sum(metric, label) - before.sum(metric, label);
    }
  }

  /** Whether all answers were right, and everything came from where it should. */
  boolean run(ResultTable table) throws IOException, InterruptedException {
    Progress.say("starting a node of its own");
    try (ChildNode node = ChildNode.start(1, this::giveCompiler)) {
      onNode(node, this::deploy);
      node.restart(data -> {
        forgetArtifacts(data.resolve(NodeCompilerCode.ARTIFACTS));
        giveCompiler(data);
      });
      onNode(node, client -> fromDatabase(table, client));
      node.restart(_ -> {});
      onNode(node, client -> fromDisk(table, client));
    }
    table.note(
        "First requests: one at a time over HTTP, each of another stored function, on a node that"
            + " has just run others; a receipt is on the disk before each is answered.");
    return wrong == 0;
  }

  private interface Step {
    void with(NodeClient client);
  }

  private static void onNode(ChildNode node, Step step) {
    try (NodeClient client = new NodeClient(node.url(), node.token(), UPLOADS_AT_ONCE)) {
      step.with(client);
    }
  }

  private void giveCompiler(Path data) {
    if (compilerCode != null) {
      NodeCompilerCode.give(compilerCode, data);
    }
  }

  private static void forgetArtifacts(Path artifacts) {
    try (Stream<Path> files = Files.list(artifacts)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ── What is stored ────────────────────────────────────────────────────────────────────────

  /** Those that warm up come first by their numbers, then those measured, then those on tier 1. */
  private int onTierOne(FirstRequestGuest guest) {
    return guest.warmUp() + count;
  }

  private int tierOneCount() {
    return Math.min(count, MOST_ON_TIER_1);
  }

  private void deploy(NodeClient client) {
    for (String tenant : List.of(FREE, HELD)) {
      client.control(
          HttpMethod.POST,
          "/v1/tenants",
          new JsonObject().put("id", tenant).put("functions", 10_000).toBuffer());
    }
    client.control(HttpMethod.POST, "/v1/tenants/" + HELD + "/hold", null);
    for (FirstRequestGuest guest : FirstRequestGuest.values()) {
      int free = guest.warmUp() + count;
      Progress progress = new Progress("stored of " + guest.what(), free + tierOneCount());
      NodeClient.await(
          client.each(
              free + tierOneCount(),
              UPLOADS_AT_ONCE,
              number ->
                  upload(client, guest, number < free ? FREE : HELD, number)
                      .onSuccess(_ -> progress.step())),
          PATIENCE);
    }
  }

  private static String path(FirstRequestGuest guest, String tenant, int number) {
    return "/v1/tenants/" + tenant + "/functions/" + guest.key() + "-" + number;
  }

  private static Future<Void> upload(
      NodeClient client, FirstRequestGuest guest, String tenant, int number) {
    boolean waits = tenant.equals(FREE);
    String path = path(guest, tenant, number);
    return client
        .send(
            HttpMethod.PUT,
            waits ? path + "?wait-native=" + WAIT_NATIVE_SECONDS : path,
            Buffer.buffer(guest.module(number)))
        .map(answer -> {
          boolean stored =
              answer.isOk()
                  && (!waits || answer.body().toJsonObject().getInteger("tier") == TIER_2);
          if (!stored) {
            throw new IllegalStateException("PUT " + path + " answered " + answer.explained());
          }
          return null;
        });
  }

  // ── First requests ────────────────────────────────────────────────────────────────────────

  private void fromDatabase(ResultTable table, NodeClient client) {
    for (FirstRequestGuest guest : FirstRequestGuest.values()) {
      Figures figures = firstOnTierTwo(client, guest);
      report(table, guest, "database", "artifact in PostgreSQL", figures, "under 5 ms");
      cameFrom(figures, "miss");
    }
  }

  private void fromDisk(ResultTable table, NodeClient client) {
    for (FirstRequestGuest guest : FirstRequestGuest.values()) {
      Figures figures = firstOnTierTwo(client, guest);
      report(table, guest, "disk", "artifact on the node's disk", figures, "under 1 ms");
      cameFrom(figures, "hit");
      Figures again = requests(client, guest, FREE, guest.warmUp(), count, TIER_2);
      table.percentiles(
          "first_" + guest.key() + "_again", "  the same functions again", again.nanos());
      Progress.say("first requests of " + guest.what() + " on tier 1");
      Figures held = requests(client, guest, HELD, onTierOne(guest), tierOneCount(), TIER_1);
      table.percentiles(
          "first_" + guest.key() + "_tier1", "  first requests on tier 1", held.nanos());
    }
  }

  private Figures firstOnTierTwo(NodeClient client, FirstRequestGuest guest) {
    Progress.say("first requests of " + guest.what());
    for (int round = 0; round < 2; round++) {
      var _ = requests(client, guest, FREE, 0, guest.warmUp(), TIER_2);
    }
    return requests(client, guest, FREE, guest.warmUp(), count, TIER_2);
  }

  /** Sends each of some functions one request. */
  private Figures requests(
      NodeClient client, FirstRequestGuest guest, String tenant, int from, int number, int tier) {
    MetricSamples before = client.metrics();
    Histogram nanos = Durations.create();
    Histogram guestNanos = Durations.create();
    Buffer body = guest.body();
    NodeClient.await(
        client.each(
            number,
            1,
            step -> {
              int which = from + step;
              String path = path(guest, tenant, which) + "/invoke?" + guest.query();
              long startNanos = System.nanoTime();
              return client
                  .send(HttpMethod.POST, path, body)
                  .onSuccess(answer -> {
                    Durations.record(nanos, System.nanoTime() - startNanos);
                    Durations.record(guestNanos, answer.guestNanos());
                    if (!guest.isRight(which, answer, tier)) {
                      wrong(path + " answered " + answer.explained() + ", tier " + answer.tier());
                    }
                  });
            }),
        PATIENCE);
    return new Figures(nanos, guestNanos, before, client.metrics());
  }

  private void wrong(String what) {
    if (wrong++ == 0) {
      System.err.println("first wrong answer: " + what);
    }
  }

  /** Holds against the node's own count where its machine code came from. */
  private void cameFrom(Figures figures, String result) {
    double reads = figures.grown("skep_artifact_cache_reads_total", "result=\"" + result + "\"");
    if (reads != count) {
      wrong(count + " first requests had " + reads + " reads of the disk that were a " + result);
    }
  }

  private static void report(
      ResultTable table,
      FirstRequestGuest guest,
      String from,
      String where,
      Figures figures,
      String reach) {
    String key = "first_" + guest.key() + "_" + from;
    table
        .percentiles(
            key, "first request of " + guest.what() + ", " + where, figures.nanos(), reach, reach)
        .add(
            key + "_node_mean_us",
            "  in the node, from the request's head to the answer's end, mean",
            figures.micros("skep_http_request_seconds", "invoke"),
            "µs")
        .add(
            key + "_receipt_mean_us",
            "    of that the receipt's way to the disk",
            figures.micros("skep_receipt_wait_seconds", ""),
            "µs")
        .add(
            key + "_guest_p50_us",
            "    of that the guest, p50",
            figures.guestNanos().getValueAtPercentile(50) / 1e3,
            "µs");
  }
}
