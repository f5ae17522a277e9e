package dev.skep.loadtest;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code ./skep bench}: measures a node, or its parts. */
@Command(
    name = "skep bench",
    mixinStandardHelpOptions = true,
    description = "Measures Skep. Without a subcommand it is `node`, which needs nothing running.",
    subcommands = {
      NodeBench.class,
      SlotBench.class,
      PoolBench.class,
      ImageBench.class,
      PlanBench.class,
      KernelBench.class,
      MachineBench.class,
      StoppingBench.class,
      ProgramBench.class,
      UploadBench.class,
      ForgetBench.class,
      OversizedBench.class,
      OperatorBench.class,
      HostileBench.class,
      NeighbourBench.class,
      JmhBench.class
    })
public final class Bench implements Runnable {
  /** Read by the logging configuration, which is the node's. */
  private static final String LOG_LEVEL = "skep.log.level";

  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }

  /** Runs the command line, from the root of the repository, and exits with its code. */
  public static void main(String[] args) {
    // Before anything has a logger: what a bench prints is its result, and a node in this process
    // would tell of every module that it compiles.
    if (System.getProperty(LOG_LEVEL) == null) {
      System.setProperty(LOG_LEVEL, "WARN");
    }
    int code =
        new CommandLine(new Bench())
            .setExecutionExceptionHandler((failure, line, _) -> {
              line.getErr().println("skep bench: " + failure);
              for (Throwable t = failure.getCause(); t != null; t = t.getCause()) {
                line.getErr().println("  because: " + t);
              }
              return 1;
            })
            .execute(withSubcommand(args));
    System.exit(code);
  }

  /** Options alone are options of {@code node}. */
  static String[] withSubcommand(String[] args) {
    boolean help = args.length > 0 && List.of("-h", "--help", "-V", "--version").contains(args[0]);
    if (help || (args.length > 0 && !args[0].startsWith("-"))) {
      return args;
    }
    List<String> full = new ArrayList<>(List.of("node"));
    full.addAll(Arrays.asList(args));
    return full.toArray(new String[0]);
  }
}
