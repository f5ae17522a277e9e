package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.metrics.IMetricsTracker;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

final class DatabaseIT {
  private final Database database = TestDatabase.database();

  @Test
  void schemaIsThereAndMigratingAgainChangesNothing() {
    try (Database second = Database.open(TestDatabase.config())) {
      List<String> tables =
          second.query(connection ->
              Query.list(
                  connection,
                  "SELECT table_name FROM information_schema.tables"
                      + " WHERE table_schema = 'public' ORDER BY table_name",
                  row -> row.getString(1)));
      assertThat(tables)
          .contains(
              "functions",
              "modules",
              "operator_tokens",
              "receipts",
              "tenants",
              "tokens",
              "usage_hours",
              "versions");
    }
  }

  @Test
  void everyKeyOfATenantsTableBeginsWithTheTenant() {
    List<String> keys =
        database.query(connection ->
            Query.list(
                connection,
                """
                SELECT i.indrelid::regclass || ': ' || a.attname
                FROM pg_index i
                JOIN pg_class c ON c.oid = i.indrelid
                JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                WHERE i.indisunique
                  AND c.relname NOT IN
                    -- no tenant's
                    ('operator_tokens', 'flyway_schema_history', 'artifacts', 'compiler_code')
                  AND a.attname <> 'tenant'
                """,
                row -> row.getString(1)));
    assertThat(keys).isEmpty();
  }

  @Test
  void everyForeignKeyBeginsWithTheTenant() {
    List<String> columns =
        database.query(connection ->
            Query.list(
                connection,
                """
                SELECT a.attname FROM pg_constraint k
                JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
                WHERE k.contype = 'f'
                """,
                row -> row.getString(1)));
    assertThat(columns).isNotEmpty().containsOnly("tenant");
  }

  @Test
  void failedTransactionLeavesNothingAndReturnsItsConnection() {
    for (int i = 0; i < 3 * DatabaseConfig.DEFAULT_POOL_SIZE; i++) {
      assertThatThrownBy(() ->
              database.transaction(connection -> {
                Query.update(
                    connection,
                    "INSERT INTO tenants (tenant, concurrency, queue_depth,"
                        + " functions_limit) VALUES ('rolled-back', 1, 1, 1)");
                throw new IllegalStateException("on purpose");
              }))
          .hasMessage("on purpose");
    }
    assertThat(
            database.<Boolean>query(connection ->
                Query.first(
                        connection,
                        "SELECT 1 FROM tenants WHERE tenant = 'rolled-back'",
                        row -> row.getInt(1))
                    .isPresent()))
        .isFalse();
  }

  @Test
  void refusedStatementSaysItsState() {
    assertThatThrownBy(() ->
            database.query(connection ->
                Query.update(
                    connection,
                    "INSERT INTO tenants (tenant, concurrency, queue_depth,"
                        + " functions_limit) VALUES ('x', 0, 1, 1)")))
        .isInstanceOfSatisfying(
            QueryFailedException.class, e -> assertThat(e.sqlState()).isEqualTo("23514"));
  }

  @Test
  void constraintsRefuseWhatTheTypesWouldNotLetThrough() {
    for (String bad :
        List.of(
            "INSERT INTO tenants (tenant, concurrency, queue_depth, functions_limit)"
                + " VALUES ('Upper', 1, 1, 1)",
            "INSERT INTO tenants (tenant, concurrency, queue_depth, functions_limit)"
                + " VALUES ('x', 1, 100001, 1)",
            "INSERT INTO tenants (tenant, concurrency, queue_depth, functions_limit, limit_fuel)"
                + " VALUES ('x', 1, 1, 1, -1)",
            "INSERT INTO tenants (tenant, concurrency, queue_depth, functions_limit, slot_floor,"
                + " slot_ceiling) VALUES ('x', 1, 1, 1, 2, 1)",
            "INSERT INTO operator_tokens (token_id, hash, label) VALUES ('configured', 'x', '')",
            "INSERT INTO usage_hours VALUES ('t', 'f', 1, 1, 0, 0, 0, 0)")) {
      assertThatThrownBy(() -> database.query(connection -> Query.update(connection, bad)))
          .as(bad)
          .isInstanceOf(QueryFailedException.class);
    }
  }

  @Test
  void reachableDatabaseSaysSoToManyAtOnce() throws InterruptedException {
    AtomicReference<String> wrong = new AtomicReference<>("");
    CountDownLatch all = new CountDownLatch(50);
    for (int i = 0; i < 50; i++) {
      Thread.ofVirtual()
          .start(() -> {
            if (!database.isReachable(Duration.ofSeconds(10))) {
              wrong.set("one was told that the database is away");
            }
            all.countDown();
          });
    }
    all.await();
    assertThat(wrong.get()).isEmpty();
  }

  @Test
  void poolReportsToTheGivenMetrics() {
    AtomicReference<String> pool = new AtomicReference<>("");
    try (Database measured =
        Database.open(
            TestDatabase.config(),
            (poolName, stats) -> {
              pool.set(poolName);
              return new IMetricsTracker() {};
            })) {
      assertThat(measured.isReachable(Duration.ofSeconds(10))).isTrue();
    }
    assertThat(pool.get()).isEqualTo("skep");
  }

  @Test
  void closedDatabaseIsUnavailable() {
    Database closed = Database.open(TestDatabase.config());
    closed.close();
    assertThat(closed.isReachable(Duration.ofSeconds(10))).isFalse();
  }
}
