package dev.skep.storage;

import dev.skep.scheduler.TenantId;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;

/** The row that changes of one tenant queue up on. */
final class TenantRow {
  private TenantRow() {}

  /**
   * Locks the tenant's row until the transaction ends; empty if there is none. Changes that count
   * before they insert take it first, so that each tenant's go one by one and none can deadlock.
   * Inserts that merely refer to the tenant do not wait for it.
   */
  static Optional<TenantId> lock(Connection connection, TenantId tenant) throws SQLException {
    return Query.first(
        connection,
        "SELECT tenant FROM tenants WHERE tenant = ? FOR NO KEY UPDATE",
        row -> new TenantId(row.getString(1)),
        tenant.value());
  }
}
