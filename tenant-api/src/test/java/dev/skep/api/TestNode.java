package dev.skep.api;

import dev.skep.pool.PoolConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Stream;

/** One real node for all tests of this JVM, with its own database in a temporary folder. */
final class TestNode {
  static final String OPERATOR = "operator-token-of-the-tests";

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
