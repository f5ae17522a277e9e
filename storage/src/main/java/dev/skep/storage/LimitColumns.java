package dev.skep.storage;

import dev.skep.limits.LimitOverrides;
import java.sql.ResultSet;
import java.sql.SQLException;

/** The five columns of {@link LimitOverrides}, which tenants and functions both have. */
final class LimitColumns {
  /** For a SELECT or INSERT list. */
  static final String NAMES =
      "limit_fuel, limit_memory_bytes, limit_table_elements, limit_call_depth,"
          + " limit_deadline_nanos";

  /** For an UPDATE, parameters in the same order. */
  static final String ASSIGNMENTS =
      "limit_fuel = ?, limit_memory_bytes = ?, limit_table_elements = ?, limit_call_depth = ?,"
          + " limit_deadline_nanos = ?";

  private LimitColumns() {}

  static LimitOverrides read(ResultSet row) throws SQLException {
    return read(row, "");
  }

  /** Of columns that are called so with a prefix. */
  static LimitOverrides read(ResultSet row, String prefix) throws SQLException {
    return new LimitOverrides(
        row.getObject(prefix + "limit_fuel", Long.class),
        row.getObject(prefix + "limit_memory_bytes", Long.class),
        row.getObject(prefix + "limit_table_elements", Long.class),
        row.getObject(prefix + "limit_call_depth", Integer.class),
        row.getObject(prefix + "limit_deadline_nanos", Long.class));
  }
}
