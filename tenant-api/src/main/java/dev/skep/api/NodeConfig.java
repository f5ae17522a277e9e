package dev.skep.api;

import dev.skep.engine.EngineConfig;
import dev.skep.pool.HostFacts;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolPlan;
import dev.skep.pool.PoolPlan.Term;
import dev.skep.pool.PoolPlan.Term.Part;
import dev.skep.scheduler.SchedulerConfig;
import dev.skep.scheduler.TreeCache;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a node is told by its environment. Immutable. The reference page docs/configuration.md is
 * held against {@link #VARIABLES} by a test.
 *
 * @param host address to listen on
 * @param port to listen on, 0 for any free one
 * @param dataDir folder of the embedded database, its binaries and the receipt spool
 * @param databaseUrl of a PostgreSQL, or null for the embedded one
 * @param operatorToken given by the operator, or null to make one at first start
 * @param maxBodyBytes most bytes of a run's request body
 * @param treeCacheBytes heap for uploaded trees
 * @param scratchBytes heap for the scratch space of all runs together
 * @param scratchTenantPercent of that, the most for the runs of one tenant
 * @param compilerHeapBytes most heap of the process that checks and compiles modules
 * @param drainPatience how long a stopping node waits for its runs
 * @param pool the slab
 * @param onDemand whether instances get their memory from the kernel each time instead
 * @param scheduler workers and queues
 * @param tiers machine code
 */
public record NodeConfig(
    String host,
    int port,
    Path dataDir,
    @Nullable String databaseUrl,
    @Nullable String operatorToken,
    int maxBodyBytes,
    long treeCacheBytes,
    long scratchBytes,
    int scratchTenantPercent,
    long compilerHeapBytes,
    Duration drainPatience,
    PoolConfig pool,
    boolean onDemand,
    SchedulerConfig scheduler,
    TierSettings tiers) {

  /**
   * One setting.
   *
   * @param name of the environment variable
   * @param fallback what holds when it is not set, as the page shows it
   * @param meaning what it sets, with unit and range
   */
  public record Variable(String name, String fallback, String meaning) {}

  /** Modules of 16 MiB in all, each with some hundred times its bytes. */
  private static final long DEFAULT_COMPILER_HEAP_BYTES = 2L << 30;

  private static final List<Variable> OF_THE_NODE =
      List.of(
          new Variable("SKEP_HOST", "127.0.0.1", "address to listen on"),
          new Variable("SKEP_PORT", "8080", "port to listen on, 0 to 65535; 0 takes a free one"),
          new Variable(
              "SKEP_DATA_DIR", ".skep", "folder of the embedded database and the receipt spool"),
          new Variable(
              "SKEP_DATABASE_URL",
              "embedded PostgreSQL",
              "`postgres://user:password@host:port/database` or `jdbc:postgresql://…`"),
          new Variable(
              "SKEP_OPERATOR_TOKEN",
              "made at first start, shown once",
              "the operator's token, 16 to 256 printable characters"),
          new Variable(
              "SKEP_MAX_BODY_BYTES",
              "8388608",
              "most bytes of a run's request body, 1 to 1073741824"),
          new Variable(
              "SKEP_TREE_CACHE",
              "256MiB",
              "heap for the uploaded trees of functions, 64MiB to 1TiB; those used least are"
                  + " read from the database again"),
          new Variable(
              "SKEP_SCRATCH",
              "256MiB",
              "heap for the scratch space of all runs together, 0 to 1TiB; a guest that wants more"
                  + " is told that there is no space"),
          new Variable(
              "SKEP_SCRATCH_TENANT_PERCENT",
              Integer.toString(EngineConfig.DEFAULT_SCRATCH_TENANT_PERCENT),
              "of that, what the runs of one tenant take together at most, 1 to 100; a tenant that"
                  + " has taken so much is told that there is no space, and others still have"
                  + " theirs"),
          new Variable(
              "SKEP_COMPILER_HEAP",
              Settings.inBytes(DEFAULT_COMPILER_HEAP_BYTES),
              "most heap of the process that checks and compiles modules, 256MiB to 1TiB; a module"
                  + " that needs more is refused"),
          new Variable(
              "SKEP_DRAIN_SECONDS",
              "30",
              "how long a stopping node waits for its runs, 0 to 3600 seconds"),
          new Variable(
              "SKEP_WORKERS",
              "processors",
              "most guests that execute at once in their first turn, and as many that have had it;"
                  + " 1 to 1024"),
          new Variable(
              "SKEP_QUEUE_CAPACITY",
              Integer.toString(SchedulerConfig.DEFAULTS.queueCapacity()),
              "most runs waiting over all tenants, 1 to 1000000"));

  /** Every setting, in the order of the page. */
  public static final List<Variable> VARIABLES =
      Stream.of(OF_THE_NODE, TierSettings.VARIABLES, PoolSettings.VARIABLES)
          .flatMap(List::stream)
          .toList();

  /** Reads the settings; anything unset takes its default. */
  public static NodeConfig of(Map<String, String> environment) {
    Settings read = new Settings(environment);
    return new NodeConfig(
        read.text("SKEP_HOST", "127.0.0.1"),
        (int) read.number("SKEP_PORT", 8080, 0, 65_535),
        Path.of(read.text("SKEP_DATA_DIR", ".skep")),
        read.optional("SKEP_DATABASE_URL"),
        read.optional("SKEP_OPERATOR_TOKEN"),
        (int) read.number("SKEP_MAX_BODY_BYTES", 8 << 20, 1, 1 << 30),
        read.bytes("SKEP_TREE_CACHE", TreeCache.DEFAULT_BYTES, 64L << 20, 1L << 40),
        read.bytes("SKEP_SCRATCH", EngineConfig.DEFAULT_SCRATCH_BYTES, 0, 1L << 40),
        read.integer(
            "SKEP_SCRATCH_TENANT_PERCENT", EngineConfig.DEFAULT_SCRATCH_TENANT_PERCENT, 1, 100),
        read.bytes("SKEP_COMPILER_HEAP", DEFAULT_COMPILER_HEAP_BYTES, 256L << 20, 1L << 40),
        Duration.ofSeconds(read.number("SKEP_DRAIN_SECONDS", 30, 0, 3_600)),
        PoolSettings.of(read),
        PoolSettings.isOnDemand(read),
        SchedulerConfig.DEFAULTS
            .withWorkers(
                (int) read.number("SKEP_WORKERS", SchedulerConfig.DEFAULTS.workers(), 1, 1_024))
            .withQueueCapacity(
                (int)
                    read.number(
                        "SKEP_QUEUE_CAPACITY",
                        SchedulerConfig.DEFAULTS.queueCapacity(),
                        1,
                        1_000_000)),
        TierSettings.of(read));
  }

  /**
   * What the pool comes to on this machine, in this JVM, as both are now. In the worst case the
   * process that checks and compiles modules has all of its heap too, out of the same memory.
   */
  PoolPlan poolPlan() {
    return PoolPlan.of(pool, HostFacts.read(), Runtime.getRuntime().maxMemory())
        .withWorst(
            new Term(
                Part.COMPILER_HEAP,
                compilerHeapBytes,
                "all that the process that checks and compiles may take (SKEP_COMPILER_HEAP)"));
  }
}
