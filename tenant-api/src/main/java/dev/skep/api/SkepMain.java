package dev.skep.api;

import dev.skep.limits.StoreLimits;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolPlan;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/**
 * The command line: {@code skep serve}, {@code skep demo}, {@code skep check}, {@code skep deploy}
 * and {@code skep pool plan}.
 */
@Command(
    name = "skep",
    mixinStandardHelpOptions = true,
    version = "skep " + Node.VERSION,
    description = "A multi-tenant WebAssembly service.",
    subcommands = {
      SkepMain.Serve.class,
      SkepMain.Demo.class,
      SkepMain.Check.class,
      DeployCommand.class,
      SkepMain.Pool.class
    })
public final class SkepMain implements Runnable {
  private final Map<String, String> environment;

  private SkepMain(Map<String, String> environment) {
    this.environment = environment;
  }

  /** What configures whatever is run. */
  Map<String, String> environment() {
    return environment;
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

  /** {@code skep check}. */
  @Command(
      name = "check",
      mixinStandardHelpOptions = true,
      description = {
        "Says what the service would say to a module, without a service: limits, imports, exports,"
            + " and what dry runs of its exports cost.",
        "Exits with 0 if it would be accepted, 1 if refused, 2 if it was not asked right."
      })
  static final class Check implements Callable<Integer> {
    @ParentCommand private @Nullable SkepMain skep;

    @Spec private @Nullable CommandSpec spec;

    @Parameters(paramLabel = "FILE.wasm", description = "The module.")
    private @Nullable Path file;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Option(
        names = "--call",
        paramLabel = "EXPORT",
        description = "Run this export only; _start for a command.")
    private @Nullable String call;

    @Option(
        names = "--args",
        paramLabel = "ARG",
        arity = "1..*",
        description = "Its arguments: numbers, or a command's arguments.")
    private List<String> args = List.of();

    @Option(
        names = "--input",
        paramLabel = "FILE",
        description = "Call it with these bytes; or a command's standard input.")
    private @Nullable Path input;

    @Option(
        names = "--fuel",
        paramLabel = "N",
        description = "Most fuel of a dry run; ${DEFAULT-VALUE} unless given.")
    private long fuel = ModuleCheck.DEFAULT_FUEL;

    @Override
    public Integer call() throws Exception {
      CommandLine line = Objects.requireNonNull(spec).commandLine();
      Path module = Objects.requireNonNull(file);
      if (fuel < 1 || fuel > StoreLimits.MAX_FUEL) {
        throw new ParameterException(
            line, "--fuel is " + fuel + "; it must be from 1 to " + StoreLimits.MAX_FUEL);
      }
      if (call == null && !args.isEmpty()) {
        throw new ParameterException(line, "--args needs --call, which says whose they are");
      }
      ModuleCheck.Request request =
          new ModuleCheck.Request(call, args, input == null ? null : read(line, input), fuel);
      byte[] bytes = read(line, module);
      PoolConfig pool = NodeConfig.of(Objects.requireNonNull(skep).environment).pool();
      CheckReport report;
      try {
        report = onDeepStack(() -> ModuleCheck.of(pool, bytes, request));
      } catch (ProblemException e) {
        throw new ParameterException(line, e.problem().detail(), e);
      }
      String name = module.toString();
      line.getOut()
          .print(
              json
                  ? SafeJson.text(CheckPage.json(name, report).encodePrettily()) + "\n"
                  : CheckPage.text(name, report));
      line.getOut().flush();
      return report instanceof CheckReport.Accepted ? 0 : 1;
    }

    private static byte[] read(CommandLine line, Path file) {
      try {
        return Files.readAllBytes(file);
      } catch (IOException e) {
        throw new ParameterException(line, file + " cannot be read: " + e, e);
      }
    }

    private static CheckReport onDeepStack(Callable<CheckReport> work) throws Exception {
      FutureTask<CheckReport> task = new FutureTask<>(work);
      Thread thread = new Thread(null, task, "skep-check", ModuleCheck.STACK_BYTES);
      thread.start();
      try {
        return task.get();
      } catch (ExecutionException e) {
        throw e.getCause() instanceof Exception cause ? cause : e;
      }
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
