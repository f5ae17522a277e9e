package dev.skep.storage;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.TenantId;
import dev.skep.scheduler.TreeDigest;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The archives of functions' trees. One is stored once for each tenant that has it, whatever the
 * functions that use it, and goes with the last of them. Thread-safe; every method blocks on the
 * database and throws {@link StorageException}.
 */
public final class TreeStore {
  /** Largest archive, in bytes. */
  public static final int MAX_ARCHIVE_BYTES = 16 << 20;

  private final Database database;

  public TreeStore(Database database) {
    this.database = database;
  }

  /** What became of an upload. */
  public enum PutTreeResult {
    /** The function has this tree now. */
    STORED,
    /** It had this tree already. */
    UNCHANGED,
    /** There is no such function. */
    NO_SUCH_FUNCTION
  }

  /**
   * Makes an archive the tree of a function. Atomic; a tenant's uploads go one by one.
   *
   * @param digest of {@code archive}
   * @param archive 0 to {@link #MAX_ARCHIVE_BYTES} long; not kept
   * @throws IllegalArgumentException if it is too long
   */
  public PutTreeResult put(TenantId tenant, FunctionName name, TreeDigest digest, byte[] archive) {
    if (archive.length > MAX_ARCHIVE_BYTES) {
      throw new IllegalArgumentException(
          "the archive has " + archive.length + " bytes; at most " + MAX_ARCHIVE_BYTES + " go");
    }
    byte[] key = toBytes(digest);
    return database.transaction(connection -> {
      TenantRow.lock(connection, tenant);
      Optional<Current> current = current(connection, tenant, name);
      if (current.isEmpty()) {
        return PutTreeResult.NO_SUCH_FUNCTION;
      }
      byte[] before = current.get().digest();
      if (Arrays.equals(before, key)) {
        return PutTreeResult.UNCHANGED;
      }
      insert(connection, tenant, key, archive);
      set(connection, tenant, name, key);
      deleteUnused(connection, tenant, before);
      return PutTreeResult.STORED;
    });
  }

  /**
   * Takes a function's tree away.
   *
   * @return whether it had one
   */
  public boolean delete(TenantId tenant, FunctionName name) {
    return database.transaction(connection -> {
      TenantRow.lock(connection, tenant);
      byte[] before = current(connection, tenant, name).orElse(NO_TREE).digest();
      if (before == null) {
        return false;
      }
      set(connection, tenant, name, null);
      deleteUnused(connection, tenant, before);
      return true;
    });
  }

  /** An archive's bytes, a fresh array, if a function of the tenant has it as its tree. */
  public Optional<byte[]> archive(TenantId tenant, TreeDigest digest) {
    return database.query(connection ->
        Query.first(
            connection,
            "SELECT bytes FROM trees WHERE tenant = ? AND digest = ?",
            row -> row.getBytes(1),
            tenant.value(),
            toBytes(digest)));
  }

  /** A function's tree, or none. */
  private record Current(byte @Nullable [] digest) {}

  private static final Current NO_TREE = new Current(null);

  private static Optional<Current> current(
      Connection connection, TenantId tenant, FunctionName name) throws SQLException {
    return Query.first(
        connection,
        "SELECT tree_digest FROM functions WHERE tenant = ? AND name = ?",
        row -> new Current(row.getBytes(1)),
        tenant.value(),
        name.value());
  }

  private static void insert(Connection connection, TenantId tenant, byte[] digest, byte[] archive)
      throws SQLException {
    Query.update(
        connection,
        "INSERT INTO trees (tenant, digest, size_bytes, bytes) VALUES (?, ?, ?, ?)"
            + " ON CONFLICT DO NOTHING",
        tenant.value(),
        digest,
        archive.length,
        archive);
  }

  private static void set(
      Connection connection, TenantId tenant, FunctionName name, byte @Nullable [] digest)
      throws SQLException {
    Query.update(
        connection,
        "UPDATE functions SET tree_digest = ?::bytea, updated_at = now()"
            + " WHERE tenant = ? AND name = ?",
        digest,
        tenant.value(),
        name.value());
  }

  /** Deletes a tree that no function of the tenant has any more. The tenant's row is locked. */
  static void deleteUnused(Connection connection, TenantId tenant, byte @Nullable [] digest)
      throws SQLException {
    if (digest != null) {
      Query.update(
          connection,
          "DELETE FROM trees t WHERE t.tenant = ? AND t.digest = ? AND NOT EXISTS"
              + " (SELECT 1 FROM functions f WHERE f.tenant = t.tenant"
              + " AND f.tree_digest = t.digest)",
          tenant.value(),
          digest);
    }
  }

  static byte[] toBytes(TreeDigest digest) {
    return HexFormat.of().parseHex(digest.hex());
  }

  static @Nullable TreeDigest fromBytes(byte @Nullable [] bytes) {
    return bytes == null ? null : new TreeDigest(HexFormat.of().formatHex(bytes));
  }
}
