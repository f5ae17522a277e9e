package dev.skep.storage;

import dev.skep.limits.LimitOverrides;
import dev.skep.limits.TenantLimits;
import dev.skep.limits.TenantShare;
import dev.skep.scheduler.TenantId;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The tenants. Thread-safe; every method blocks on the database and throws {@link
 * StorageException}.
 */
public final class TenantStore {
  /** Of {@link TenantLimits}, for a SELECT or INSERT list. */
  private static final String LIMITS =
      "concurrency, queue_depth, functions_limit, slot_floor, slot_ceiling, slot_weight,"
          + " live_memory_bytes, live_table_elements, "
          + LimitColumns.NAMES;

  private static final String COLUMNS = "tenant, created_at, suspended, held_to_tier_1, " + LIMITS;

  private final Database database;

  public TenantStore(Database database) {
    this.database = database;
  }

  /** Creates a tenant, not suspended, unless it exists. */
  public CreateTenantResult create(TenantId tenant, TenantLimits limits) {
    TenantShare share = limits.share();
    LimitOverrides overrides = limits.overrides();
    return database.transaction(connection -> {
      int inserted =
          Query.update(
              connection,
              "INSERT INTO tenants (tenant, "
                  + LIMITS
                  + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
              tenant.value(),
              limits.concurrency(),
              limits.queueDepth(),
              limits.functions(),
              share.slotFloor(),
              share.slotCeiling(),
              share.slotWeight(),
              share.liveMemoryBytes(),
              share.liveTableElements(),
              overrides.fuel(),
              overrides.memoryBytes(),
              overrides.tableElements(),
              overrides.callDepth(),
              overrides.deadlineNanos());
      // Tenants are never deleted, so it is there.
      TenantRecord stored = find(connection, tenant).orElseThrow();
      return inserted == 1
          ? new CreateTenantResult.Created(stored)
          : new CreateTenantResult.AlreadyExists(stored);
    });
  }

  /** The tenant, if it exists. */
  public Optional<TenantRecord> find(TenantId tenant) {
    return database.query(connection -> find(connection, tenant));
  }

  private static Optional<TenantRecord> find(Connection connection, TenantId tenant)
      throws SQLException {
    return Query.first(
        connection,
        "SELECT " + COLUMNS + " FROM tenants WHERE tenant = ?",
        TenantStore::read,
        tenant.value());
  }

  /**
   * A page of tenants by name.
   *
   * @param after the last one of the page before; null for the first page
   * @param limit most tenants on the page, 1 to 1,000; fewer mean that it is the last
   */
  public List<TenantRecord> list(@Nullable TenantId after, int limit) {
    PageLimit.check(limit);
    return database.query(connection ->
        Query.list(
            connection,
            "SELECT " + COLUMNS + " FROM tenants WHERE tenant > ? ORDER BY tenant LIMIT ?",
            TenantStore::read,
            after == null ? "" : after.value(),
            limit));
  }

  /** Suspends a tenant; whether it exists. Suspending it again changes nothing. */
  public boolean suspend(TenantId tenant) {
    return setSuspended(tenant, true);
  }

  /** Lifts a suspension; whether the tenant exists. */
  public boolean resume(TenantId tenant) {
    return setSuspended(tenant, false);
  }

  /** Holds a tenant's runs to tier 1, or lets them run as machine code again; whether it exists. */
  public boolean setHeldToTier1(TenantId tenant, boolean held) {
    return database.query(connection ->
        Query.update(
                connection,
                "UPDATE tenants SET held_to_tier_1 = ? WHERE tenant = ?",
                held,
                tenant.value())
            == 1);
  }

  private boolean setSuspended(TenantId tenant, boolean suspended) {
    return database.query(connection ->
        Query.update(
                connection,
                "UPDATE tenants SET suspended = ? WHERE tenant = ?",
                suspended,
                tenant.value())
            == 1);
  }

  /**
   * Replaces all limits of a tenant; whether it exists. Functions stored beyond a lower limit stay.
   */
  public boolean setLimits(TenantId tenant, TenantLimits limits) {
    TenantShare share = limits.share();
    LimitOverrides overrides = limits.overrides();
    return database.query(connection ->
        Query.update(
                connection,
                "UPDATE tenants SET concurrency = ?, queue_depth = ?, functions_limit = ?,"
                    + " slot_floor = ?, slot_ceiling = ?, slot_weight = ?,"
                    + " live_memory_bytes = ?, live_table_elements = ?, "
                    + LimitColumns.ASSIGNMENTS
                    + " WHERE tenant = ?",
                limits.concurrency(),
                limits.queueDepth(),
                limits.functions(),
                share.slotFloor(),
                share.slotCeiling(),
                share.slotWeight(),
                share.liveMemoryBytes(),
                share.liveTableElements(),
                overrides.fuel(),
                overrides.memoryBytes(),
                overrides.tableElements(),
                overrides.callDepth(),
                overrides.deadlineNanos(),
                tenant.value())
            == 1);
  }

  /** The columns of a tenant in a query that has others too, each with a prefix to its name. */
  static String columns(String table, String prefix) {
    return Arrays.stream(COLUMNS.split(", "))
        .map(column -> table + '.' + column + " AS " + prefix + column)
        .collect(Collectors.joining(", "));
  }

  private static TenantRecord read(ResultSet row) throws SQLException {
    return read(row, "");
  }

  /** Of a query with {@link #columns}. */
  static TenantRecord read(ResultSet row, String prefix) throws SQLException {
    return new TenantRecord(
        new TenantId(row.getString(prefix + "tenant")),
        Timestamps.read(row, prefix + "created_at"),
        row.getBoolean(prefix + "suspended"),
        row.getBoolean(prefix + "held_to_tier_1"),
        new TenantLimits(
            row.getInt(prefix + "concurrency"),
            row.getInt(prefix + "queue_depth"),
            row.getInt(prefix + "functions_limit"),
            new TenantShare(
                row.getInt(prefix + "slot_floor"),
                row.getInt(prefix + "slot_ceiling"),
                row.getInt(prefix + "slot_weight"),
                row.getLong(prefix + "live_memory_bytes"),
                row.getLong(prefix + "live_table_elements")),
            LimitColumns.read(row, prefix)));
  }
}
