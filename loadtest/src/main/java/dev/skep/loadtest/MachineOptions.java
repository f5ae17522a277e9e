package dev.skep.loadtest;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the benches that run guests as machine code. */
final class MachineOptions {
  @Option(
      names = "--tier",
      defaultValue = "1",
      description = "1, or 2 for machine code; default ${DEFAULT-VALUE}.")
  private int tier = 1;

  @Option(
      names = "--compiler-code",
      description =
          "File for the compiler's own machine code: made if it is not there, which takes some"
              + " minutes once. Without it the JVM runs the compiler, ten times as slowly.")
  private @Nullable Path compilerCode;

  boolean isTierTwo() {
    if (tier < 1 || tier > 2) {
      throw new IllegalArgumentException("--tier is " + tier + "; it must be 1 or 2");
    }
    return tier == 2;
  }

  @Nullable Path compilerCode() {
    return compilerCode;
  }
}
