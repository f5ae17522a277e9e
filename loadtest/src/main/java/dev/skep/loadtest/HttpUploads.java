package dev.skep.loadtest;

import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/** Mutated and random modules uploaded to a node of its own. */
final class HttpUploads {
  private static final String TENANT = "bench-uploads";

  /** A node checks two at once and lets 30 wait. */
  private static final int AT_ONCE = 16;

  private static final int FUNCTIONS = 500;
  private static final Duration PATIENCE = Duration.ofMinutes(60);
  private static final int SHOWN = 300;

  /** Memory may differ by as much as this from one reading to the next. */
  private static final double GROWTH = 1.05;

  private final int count;
  private final MutatedModules modules;
  private final Map<Integer, Integer> statuses = new TreeMap<>();
  private String firstFailure = "";

  HttpUploads(int count, long seed) {
    this.count = count;
    this.modules = new MutatedModules(seed);
  }

  /** Memory of the node once its garbage is gone. */
  private record Memory(double heap, double resident) {
    static Memory of(ChildNode node, NodeClient client) throws InterruptedException {
      for (int i = 0; i < 3; i++) {
        var _ = node.collectGarbage();
      }
      MetricSamples samples = client.metrics();
      return new Memory(samples.heapUsedBytes(), samples.processResidentBytes());
    }
  }

  /**
   * Whether all went as it must. The second half uploads what the first has, so that what grows
   * then is not the node's cache of compiled modules.
   */
  boolean measure(ResultTable table) throws IOException, InterruptedException {
    Progress.say("starting a node of its own");
    try (ChildNode node = ChildNode.start(1, null, ChildJvm.TOUCHED_HEAP, _ -> {});
        NodeClient client = new NodeClient(node.url(), node.token(), AT_ONCE)) {
      client.control(
          HttpMethod.POST,
          "/v1/tenants",
          new JsonObject().put("id", TENANT).put("functions", FUNCTIONS).toBuffer());
      int half = Math.max(1, count / 2);
      Progress progress = new Progress("uploaded", 2 * half);
      upload(client, half, progress);
      Memory before = Memory.of(node, client);
      upload(client, half, progress);
      Memory after = Memory.of(node, client);
      int failed = report(table, before, after);
      if (failed > 0) {
        System.err.println("first failure: " + firstFailure);
      }
      return failed == 0
          && after.heap() <= before.heap() * GROWTH
          && after.resident() <= before.resident() * GROWTH;
    }
  }

  private void upload(NodeClient client, int number, Progress progress) {
    NodeClient.await(
        client.each(number, AT_ONCE, i -> put(client, i).onComplete(_ -> progress.step())),
        PATIENCE);
  }

  private Future<?> put(NodeClient client, int i) {
    String path = "/v1/tenants/" + TENANT + "/functions/f-" + i % FUNCTIONS;
    return client
        .send(HttpMethod.PUT, path, Buffer.buffer(modules.at(i)))
        .map(answer -> {
          statuses.merge(answer.status(), 1, Integer::sum);
          if (answer.status() >= 500 && firstFailure.isEmpty()) {
            String text = answer.explained();
            firstFailure = "module " + i + ": " + text.substring(0, Math.min(SHOWN, text.length()));
          }
          return answer;
        });
  }

  private int report(ResultTable table, Memory before, Memory after) {
    int failed = 0;
    table.add("uploads", "modules uploaded over HTTP", count, "");
    for (Map.Entry<Integer, Integer> status : statuses.entrySet()) {
      table.add(
          "uploads_" + status.getKey(), "  answered " + status.getKey(), status.getValue(), "");
      failed += status.getKey() >= 500 ? status.getValue() : 0;
    }
    table
        .add("uploads_failed", "  answered 5xx", failed, "", "must be 0")
        .add("node_heap_before", "  node's heap after half", before.heap() / 1e6, "MB")
        .add(
            "node_heap_after",
            "  node's heap after all",
            after.heap() / 1e6,
            "MB",
            "at most 5 % above")
        .add("node_resident_before", "  node resident after half", before.resident() / 1e6, "MB")
        .add(
            "node_resident_after",
            "  node resident after all",
            after.resident() / 1e6,
            "MB",
            "at most 5 % above")
        .note("Over HTTP the second half uploads the first half's modules again.")
        .note("The node's JVM has a heap that is resident from the start.");
    return failed;
  }
}
