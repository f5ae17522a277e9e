package dev.skep.loadtest;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A node in a JVM of its own, with this one's class path and flags and a data directory that goes
 * with it.
 */
final class ChildNode implements AutoCloseable {
  private static final int START_SECONDS = 120;
  private static final int STOP_SECONDS = 60;
  private static final int POLL_MILLIS = 200;

  /** Beyond the instances held: what the load adds, some for each function and connection. */
  private static final int SPARE_SLOTS = 4_096;

  /** Beneath the folder that goes with it, beside the node's log. */
  private static final String DATA = "data";

  private final ProcessBuilder builder;
  private final Path dataDir;
  private final URI url;
  private final String token;
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile Process process;

  private ChildNode(ProcessBuilder builder, Path dataDir, URI url, String token)
      throws IOException {
    this.builder = builder;
    this.process = builder.start();
    this.dataDir = dataDir;
    this.url = url;
    this.token = token;
  }

  /** Starts a node that can hold {@code live} instances, and waits until it is ready. */
  static ChildNode start(int live) throws IOException, InterruptedException {
    return start(live, _ -> {});
  }

  /**
   * The same.
   *
   * @param prepared gets the node's data directory, which is empty, before the node starts
   */
  static ChildNode start(int live, Consumer<Path> prepared)
      throws IOException, InterruptedException {
    return start(live, null, List.of(), prepared);
  }

  /**
   * The same.
   *
   * @param beneath the folder in which its data directory is made, and goes with it; null for the
   *     one for temporary files
   * @param flags more of them for the node's JVM, which win over those of this one
   */
  static ChildNode start(
      int live, @Nullable Path beneath, List<String> flags, Consumer<Path> prepared)
      throws IOException, InterruptedException {
    Path dataDir =
        beneath == null
            ? Files.createTempDirectory("skep-bench-")
            : Files.createTempDirectory(beneath, "skep-bench-");
    prepared.accept(dataDir.resolve(DATA));
    int port = freePort();
    String token = "bench-" + UUID.randomUUID();
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(flags);
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "dev.skep.api.SkepMain", "serve"));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
            .redirectOutput(ProcessBuilder.Redirect.appendTo(dataDir.resolve("node.log").toFile()));
    builder.environment().put("SKEP_PORT", Integer.toString(port));
    builder.environment().put("SKEP_HOST", "127.0.0.1");
    builder.environment().put("SKEP_DATA_DIR", dataDir.resolve(DATA).toString());
    builder.environment().put("SKEP_OPERATOR_TOKEN", token);
    builder.environment().remove("SKEP_DATABASE_URL");
    // Minutes of a processor, in which whatever is measured would share.
    builder.environment().put("SKEP_TIER_2_QUICKEN", "off");
    builder
        .environment()
        .put("SKEP_INSTANCES", Integer.toString(Math.max(16_384, live + SPARE_SLOTS)));
    ChildNode node = new ChildNode(builder, dataDir, URI.create("http://127.0.0.1:" + port), token);
    // A benchmark that is interrupted must not leave a node behind.
    Runtime.getRuntime().addShutdownHook(new Thread(node::close, "skep-bench-node-end"));
    boolean ready = false;
    try {
      node.awaitReady();
      ready = true;
      return node;
    } finally {
      if (!ready) {
        node.close();
      }
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private void awaitReady() throws IOException, InterruptedException {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
    try (NodeClient client = new NodeClient(url, token, 1)) {
      while (!client.isReady()) {
        if (!process.isAlive() || System.nanoTime() - deadlineNanos > 0) {
          throw new IOException("the node did not start; its log:\n" + log());
        }
        Thread.sleep(POLL_MILLIS);
      }
    }
  }

  /**
   * Stops the node in order, and starts it again on its data; it has forgotten what it held in
   * memory.
   *
   * @param between gets the data directory while no node runs
   */
  void restart(Consumer<Path> between) throws IOException, InterruptedException {
    stop();
    between.accept(dataDir.resolve(DATA));
    process = builder.start();
    awaitReady();
  }

  URI url() {
    return url;
  }

  String token() {
    return token;
  }

  /** What the node has printed. */
  String log() throws IOException {
    return Files.readString(dataDir.resolve("node.log"));
  }

  /**
   * Has the node's JVM collect its garbage, so that memory figures are of what it holds.
   *
   * @return false if the JDK's {@code jcmd} could not do it
   */
  boolean collectGarbage() throws InterruptedException {
    try {
      Process jcmd =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                  Long.toString(process.pid()),
                  "GC.run")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return jcmd.waitFor(60, TimeUnit.SECONDS) && jcmd.exitValue() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    try {
      stop();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    deleteData();
  }

  private void stop() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
      System.err.println("the node did not stop in " + STOP_SECONDS + " s and is killed");
      process.destroyForcibly();
      process.waitFor(STOP_SECONDS, TimeUnit.SECONDS);
    }
  }

  private void deleteData() {
    try (Stream<Path> files = Files.walk(dataDir)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException | UncheckedIOException e) {
      System.err.println("could not delete all of " + dataDir + ": " + e.getMessage());
    }
  }
}
