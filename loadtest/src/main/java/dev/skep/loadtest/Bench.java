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
      UploadBench.class,
      ForgetBench.class,
      OversizedBench.class,
