package dev.skep.loadtest;

import java.util.concurrent.Callable;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Runs the JMH benchmarks of this module; their JVMs take this one's flags. */
@Command(
    name = "jmh",
    mixinStandardHelpOptions = true,
    description = "Runs the JMH benchmarks whose name matches.")
final class JmhBench implements Callable<Integer> {
  @Parameters(arity = "0..1", defaultValue = ".*", description = "Regular expression, else all.")
  private String regex = ".*";

  @Override
  public Integer call() throws RunnerException {
    var _ = new Runner(new OptionsBuilder().include(regex).shouldFailOnError(true).build()).run();
    return 0;
  }
}
