package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What was answered survives {@code kill -9}; what is under way survives {@code kill -TERM}. */
class CrashIT {
  private static final String FUNCTION = "/v1/tenants/acme/functions/fib";
  private static final byte[] ARGS = "{\"args\":[15]}".getBytes(StandardCharsets.UTF_8);
  private static final int RUNS = 1_000;

  private Path data;

  @BeforeEach
  void folder() throws Exception {
    data = Files.createTempDirectory("skep-crash");
  }

  @AfterEach
  void delete() {
    TestNode.delete(data);
  }

  private static void upload(Http operator) {
    assertThat(
            operator
                .post("/v1/tenants", "{\"id\":\"acme\",\"concurrency\":64,\"queueDepth\":2000}")
                .status())
        .isEqualTo(201);
    assertThat(operator.put(FUNCTION, Http.guest("wasm/fib.wasm")).status()).isEqualTo(201);
    assertThat(operator.send("POST", FUNCTION + "/invoke?export=fib", ARGS).status())
        .isEqualTo(200);
  }

  /** Every receipt in the ledger, by run, with how often it is there. */
  private static Map<String, Integer> ledger(Http operator) {
    Map<String, Integer> counts = new HashMap<>();
    String before = "";
    while (true) {
      JsonObject page = operator.get("/v1/tenants/acme/runs?limit=1000" + before).json();
      JsonArray runs = page.getJsonArray("runs");
      for (int i = 0; i < runs.size(); i++) {
        counts.merge(runs.getJsonObject(i).getString("id"), 1, Integer::sum);
      }
      if (!page.containsKey("next")) {
        return counts;
      }
      before = "&before=" + page.getString("next");
    }
  }

  @Test
  void everyAnsweredRunHasExactlyOneReceiptAfterAKill() throws Exception {
    ConcurrentLinkedQueue<String> answered = new ConcurrentLinkedQueue<>();
    try (ChildNode node = ChildNode.start(data)) {
      Http operator = node.operator();
      upload(operator);
      CountDownLatch half = new CountDownLatch(RUNS / 2);
      List<CompletableFuture<?>> sent = new ArrayList<>();
      for (int i = 0; i < RUNS; i++) {
        sent.add(
            operator
                .sendAsync("POST", FUNCTION + "/invoke?export=fib", ARGS)
                .handle((answer, failure) -> {
                  if (answer != null && answer.status() == 200) {
                    answered.add(answer.header("Skep-Run"));
                    half.countDown();
                  }
                  return null;
                }));
      }
      assertThat(half.await(1, TimeUnit.MINUTES)).isTrue();
      node.kill();
      CompletableFuture.allOf(sent.toArray(CompletableFuture[]::new)).join();
    }
    assertThat(answered).hasSizeGreaterThanOrEqualTo(RUNS / 2);

    try (ChildNode node = ChildNode.start(data)) {
      Http operator = node.operator();
      Awaitility.await()
          .atMost(Duration.ofMinutes(1))
          .untilAsserted(
              () -> assertThat(ledger(operator)).containsKeys(answered.toArray(String[]::new)));
      Map<String, Integer> counts = ledger(operator);
      assertThat(counts.values()).containsOnly(1);
      // Usage is summed from the same receipts: it must count each once too.
      assertThat(
              operator.get("/v1/tenants/acme/usage").json().getJsonObject("total").getLong("runs"))
          .isEqualTo(counts.size());
      // And the node still runs what was stored.
      assertThat(operator.send("POST", FUNCTION + "/invoke?export=fib", ARGS).status())
          .isEqualTo(200);
    }
  }

  @Test
  void aTerminatedNodeAnswersItsRunsFirst() throws Exception {
    Map<Integer, Integer> statuses = new ConcurrentHashMap<>();
    int runs = 200;
    try (ChildNode node = ChildNode.start(data)) {
      Http operator = node.operator();
      upload(operator);
      CountDownLatch some = new CountDownLatch(runs / 10);
      List<CompletableFuture<?>> sent = new ArrayList<>();
      for (int i = 0; i < runs; i++) {
        sent.add(
            operator
                .sendAsync(
                    "POST",
                    FUNCTION + "/invoke?export=fib",
                    "{\"args\":[22]}".getBytes(StandardCharsets.UTF_8))
                .thenAccept(answer -> {
                  statuses.merge(answer.status(), 1, Integer::sum);
                  some.countDown();
                }));
      }
      assertThat(some.await(1, TimeUnit.MINUTES)).isTrue();
      assertThat(node.terminate()).isIn(0, 143);
      // Every run that was sent has an answer: its result, or the refusal of a draining node.
      CompletableFuture.allOf(sent.toArray(CompletableFuture[]::new)).join();
      assertThat(node.output()).contains("stopping");
    }
    assertThat(statuses.keySet()).isSubsetOf(200, 503);
    assertThat(statuses.values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(runs);
  }
}
