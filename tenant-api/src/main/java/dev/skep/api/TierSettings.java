package dev.skep.api;

import dev.skep.api.NodeConfig.Variable;
import dev.skep.pool.CodeSpace;
import dev.skep.scheduler.NativeConfig;
import dev.skep.storage.ArtifactDirectory;
import java.time.Duration;
import java.util.List;

/**
 * What a node is told of machine code. Immutable.
 *
 * @param on whether it compiles and runs any; if not, all runs are held to tier 1
 * @param quickens whether it makes the compiler's own machine code, if nobody has
 * @param compiling bounds of the compiles
 * @param codeBytes machine code that may be mapped at once
 * @param cacheBytes of artifacts in the data directory
 */
record TierSettings(
    boolean on, boolean quickens, NativeConfig compiling, long codeBytes, long cacheBytes) {
  private static final NativeConfig DEFAULTS = NativeConfig.DEFAULTS;

  /** Artifacts on disk: some ten thousand small modules and the largest beside them. */
  private static final long DEFAULT_CACHE_BYTES = 2L << 30;

  private static final String ON = "on";

  static final List<Variable> VARIABLES =
      List.of(
          new Variable(
              "SKEP_TIER_2",
              ON,
              "whether functions in use are compiled to machine code: `on`, or `off` to hold the"
                  + " whole node to tier 1"),
          new Variable(
              "SKEP_TIER_2_COMPILERS",
              Integer.toString(DEFAULTS.compilers()),
              "threads that compile to machine code, at the lowest priority, 1 to 64"),
          new Variable(
              "SKEP_TIER_2_AFTER_RUNS",
              Long.toString(DEFAULTS.afterRuns()),
              "runs of a version on a node's tier 1 after which it is compiled to machine code, 1"
                  + " to 1000000000"),
          new Variable(
              "SKEP_TIER_2_AFTER_FUEL",
              Long.toString(DEFAULTS.afterFuel()),
              "fuel of such runs after which it is, if that comes first, 1 to 1000000000000000"),
          new Variable(
              "SKEP_TIER_2_LEASE_SECONDS",
              Long.toString(DEFAULTS.lease().toSeconds()),
              "how long a node that compiles may show no sign of life before another takes over, 1"
                  + " to 3600"),
          new Variable(
              "SKEP_TIER_2_CODE",
              Settings.inBytes(CodeSpace.DEFAULT_BYTES),
              "machine code that is mapped at once, 1MiB to 1TiB; what does not fit stays on tier"
                  + " 1"),
          new Variable(
              "SKEP_TIER_2_CACHE",
              Settings.inBytes(DEFAULT_CACHE_BYTES),
              "machine code kept in the data directory, 0 to 1TiB; what was used longest ago is"
                  + " fetched from the database again"),
          new Variable(
              "SKEP_TIER_2_QUICKEN",
              ON,
              "whether a node whose database does not have it makes the compiler's own machine"
                  + " code, which takes some minutes of one processor, at the lowest priority, and"
                  + " makes compiling ten times as fast: `on` or `off`"));

  static TierSettings of(Settings read) {
    return new TierSettings(
        isOn(read, "SKEP_TIER_2"),
        isOn(read, "SKEP_TIER_2_QUICKEN"),
        DEFAULTS
            .withCompilers(read.integer("SKEP_TIER_2_COMPILERS", DEFAULTS.compilers(), 1, 64))
            .withDemand(
                read.number("SKEP_TIER_2_AFTER_RUNS", DEFAULTS.afterRuns(), 1, 1_000_000_000),
                read.number(
                    "SKEP_TIER_2_AFTER_FUEL", DEFAULTS.afterFuel(), 1, 1_000_000_000_000_000L))
            .withLease(
                Duration.ofSeconds(
                    read.number(
                        "SKEP_TIER_2_LEASE_SECONDS", DEFAULTS.lease().toSeconds(), 1, 3_600))),
        read.bytes("SKEP_TIER_2_CODE", CodeSpace.DEFAULT_BYTES, 1 << 20, CodeSpace.MOST_BYTES),
        read.bytes("SKEP_TIER_2_CACHE", DEFAULT_CACHE_BYTES, 0, ArtifactDirectory.MOST_BYTES));
  }

  private static boolean isOn(Settings read, String name) {
    String value = read.text(name, ON);
    return switch (value) {
      case ON -> true;
      case "off" -> false;
      default ->
          throw new IllegalArgumentException(name + " is \"" + value + "\"; it must be on or off");
    };
  }
}
