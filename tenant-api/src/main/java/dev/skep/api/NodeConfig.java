package dev.skep.api;

import dev.skep.pool.PoolConfig;
import dev.skep.scheduler.SchedulerConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
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
 * @param drainPatience how long a stopping node waits for its runs
 * @param pool the slab
 * @param scheduler workers and queues
 */
public record NodeConfig(
    String host,
    int port,
    Path dataDir,
    @Nullable String databaseUrl,
    @Nullable String operatorToken,
    int maxBodyBytes,
    Duration drainPatience,
    PoolConfig pool,
    SchedulerConfig scheduler) {

  /**
   * One setting.
   *
   * @param name of the environment variable
   * @param fallback what holds when it is not set, as the page shows it
   * @param meaning what it sets, with unit and range
   */
  public record Variable(String name, String fallback, String meaning) {}

  /** Every setting, in the order of the page. */
  public static final List<Variable> VARIABLES =
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
              "SKEP_DRAIN_SECONDS",
              "30",
              "how long a stopping node waits for its runs, 0 to 3600 seconds"),
          new Variable(
              "SKEP_SLOTS",
              Integer.toString(PoolConfig.DEFAULTS.slots()),
              "instances that can be live at once, 1 to 1000000"),
          new Variable(
              "SKEP_SLOT_MEMORY_BYTES",
              Long.toString(PoolConfig.DEFAULTS.slotMemoryBytes()),
              "most linear memory of one instance, a multiple of 65536 up to 4294967296"),
          new Variable("SKEP_WORKERS", "processors", "threads that run guests, 1 to 1024"),
          new Variable(
              "SKEP_QUEUE_CAPACITY",
              Integer.toString(SchedulerConfig.DEFAULTS.queueCapacity()),
              "most runs waiting over all tenants, 1 to 1000000"));

  /** Reads the settings; anything unset takes its default. */
  public static NodeConfig of(Map<String, String> environment) {
    Reader read = new Reader(environment);
    return new NodeConfig(
        read.text("SKEP_HOST", "127.0.0.1"),
        (int) read.number("SKEP_PORT", 8080, 0, 65_535),
        Path.of(read.text("SKEP_DATA_DIR", ".skep")),
        read.optional("SKEP_DATABASE_URL"),
        read.optional("SKEP_OPERATOR_TOKEN"),
        (int) read.number("SKEP_MAX_BODY_BYTES", 8 << 20, 1, 1 << 30),
        Duration.ofSeconds(read.number("SKEP_DRAIN_SECONDS", 30, 0, 3_600)),
        PoolConfig.DEFAULTS
            .withSlots((int) read.number("SKEP_SLOTS", PoolConfig.DEFAULTS.slots(), 1, 1_000_000))
            .withSlotMemoryBytes(
                read.multiple(
                    "SKEP_SLOT_MEMORY_BYTES",
                    PoolConfig.DEFAULTS.slotMemoryBytes(),
                    65_536,
                    1L << 32)),
        SchedulerConfig.DEFAULTS
            .withWorkers(
                (int) read.number("SKEP_WORKERS", SchedulerConfig.DEFAULTS.workers(), 1, 1_024))
            .withQueueCapacity(
                (int)
                    read.number(
                        "SKEP_QUEUE_CAPACITY",
                        SchedulerConfig.DEFAULTS.queueCapacity(),
                        1,
                        1_000_000)));
  }

  /** Reads one variable at a time and says which one is wrong. */
  private record Reader(Map<String, String> environment) {
    String text(String name, String fallback) {
      String value = optional(name);
      return value == null ? fallback : value;
    }

    /** A value, or null; an empty one is as good as none. */
    @Nullable String optional(String name) {
      String value = environment.get(name);
      return value == null || value.isEmpty() ? null : value;
    }

    /** A number that is a multiple of the least one. */
    long multiple(String name, long fallback, long least, long most) {
      long value = number(name, fallback, least, most);
      if (value % least != 0) {
        throw new IllegalArgumentException(
            name + " is " + value + "; it must be a multiple of " + least);
      }
      return value;
    }

    long number(String name, long fallback, long least, long most) {
      String value = text(name, Long.toString(fallback));
      try {
        long number = Long.parseLong(value);
        if (number >= least && number <= most) {
          return number;
        }
      } catch (NumberFormatException e) {
        // Falls through to the same answer.
      }
      throw new IllegalArgumentException(
          name + " is \"" + value + "\"; it must be a number from " + least + " to " + most);
    }
  }
}
