package dev.skep.api;

import dev.skep.pool.PoolPlan;
import java.io.PrintWriter;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** The command line: {@code skep serve}, {@code skep demo} and {@code skep pool plan}. */
@Command(
    name = "skep",
    mixinStandardHelpOptions = true,
    version = "skep " + Node.VERSION,
    description = "A multi-tenant WebAssembly service.",
    subcommands = {SkepMain.Serve.class, SkepMain.Demo.class, SkepMain.Pool.class})
public final class SkepMain implements Runnable {
  private final Map<String, String> environment;

  private SkepMain(Map<String, String> environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }

  /** Runs the command line and exits with its code. */
  public static void main(String[] args) {
    System.exit(commandLine(System.getenv()).execute(args));
  }

  /** The command line for an environment. */
  static CommandLine commandLine(Map<String, String> environment) {
    return new CommandLine(new SkepMain(environment))
        .setExecutionExceptionHandler((failure, line, _) -> {
          if (failure instanceof PoolDoesNotFitException pool) {
            line.getErr().print(PoolPlanPage.text(pool.plan()));
          }
          line.getErr().println("skep: " + reason(failure));
          return 1;
        });
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

  private Node start() throws Exception {
    NodeConfig config = NodeConfig.of(environment);
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
    @ParentCommand private @Nullable SkepMain skep;

    @Override
    public Integer call() throws Exception {
      Node node = Objects.requireNonNull(skep).start();
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
    @ParentCommand private @Nullable SkepMain skep;

    @Override
    public Integer call() throws Exception {
      Node node = Objects.requireNonNull(skep).start();
      announce(node);
      new Demonstration(node, System.out).run();
      System.out.println();
      System.out.println("The node keeps serving; Ctrl-C stops it.");
      System.out.flush();
      serveUntilStopped();
      return 0;
    }
  }

  /** {@code skep pool}. */
  @Command(
      name = "pool",
      mixinStandardHelpOptions = true,
      description = "Looks at the pool of a node that is configured as this environment says.",
      subcommands = Plan.class)
  static final class Pool implements Runnable {
    @ParentCommand private @Nullable SkepMain skep;

    @Spec private @Nullable CommandSpec spec;

    @Override
    public void run() {
      Objects.requireNonNull(spec).commandLine().usage(System.out);
    }
  }

  /** {@code skep pool plan}. */
  @Command(
      name = "plan",
      mixinStandardHelpOptions = true,
      description = {
        "Sums up what the pool takes of this machine, without reserving anything.",
        "Exits with 1 if it does not fit; a node would not start then."
      })
  static final class Plan implements Callable<Integer> {
    @ParentCommand private @Nullable Pool pool;

    @Spec private @Nullable CommandSpec spec;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    public Integer call() {
      SkepMain skep = Objects.requireNonNull(Objects.requireNonNull(pool).skep);
      PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
      NodeConfig config = NodeConfig.of(skep.environment);
      PoolPlan plan = config.poolPlan();
      if (json) {
        out.println(PoolPlanPage.json(plan).put("planned", !config.onDemand()).encodePrettily());
      } else {
        out.print(PoolPlanPage.text(plan));
        if (config.onDemand()) {
          out.println("SKEP_ALLOCATOR is on-demand: nothing of this is reserved.");
        }
      }
      out.flush();
      return config.onDemand() || plan.problems().isEmpty() ? 0 : 1;
    }
  }
}
