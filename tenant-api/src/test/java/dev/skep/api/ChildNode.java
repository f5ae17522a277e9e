package dev.skep.api;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** A node in a JVM of its own, so that it can be killed. */
final class ChildNode implements AutoCloseable {
  static final String OPERATOR = "operator-token-of-a-child";

  private final Process process;
  private final Path log;
  private final String url;

  private ChildNode(Process process, Path log, String url) {
    this.process = process;
    this.log = log;
    this.url = url;
  }

  /** Starts a node over a data folder, and waits until it is ready. */
  static ChildNode start(Path data) throws IOException {
    return start(data, Map.of());
  }

  /** The same, told more by its environment. */
  static ChildNode start(Path data, Map<String, String> environment) throws IOException {
    int port;
    try (ServerSocket probe = new ServerSocket(0)) {
      port = probe.getLocalPort();
    }
    Path log = Files.createTempFile("skep-child", ".log");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-XX:-DontCompileHugeMethods",
            "-cp",
            System.getProperty("java.class.path"),
            SkepMain.class.getName(),
            "serve"));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().put("SKEP_PORT", Integer.toString(port));
    builder.environment().put("SKEP_DATA_DIR", data.toString());
    builder.environment().put("SKEP_OPERATOR_TOKEN", OPERATOR);
    builder.environment().put("SKEP_INSTANCES", "256");
    builder.environment().put("SKEP_TIER_2_QUICKEN", "off");
    builder.environment().putAll(environment);
    ChildNode node = new ChildNode(builder.start(), log, "http://127.0.0.1:" + port);
    Awaitility.await()
        .atMost(Duration.ofMinutes(2))
        .ignoreExceptions()
        .until(() -> {
          if (!node.process.isAlive()) {
            throw new AssertionError("the node ended:\n" + node.output());
          }
          return node.operator().as(null).get("/readyz").status() == 200;
        });
    return node;
  }

  Http operator() {
    return new Http(url, OPERATOR);
  }

  String output() throws IOException {
    return Files.readString(log);
  }

  /** {@code kill -9}. */
  void kill() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor();
  }

  /** {@code kill -TERM}; answers the exit code. */
  int terminate() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(2, TimeUnit.MINUTES)) {
      throw new AssertionError("the node does not stop");
    }
    return process.exitValue();
  }

  @Override
  public void close() throws IOException {
    try {
      if (process.isAlive()) {
        terminate();
      }
    } catch (InterruptedException e) {
      throw new IOException("interrupted while a node stopped", e);
    }
    Files.deleteIfExists(log);
  }
}
