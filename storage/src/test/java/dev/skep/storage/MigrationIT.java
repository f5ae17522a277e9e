package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.LimitOverrides;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.TenantLimits;
import dev.skep.limits.TenantShare;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import dev.skep.scheduler.TreeDigest;
import dev.skep.storage.TreeStore.PutTreeResult;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * A database that has been with Skep since its first schema, with rows from each: brought to the
 * newest, every row means what it meant, and what it could not say is as the migration promises.
 */
final class MigrationIT {
  private static final String NAME = "migrated";
  private static final TenantId OLDEST = new TenantId("oldest");
  private static final TenantId OLD = new TenantId("old");
  private static final FunctionName PLAIN = new FunctionName("plain");
  private static final FunctionName SET = new FunctionName("set");
  private static final FunctionName GRANTED = new FunctionName("granted");
  private static final byte[] MODULE = "module".getBytes(UTF_8);
  private static final ModuleDigest DIGEST = ModuleDigest.of(MODULE);
  private static final byte[] ARCHIVE = "archive".getBytes(UTF_8);
  private static final RunId FIRST_RUN = RunId.at(Receipts.NOW);
  private static final RunId FAILED_RUN = RunId.at(Receipts.NOW + 1);
  private static final RunId LATER_RUN = RunId.at(Receipts.NOW + 2);
  private static final long HOUR = 3_600_000;
  private static final long FIRST_HOUR = Receipts.NOW - Receipts.NOW % HOUR;

  /** What every run had before there were grants. */
  private static final WasiGrants CLOCKS_AND_RANDOM =
      WasiGrants.NONE.with(WasiGrant.CLOCK).with(WasiGrant.MONOTONIC_CLOCK).with(WasiGrant.RANDOM);

  private static final LimitOverrides FEWER_CALLS =
      new LimitOverrides(null, 65_536L, null, 100, null);

  private static DatabaseConfig config;
  private static Database database;

  @BeforeAll
  static void migrate() throws SQLException {
    DatabaseConfig server = TestDatabase.config();
    execute(server, "CREATE DATABASE " + NAME);
    config =
        new DatabaseConfig(
            server.jdbcUrl().replaceFirst("/[^/?]+(\\?|$)", "/" + NAME + "$1"),
            server.user(),
            server.password(),
            2,
            server.connectionTimeout());
    assertThat(config.jdbcUrl()).isNotEqualTo(server.jdbcUrl());

    to("1");
    execute(
        config,
        """
        INSERT INTO tenants (tenant, suspended, concurrency, queue_depth, functions_limit,
                             limit_memory_bytes, limit_call_depth)
        VALUES ('oldest', true, 3, 5, 7, 65536, 100)
        """);
    to("2");
    execute(
        config,
        """
        INSERT INTO tenants (tenant, concurrency, queue_depth, functions_limit,
                             slot_floor, slot_ceiling, slot_weight, live_memory_bytes,
                             live_table_elements)
        VALUES ('old', 16, 1024, 1000, 2, 20, 4, 1048576, 1000)
        """,
        module("old"),
        function("old", "plain"),
        """
        INSERT INTO functions (tenant, name, current_digest, args, env_names, env_values,
                               cgi_response, limit_memory_bytes, limit_call_depth)
        SELECT 'old', 'set', digest, '{a,b}', '{K}', '{V}', true, 65536, 100 FROM modules
        """,
        """
        INSERT INTO versions (tenant, name, digest, description)
        SELECT 'old', name, current_digest, '{"old": true}' FROM functions
        """,
        receipt(FIRST_RUN, "completed"),
        receipt(FAILED_RUN, "trapped"),
        """
        INSERT INTO usage_hours (tenant, function, hour_epoch_millis, runs, failed_runs, fuel,
                                 nano_dollars, duration_nanos)
        VALUES ('old', 'plain', %d, 2, 1, 2000, 602, 4000000)
        """
            .formatted(FIRST_HOUR));
    to("3");
    execute(
        config,
        """
        INSERT INTO functions (tenant, name, current_digest, grant_clock, grant_tree,
                               grant_scratch, grant_scratch_bytes, grant_scratch_entries)
        SELECT 'old', 'granted', digest, true, '/data', '/tmp', 8192, 10 FROM modules
        """);
    database = Database.open(config);
  }

  @AfterAll
  static void close() throws SQLException {
    database.close();
    execute(TestDatabase.config(), "DROP DATABASE " + NAME);
  }

  /** Brings the schema to a version, as a node of that version did. */
  private static void to(String version) {
    Flyway.configure(Database.class.getClassLoader())
        .dataSource(config.jdbcUrl(), config.user(), config.password())
        .locations(Database.MIGRATIONS)
        .target(version)
        .load()
        .migrate();
  }

  private static void execute(DatabaseConfig where, String... statements) throws SQLException {
    try (Connection connection =
        DriverManager.getConnection(where.jdbcUrl(), where.user(), where.password())) {
      for (String statement : statements) {
        var _ = Query.update(connection, statement);
      }
    }
  }

  private static String module(String tenant) {
    return "INSERT INTO modules (tenant, digest, size_bytes, bytes) VALUES ('%s', '\\x%s', 6,"
            .formatted(tenant, DIGEST.hex())
        + " 'module')";
  }

  private static String function(String tenant, String name) {
    return "INSERT INTO functions (tenant, name, current_digest) VALUES ('%s', '%s', '\\x%s')"
        .formatted(tenant, name, DIGEST.hex());
  }

  /** A run of {@code plain} as a node writes it that knows no kinds. */
  private static String receipt(RunId run, String outcome) {
    return """
    INSERT INTO receipts (tenant, run_id, function, digest, started_epoch_millis, fuel,
                          cost_table_version, price_version, nano_dollars, memory_peak_bytes,
                          duration_nanos, outcome)
    VALUES ('old', '%s', 'plain', '\\x%s', %d, 1000, 1, 1, 301, 65536, 2000000, '%s')
    """
        .formatted(run, DIGEST.hex(), Receipts.NOW, outcome);
  }

  private static Receipt run(RunId run, Receipt.Outcome outcome) {
    return new Receipt(
        Receipt.Kind.RUN,
        run,
        OLD,
        PLAIN,
        DIGEST,
        Receipts.NOW,
        1_000,
        1,
        1,
        301,
        65_536,
        2_000_000,
        outcome,
        Receipt.TIER_1);
  }

  private static FunctionSettings settings(FunctionName name) {
    return new FunctionStore(database).find(OLD, name).orElseThrow().settings();
  }

  @Test
  void aTenantFromBeforeThereWereSharesHasTheDefaultOne() {
    TenantRecord oldest = new TenantStore(database).find(OLDEST).orElseThrow();
    assertThat(oldest.suspended()).isTrue();
    assertThat(oldest.limits())
        .isEqualTo(new TenantLimits(3, 5, 7, TenantShare.DEFAULTS, FEWER_CALLS));
    TenantRecord old = new TenantStore(database).find(OLD).orElseThrow();
    assertThat(old.suspended()).isFalse();
    assertThat(old.limits())
        .isEqualTo(
            new TenantLimits(
                16, 1_024, 1_000, new TenantShare(2, 20, 4, 1 << 20, 1_000), LimitOverrides.NONE));
  }

  @Test
  void aFunctionFromBeforeThereWereGrantsKeepsClocksAndRandomBytes() {
    FunctionStore functions = new FunctionStore(database);
    FunctionSettings none = FunctionSettings.DEFAULTS;
    assertThat(settings(PLAIN))
        .isEqualTo(
            new FunctionSettings(
                none.args(), none.env(), false, LimitOverrides.NONE, CLOCKS_AND_RANDOM));
    assertThat(settings(SET))
        .isEqualTo(
            new FunctionSettings(
                List.of("a", "b"), Map.of("K", "V"), true, FEWER_CALLS, CLOCKS_AND_RANDOM));
    for (FunctionName name : List.of(PLAIN, SET)) {
      FunctionRecord function = functions.find(OLD, name).orElseThrow();
      assertThat(function.currentDigest()).isEqualTo(DIGEST);
      assertThat(function.tree()).isNull();
      assertThat(functions.versions(OLD, name))
          .singleElement()
          .satisfies(version -> {
            assertThat(version.digest()).isEqualTo(DIGEST);
            assertThat(version.sizeBytes()).isEqualTo(MODULE.length);
            assertThat(version.description()).isEqualTo("{\"old\": true}");
          });
    }
    assertThat(functions.moduleBytes(OLD, DIGEST))
        .hasValueSatisfying(bytes -> assertThat(bytes).isEqualTo(MODULE));
  }

  @Test
  void aFunctionFromAfterThatHasWhatItWasGrantedAndANewOneNothing() throws SQLException {
    assertThat(settings(GRANTED).grants())
        .isEqualTo(
            WasiGrants.NONE
                .with(WasiGrant.CLOCK)
                .withTree("/data")
                .withScratch(new ScratchGrant("/tmp", 8_192, 10)));
    // By a node of the version before, which is still up and names no grants.
    execute(config, function("old", "late"));
    assertThat(settings(new FunctionName("late")).grants()).isEqualTo(WasiGrants.NONE);
  }

  @Test
  void anOldFunctionCanBeGivenGrantsAndATree() {
    FunctionStore functions = new FunctionStore(database);
    TreeStore trees = new TreeStore(database);
    FunctionName name = new FunctionName("changed");
    var _ = functions.putVersion(OLD, name, DIGEST, MODULE, "{}", 1_000);
    assertThat(functions.updateSettings(OLD, name, settings(SET))).isTrue();
    assertThat(settings(name)).isEqualTo(settings(SET));
    TreeDigest tree = TreeDigest.of(ARCHIVE);
    assertThat(trees.put(OLD, name, tree, ARCHIVE)).isEqualTo(PutTreeResult.STORED);
    assertThat(functions.find(OLD, name).orElseThrow().tree()).isEqualTo(tree);
  }

  @Test
  void receiptsFromBeforeCompilingWasChargedAreOfRunsAndSoAreTheirSums() throws SQLException {
    Ledger ledger = new Ledger(database);
    assertThat(ledger.receipt(OLD, FIRST_RUN)).contains(run(FIRST_RUN, Receipt.Outcome.COMPLETED));
    assertThat(ledger.receipt(OLD, FAILED_RUN)).contains(run(FAILED_RUN, Receipt.Outcome.TRAPPED));
    assertThat(ledger.usage(OLD, FIRST_HOUR, FIRST_HOUR + HOUR, null))
        .containsExactly(new UsageRow(PLAIN, FIRST_HOUR, 2, 1, 2_000, 602, 4_000_000, 0, 0, 0));

    // A node of the version before goes on writing to the ledger, and says no kind.
    execute(config, receipt(LATER_RUN, "completed"));
    assertThat(ledger.receipt(OLD, LATER_RUN)).contains(run(LATER_RUN, Receipt.Outcome.COMPLETED));
    assertThat(ledger.recent(OLD, Receipt.Kind.RUN, null, null, 10)).hasSize(3);
    assertThat(ledger.recent(OLD, Receipt.Kind.COMPILE, null, null, 10)).isEmpty();

    // The same hour takes what only a new node knows, and an hour may have that alone.
    Receipt compiling = Receipts.ofCompiling(OLD, PLAIN, Receipts.NOW);
    Receipt elsewhere = Receipts.ofCompiling(OLDEST, PLAIN, Receipts.NOW);
    assertThat(ledger.insertAll(List.of(compiling, elsewhere))).isEqualTo(2);
    assertThat(ledger.usage(OLD, FIRST_HOUR, FIRST_HOUR + HOUR, null))
        .containsExactly(
            new UsageRow(
                PLAIN,
                FIRST_HOUR,
                2,
                1,
                2_000,
                602,
                4_000_000,
                1,
                compiling.fuel(),
                compiling.nanoDollars()));
    assertThat(ledger.usage(OLDEST, FIRST_HOUR, FIRST_HOUR + HOUR, null))
        .singleElement()
        .satisfies(row -> assertThat(row.runs()).isZero());
  }
}
