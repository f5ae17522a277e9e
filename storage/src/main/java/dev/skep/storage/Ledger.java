package dev.skep.storage;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * All receipts, each exactly once, and their hourly sums, runs and compiling apart. Thread-safe;
 * every method blocks on the database and throws {@link StorageException}.
 *
 * <h2>Why it counts no receipt twice</h2>
 *
 * One statement inserts the receipts that are not there yet (their key is tenant and run), and adds
 * to the sums exactly those that it did insert. So a batch may be sent again after a lost answer,
 * or by a spool that replays after a crash. Receipts first and then sums, each in the order of
 * their keys: whoever inserts the same receipts, or adds to the same hours, at the same time waits
 * for the other and never in a circle.
 */
public final class Ledger implements ReceiptSink {
  /** Longest span of one question about usage: a leap year and a day, in milliseconds. */
  public static final long MAX_SPAN_MILLIS = 367L * 24 * 3_600_000;

  /** Most rows of usage in one answer: some 13 functions over a month, or a year of one. */
  public static final int MAX_USAGE_ROWS = 10_000;

  private static final long HOUR_MILLIS = 3_600_000;

  private static final String COLUMNS =
      "tenant, run_id, function, digest, started_epoch_millis, fuel, cost_table_version,"
          + " price_version, nano_dollars, memory_peak_bytes, duration_nanos, outcome, kind, tier";

  private static final String SUMS =
      "runs, failed_runs, fuel, nano_dollars, duration_nanos, compiles, compile_fuel,"
          + " compile_nano_dollars, tier_2_runs";

  private static final String INSERT =
      """
      WITH fresh AS (
        INSERT INTO receipts (%1$s)
        SELECT * FROM unnest(
          ?::text[], ?::uuid[], ?::text[], ?::bytea[], ?::bigint[], ?::bigint[], ?::integer[],
          ?::integer[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::text[], ?::integer[])
          AS sent (%1$s)
        ORDER BY tenant, run_id
        ON CONFLICT (tenant, run_id) DO NOTHING
        RETURNING *
      ), summed AS (
        INSERT INTO usage_hours AS u (tenant, function, hour_epoch_millis, %2$s)
        SELECT tenant, function, started_epoch_millis - started_epoch_millis %% 3600000 AS hour,
               count(*) FILTER (WHERE kind = 'run'),
               count(*) FILTER (WHERE kind = 'run' AND outcome <> 'completed'),
               coalesce(sum(fuel) FILTER (WHERE kind = 'run'), 0),
               coalesce(sum(nano_dollars) FILTER (WHERE kind = 'run'), 0),
               coalesce(sum(duration_nanos) FILTER (WHERE kind = 'run'), 0),
               count(*) FILTER (WHERE kind = 'compile'),
               coalesce(sum(fuel) FILTER (WHERE kind = 'compile'), 0),
               coalesce(sum(nano_dollars) FILTER (WHERE kind = 'compile'), 0),
               count(*) FILTER (WHERE kind = 'run' AND tier = 2)
        FROM fresh
        GROUP BY tenant, function, hour
        ORDER BY tenant, function, hour
        ON CONFLICT (tenant, function, hour_epoch_millis) DO UPDATE SET
          runs = u.runs + excluded.runs,
          failed_runs = u.failed_runs + excluded.failed_runs,
          fuel = u.fuel + excluded.fuel,
          nano_dollars = u.nano_dollars + excluded.nano_dollars,
          duration_nanos = u.duration_nanos + excluded.duration_nanos,
          compiles = u.compiles + excluded.compiles,
          compile_fuel = u.compile_fuel + excluded.compile_fuel,
          compile_nano_dollars = u.compile_nano_dollars + excluded.compile_nano_dollars,
          tier_2_runs = u.tier_2_runs + excluded.tier_2_runs
      )
      SELECT count(*) FROM fresh
      """
          .formatted(COLUMNS, SUMS);

  private final Database database;

  public Ledger(Database database) {
    this.database = database;
  }

  /**
   * Inserts those receipts that are not there yet, in one transaction, and adds them to the sums.
   *
   * @param receipts some hundreds at best; repetitions among them count once
   * @return how many were new
   */
  @Override
  public int insertAll(List<Receipt> receipts) {
    if (receipts.isEmpty()) {
      return 0;
    }
    return database.query(connection -> insertAll(connection, receipts));
  }

  private static int insertAll(Connection connection, List<Receipt> receipts) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(INSERT)) {
      int i = 0;
      statement.setObject(++i, column(receipts, String[]::new, r -> r.tenant().value()));
      statement.setArray(
          ++i,
          connection.createArrayOf("uuid", column(receipts, UUID[]::new, r -> r.run().uuid())));
      statement.setObject(++i, column(receipts, String[]::new, r -> r.function().value()));
      statement.setObject(++i, column(receipts, byte[][]::new, r -> Digests.toBytes(r.version())));
      statement.setObject(++i, receipts.stream().mapToLong(Receipt::startedEpochMillis).toArray());
      statement.setObject(++i, receipts.stream().mapToLong(Receipt::fuel).toArray());
      statement.setObject(++i, receipts.stream().mapToInt(Receipt::costTableVersion).toArray());
      statement.setObject(++i, receipts.stream().mapToInt(Receipt::priceVersion).toArray());
      statement.setObject(++i, receipts.stream().mapToLong(Receipt::nanoDollars).toArray());
      statement.setObject(++i, receipts.stream().mapToLong(Receipt::memoryPeakBytes).toArray());
      statement.setObject(++i, receipts.stream().mapToLong(Receipt::durationNanos).toArray());
      statement.setObject(++i, column(receipts, String[]::new, r -> r.outcome().word()));
      statement.setObject(++i, column(receipts, String[]::new, r -> r.kind().word()));
      statement.setObject(++i, receipts.stream().mapToInt(Receipt::tier).toArray());
      try (ResultSet rows = statement.executeQuery()) {
        rows.next();
        return rows.getInt(1);
      }
    }
  }

  private static <T> T[] column(
      List<Receipt> receipts,
      java.util.function.IntFunction<T[]> array,
      java.util.function.Function<Receipt, T> value) {
    return receipts.stream().map(value).toArray(array);
  }

  /**
   * The receipt of a run or of compiling, if the ledger has it; one that is still in a spool is not
   * found.
   */
  public Optional<Receipt> receipt(TenantId tenant, RunId run) {
    return database.query(connection ->
        Query.first(
            connection,
            "SELECT " + COLUMNS + " FROM receipts WHERE tenant = ? AND run_id = ?",
            Ledger::readReceipt,
            tenant.value(),
            run.uuid()));
  }

  /**
   * A page of a tenant's receipts of one kind, those of runs with the newest first, those of
   * compiling in no order that means anything.
   *
   * @param kind only of this one
   * @param function only of this one; null for all
   * @param before the last run of the page before; null for the first page
   * @param limit most receipts on the page, 1 to 1,000; fewer mean that it is the last
   */
  public List<Receipt> recent(
      TenantId tenant,
      Receipt.Kind kind,
      @Nullable FunctionName function,
      @Nullable RunId before,
      int limit) {
    PageLimit.check(limit);
    // Run ids sort by time. The highest one stands for "no bound".
    UUID bound = before == null ? new UUID(-1, -1) : before.uuid();
    String ofFunction = function == null ? "" : " AND function = ?";
    @Nullable Object[] parameters =
        function == null
            ? new Object[] {tenant.value(), bound, kind.word(), limit}
            : new Object[] {tenant.value(), bound, kind.word(), function.value(), limit};
    return database.query(connection ->
        Query.list(
            connection,
            "SELECT "
                + COLUMNS
                + " FROM receipts WHERE tenant = ? AND run_id < ? AND kind = ?"
                + ofFunction
                + " ORDER BY run_id DESC LIMIT ?",
            Ledger::readReceipt,
            parameters));
  }

  /**
   * What a tenant used, by hour and function, ordered so; hours in which there was nothing are left
   * out. Whole hours: the one that {@code fromEpochMillis} is in counts, and so does the one that
   * {@code toEpochMillis} is in unless it begins just then.
   *
   * @param fromEpochMillis milliseconds since 1970
   * @param toEpochMillis not before the former, and at most {@link #MAX_SPAN_MILLIS} after it
   * @param function only this one; null for all
   * @return at most {@link #MAX_USAGE_ROWS} rows; if it is as many, the last one's hour may be
   *     incomplete: ask again from there
   * @throws IllegalArgumentException if the times are wrong
   */
  public List<UsageRow> usage(
      TenantId tenant, long fromEpochMillis, long toEpochMillis, @Nullable FunctionName function) {
    checkSpan(fromEpochMillis, toEpochMillis);
    String ofFunction = function == null ? "" : " AND function = ?";
    @Nullable Object[] parameters =
        function == null
            ? new Object[] {tenant.value(), hour(fromEpochMillis), toEpochMillis}
            : new Object[] {tenant.value(), hour(fromEpochMillis), toEpochMillis, function.value()};
    return database.query(connection ->
        Query.list(
            connection,
            "SELECT function, hour_epoch_millis, "
                + SUMS
                + " FROM usage_hours WHERE tenant = ? AND hour_epoch_millis >= ?"
                + " AND hour_epoch_millis < ?"
                + ofFunction
                + " ORDER BY hour_epoch_millis, function LIMIT "
                + MAX_USAGE_ROWS,
            row ->
                new UsageRow(
                    new FunctionName(row.getString("function")),
                    row.getLong("hour_epoch_millis"),
                    row.getLong("runs"),
                    row.getLong("failed_runs"),
                    sum(row, "fuel"),
                    sum(row, "nano_dollars"),
                    sum(row, "duration_nanos"),
                    row.getLong("compiles"),
                    sum(row, "compile_fuel"),
                    sum(row, "compile_nano_dollars"),
                    row.getLong("tier_2_runs")),
            parameters));
  }

  /**
   * The tenants that pay most, with what they used; times as for {@link #usage}.
   *
   * @param limit most tenants, 1 to 1,000
   */
  public List<TenantUsage> topTenants(long fromEpochMillis, long toEpochMillis, int limit) {
    checkSpan(fromEpochMillis, toEpochMillis);
    PageLimit.check(limit);
    return database.query(connection ->
        Query.list(
            connection,
            """
            SELECT tenant, sum(runs)::bigint AS runs, sum(failed_runs)::bigint AS failed_runs,
                   sum(fuel) AS fuel, sum(nano_dollars) AS nano_dollars,
                   sum(duration_nanos) AS duration_nanos, sum(compiles)::bigint AS compiles,
                   sum(compile_fuel) AS compile_fuel,
                   sum(compile_nano_dollars) AS compile_nano_dollars
            FROM usage_hours
            WHERE hour_epoch_millis >= ? AND hour_epoch_millis < ?
            GROUP BY tenant
            ORDER BY sum(nano_dollars) + sum(compile_nano_dollars) DESC, fuel DESC, tenant
            LIMIT ?
            """,
            row ->
                new TenantUsage(
                    new TenantId(row.getString("tenant")),
                    row.getLong("runs"),
                    row.getLong("failed_runs"),
                    sum(row, "fuel"),
                    sum(row, "nano_dollars"),
                    sum(row, "duration_nanos"),
                    row.getLong("compiles"),
                    sum(row, "compile_fuel"),
                    sum(row, "compile_nano_dollars")),
            hour(fromEpochMillis),
            toEpochMillis,
            limit));
  }

  private static long hour(long epochMillis) {
    return epochMillis - Math.floorMod(epochMillis, HOUR_MILLIS);
  }

  private static void checkSpan(long fromEpochMillis, long toEpochMillis) {
    if (fromEpochMillis < 0
        || toEpochMillis < fromEpochMillis
        || toEpochMillis - fromEpochMillis > MAX_SPAN_MILLIS) {
      throw new IllegalArgumentException(
          "the time from "
              + fromEpochMillis
              + " to "
              + toEpochMillis
              + " must begin after 1970, not end before it begins, and last 367 days at most");
    }
  }

  /** A sum past the range of a long, which no real usage reaches, is cut off there. */
  private static long sum(ResultSet row, String column) throws SQLException {
    BigDecimal value = row.getBigDecimal(column);
    return value.min(BigDecimal.valueOf(Long.MAX_VALUE)).longValueExact();
  }

  private static Receipt readReceipt(ResultSet row) throws SQLException {
    return new Receipt(
        Receipt.Kind.of(row.getString("kind")),
        new RunId(row.getObject("run_id", UUID.class)),
        new TenantId(row.getString("tenant")),
        new FunctionName(row.getString("function")),
        Digests.fromBytes(row.getBytes("digest")),
        row.getLong("started_epoch_millis"),
        row.getLong("fuel"),
        row.getInt("cost_table_version"),
        row.getInt("price_version"),
        row.getLong("nano_dollars"),
        row.getLong("memory_peak_bytes"),
        row.getLong("duration_nanos"),
        Receipt.Outcome.of(row.getString("outcome")),
        row.getInt("tier"));
  }
}
