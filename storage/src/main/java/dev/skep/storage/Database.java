package dev.skep.storage;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.metrics.MetricsTrackerFactory;
import com.zaxxer.hikari.pool.HikariPool;
import java.io.Closeable;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jspecify.annotations.Nullable;

/**
 * A pool of connections to one PostgreSQL whose schema is this version's. Thread-safe; everything
 * blocks its caller on the network.
 */
public final class Database implements Closeable {
  /**
   * Longest silence of the server within one answer. A server that hangs without closing would
   * otherwise hold its callers for ever; no statement here takes seconds.
   */
  private static final Duration SOCKET_TIMEOUT = Duration.ofSeconds(30);

  static final String MIGRATIONS = "classpath:db/migration";

  private final HikariDataSource pool;
  private final AtomicReference<@Nullable CompletableFuture<Boolean>> probe =
      new AtomicReference<>();

  private Database(HikariDataSource pool) {
    this.pool = pool;
  }

  /** As {@link #open(DatabaseConfig, MetricsTrackerFactory)}, the pool unmeasured. */
  public static Database open(DatabaseConfig config) {
    return open(config, null);
  }

  /**
   * Connects and brings the schema up to this version's. Several nodes may do so at once: one
   * migrates, the others wait for it.
   *
   * @param metrics receives the pool's measurements; null for none
   * @throws DatabaseUnavailableException if the database cannot be reached within the connection
   *     timeout
   * @throws QueryFailedException if the schema cannot be migrated
   */
  public static Database open(DatabaseConfig config, @Nullable MetricsTrackerFactory metrics) {
    HikariDataSource pool;
    try {
      pool = new HikariDataSource(hikariConfig(config, metrics));
    } catch (HikariPool.PoolInitializationException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new DatabaseUnavailableException(
          "no connection to "
              + config.jdbcUrl()
              + " as "
              + config.user()
              + " within "
              + config.connectionTimeout().toMillis()
              + " ms ("
              + cause.getMessage()
              + "); check "
              + DatabaseConfig.URL_VARIABLE
              + " and that the server runs",
          e);
    }
    try {
      migrate(config);
      return new Database(pool);
    } catch (RuntimeException e) {
      pool.close();
      throw e;
    }
  }

  private static HikariConfig hikariConfig(
      DatabaseConfig config, @Nullable MetricsTrackerFactory metrics) {
    HikariConfig hikari = new HikariConfig();
    hikari.setPoolName("skep");
    hikari.setJdbcUrl(config.jdbcUrl());
    hikari.setUsername(config.user());
    if (config.password() != null) {
      hikari.setPassword(config.password());
    }
    hikari.setMaximumPoolSize(config.poolSize());
    hikari.setConnectionTimeout(config.connectionTimeout().toMillis());
    hikari.setValidationTimeout(config.connectionTimeout().toMillis());
    hikari.setInitializationFailTimeout(config.connectionTimeout().toMillis());
    // Seconds, the driver's unit; a parameter of the URL wins over these.
    long connectSeconds = Math.max(1, config.connectionTimeout().toSeconds());
    hikari.addDataSourceProperty("connectTimeout", Long.toString(connectSeconds));
    hikari.addDataSourceProperty("socketTimeout", Long.toString(SOCKET_TIMEOUT.toSeconds()));
    hikari.addDataSourceProperty("tcpKeepAlive", "true");
    hikari.addDataSourceProperty("ApplicationName", "skep");
    if (metrics != null) {
      hikari.setMetricsTrackerFactory(metrics);
    }
    return hikari;
  }

  /** On a connection of its own: a migration may be silent for longer than the pool allows. */
  private static void migrate(DatabaseConfig config) {
    try {
      Flyway.configure(Database.class.getClassLoader())
          .dataSource(config.jdbcUrl(), config.user(), config.password())
          .locations(MIGRATIONS)
          .cleanDisabled(true)
          .load()
          .migrate();
    } catch (FlywayException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof SQLException sql
            && SqlFailures.translate(sql) instanceof DatabaseUnavailableException unavailable) {
          throw unavailable;
        }
      }
      throw new QueryFailedException("the schema cannot be migrated: " + e.getMessage(), "", e);
    }
  }

  /**
   * Whether the database answers within {@code timeout}. Blocks no longer than that. Calls at the
   * same time share one probe, so that a health check hammered while the database is away takes one
   * connection and one thread.
   */
  public boolean isReachable(Duration timeout) {
    CompletableFuture<Boolean> mine = new CompletableFuture<>();
    CompletableFuture<Boolean> running = probe.compareAndExchange(null, mine);
    if (running == null) {
      Thread.ofVirtual().name("skep-database-probe").start(() -> runProbe(mine));
      running = mine;
    }
    try {
      return running.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void runProbe(CompletableFuture<Boolean> result) {
    boolean answered = false;
    try (Connection connection = pool.getConnection()) {
      answered = Query.first(connection, "SELECT 1", row -> row.getInt(1)).isPresent();
    } catch (SQLException e) {
      // That it is away is the answer, and the pool logs why.
    } finally {
      probe.set(null);
      result.complete(answered);
    }
  }

  /** Closes every connection; a statement under way fails. Blocks for at most some seconds. */
  @Override
  public void close() {
    pool.close();
  }

  /** Work on a connection that throws what JDBC throws. */
  @FunctionalInterface
  interface Work<T> {
    T run(Connection connection) throws SQLException;
  }

  /**
   * Runs {@code work}, each statement of it a transaction of its own.
   *
   * @throws StorageException as {@link SqlFailures} translates
   */
  <T> T query(Work<T> work) {
    try (Connection connection = pool.getConnection()) {
      return work.run(connection);
    } catch (SQLException e) {
      throw SqlFailures.translate(e);
    }
  }

  /**
   * Runs {@code work} as one transaction, which is rolled back if it throws.
   *
   * @throws StorageException as {@link SqlFailures} translates
   */
  <T> T transaction(Work<T> work) {
    return query(connection -> {
      connection.setAutoCommit(false);
      try {
        T result = work.run(connection);
        connection.commit();
        return result;
      } catch (SQLException | RuntimeException e) {
        // The pool turns autocommit on again when the connection goes back to it.
        try {
          connection.rollback();
        } catch (SQLException second) {
          e.addSuppressed(second);
        }
        throw e;
      }
    });
  }
}
