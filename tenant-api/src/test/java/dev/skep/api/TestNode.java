package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.PoolConfig;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** One real node for all tests of this JVM, with its own database in a temporary folder. */
final class TestNode {
  static final String OPERATOR = "operator-token-of-the-tests";

  private static final Duration CLIENT_WAIT = Duration.ofMinutes(2);

  /** What a large module may take on a busy machine, where the JVM runs the compiler. */
  private static final Duration COMPILE_PATIENCE = Duration.ofMinutes(15);

  private static final Node NODE = start();

  private TestNode() {}

  private static Node start() {
    try {
      Path data = Files.createTempDirectory("skep-test");
      NodeConfig config =
          NodeConfig.of(
              Map.of(
                  "SKEP_PORT",
                  "0",
                  "SKEP_DATA_DIR",
                  data.toString(),
                  "SKEP_OPERATOR_TOKEN",
                  OPERATOR,
                  "SKEP_TIER_2_QUICKEN",
                  "off",
                  "SKEP_MAX_BODY_BYTES",
                  "1048576",
                  "SKEP_INSTANCES",
                  Integer.toString(PoolConfig.DEFAULTS.instances() / 64)));
      Node node = Node.start(config, step -> {});
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(() -> {
                node.close();
                delete(data);
              }));
      return node;
    } catch (Exception e) {
      throw new IllegalStateException("the node does not start", e);
    }
  }

  static void delete(Path folder) {
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static Node node() {
    return NODE;
  }

  static Http operator() {
    return new Http(NODE.url(), OPERATOR);
  }

  /**
   * Uploads a module as a function whose runs are all of one tier: held to tier 1, or waited for
   * until it is machine code.
   *
   * @param path of the function
   * @param tier 1 or 2
   */
  static void deploy(Http client, String path, byte[] module, int tier) {
    Http.Answer uploaded = client.put(path, module);
    assertThat(uploaded.status()).as(uploaded.text()).isEqualTo(201);
    if (tier == 1) {
      assertThat(client.patch(path, "{\"heldToTier1\":true}").status()).isEqualTo(200);
      return;
    }
    // One wait may be no longer than the client's patience.
    String wait = path + "?wait-native=" + CLIENT_WAIT.toSeconds();
    long deadlineNanos = System.nanoTime() + COMPILE_PATIENCE.toNanos();
    JsonObject machineCode;
    do {
      machineCode = client.put(wait, module).json().getJsonObject("machineCode");
    } while (List.of("queued", "compiling").contains(machineCode.getString("state"))
        && System.nanoTime() < deadlineNanos);
    assertThat(machineCode.getString("state")).as(machineCode.encode()).isEqualTo("ready");
  }

  /** A new tenant, and a client with its token. */
  static Http tenant(String id) {
    Http operator = operator();
    Http.Answer created = operator.post("/v1/tenants", "{\"id\":\"" + id + "\"}");
    if (created.status() != 201) {
      throw new AssertionError(created.text());
    }
    String token = operator.post("/v1/tenants/" + id + "/tokens", "{}").json().getString("token");
    return operator.as(token);
  }
}
