package dev.skep.storage;

import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.EnumSet;

/** A function's grants as the columns that hold them. */
final class GrantColumns {
  static final String NAMES =
      "grant_clock, grant_monotonic_clock, grant_random, grant_tree, grant_scratch,"
          + " grant_scratch_bytes, grant_scratch_entries";

  static final String ASSIGNMENTS =
      "grant_clock = ?, grant_monotonic_clock = ?, grant_random = ?, grant_tree = ?,"
          + " grant_scratch = ?, grant_scratch_bytes = ?, grant_scratch_entries = ?";

  private GrantColumns() {}

  static WasiGrants read(ResultSet row) throws SQLException {
    EnumSet<WasiGrant> switches = EnumSet.noneOf(WasiGrant.class);
    if (row.getBoolean("grant_clock")) {
      switches.add(WasiGrant.CLOCK);
    }
    if (row.getBoolean("grant_monotonic_clock")) {
      switches.add(WasiGrant.MONOTONIC_CLOCK);
    }
    if (row.getBoolean("grant_random")) {
      switches.add(WasiGrant.RANDOM);
    }
    String scratch = row.getString("grant_scratch");
    return new WasiGrants(
        switches,
        row.getString("grant_tree"),
        scratch == null
            ? null
            : new ScratchGrant(
                scratch, row.getLong("grant_scratch_bytes"), row.getInt("grant_scratch_entries")));
  }
}
