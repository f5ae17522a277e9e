package dev.skep.api;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line: {@code skep serve} and {@code skep demo}. */
@Command(
    name = "skep",
    mixinStandardHelpOptions = true,
    version = "skep " + Node.VERSION,
    description = "A multi-tenant WebAssembly service.",
    subcommands = {SkepMain.Serve.class, SkepMain.Demo.class})
public final class SkepMain implements Runnable {
  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }

  /** Runs the command line and exits with its code. */
  public static void main(String[] args) {
    int code =
        new CommandLine(new SkepMain())
            .setExecutionExceptionHandler((failure, line, _) -> {
              line.getErr().println("skep: " + reason(failure));
              return 1;
            })
            .execute(args);
    System.exit(code);
  }

  /** What went wrong, from the outermost message that says something to the innermost. */
  private static String reason(Throwable failure) {
    StringBuilder text = new StringBuilder();
    for (Throwable t = failure; t != null; t = t.getCause()) {
      String message = t.getMessage() == null ? t.getClass().getSimpleName() : t.getMessage();
      if (text.indexOf(message) < 0) {
        text.append(text.isEmpty() ? "" : ": ").append(message);
      }
    }
    return text.toString();
  }

  private static Node start() throws Exception {
    NodeConfig config = NodeConfig.of(System.getenv());
    Node node = Node.start(config, step -> System.out.println("  … " + step));
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  System.out.println("stopping: waiting for runs under way");
                  node.close();
                },
                "skep-shutdown"));
    return node;
  }

  /** The address, the token if it is new, and where to look. */
  private static void announce(Node node) {
    String url = node.url();
    System.out.println("Skep " + Node.VERSION + " serves at " + url);
    @Nullable String token = node.newOperatorToken();
    if (token != null) {
      System.out.println("  operator token   " + token + "   (shown only now: keep it)");
    }
    System.out.println("  console          " + url + "/console");
    System.out.println("  metrics          " + url + "/metrics");
    System.out.println("  API document     " + url + "/openapi.json");
    System.out.flush();
  }

  private static void serveUntilStopped() throws InterruptedException {
    // The shutdown hook ends the node, and the JVM with it.
    new CountDownLatch(1).await();
  }

  /** {@code skep serve}. */
  @Command(
      name = "serve",
      mixinStandardHelpOptions = true,
      description = "Starts a node and serves until it is stopped.")
  static final class Serve implements Callable<Integer> {
    @Override
    public Integer call() throws Exception {
      Node node = start();
      announce(node);
      serveUntilStopped();
      return 0;
    }
  }

  /** {@code skep demo}. */
  @Command(
      name = "demo",
      mixinStandardHelpOptions = true,
      description = "Starts a node, runs a guest on it, shows what it cost, and keeps serving.")
  static final class Demo implements Callable<Integer> {
    @Override
    public Integer call() throws Exception {
      Node node = start();
      announce(node);
      new Demonstration(node, System.out).run();
      System.out.println();
      System.out.println("The node keeps serving; Ctrl-C stops it.");
      System.out.flush();
      serveUntilStopped();
      return 0;
    }
  }
}
