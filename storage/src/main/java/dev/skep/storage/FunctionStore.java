package dev.skep.storage;

import dev.skep.limits.LimitOverrides;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.TenantId;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Functions, their versions and their modules' bytes. A module is stored once for each tenant that
 * has it, whatever the functions that use it, and goes with the last of them; tenants share none,
 * so that nobody learns from an upload what others have. Thread-safe; every method blocks on the
 * database and throws {@link StorageException}.
 */
public final class FunctionStore {
  /** Largest module, in bytes; what tenants may upload is bounded well below, by their limits. */
  public static final int MAX_MODULE_BYTES = 64 << 20;

  /** Longest description, in characters: imports and exports of the largest modules. */
  public static final int MAX_DESCRIPTION_CHARS = 1 << 20;

  private static final int MAX_SETTING_CHARS = 4_096;

  private static final String COLUMNS =
      "name, current_digest, created_at, updated_at, args, env_names, env_values, cgi_response, "
          + "tree_digest, held_to_tier_1, "
          + GrantColumns.NAMES
          + ", "
          + LimitColumns.NAMES;

  private final Database database;

  public FunctionStore(Database database) {
    this.database = database;
  }

  /**
   * Makes {@code bytes} the current version of a function, creating the function with default
   * settings if there is none. Atomic; a tenant's uploads go one by one.
   *
   * @param digest of {@code bytes}
   * @param bytes the module, 0 to {@link #MAX_MODULE_BYTES} long; not kept
   * @param description JSON, kept as it is, at most {@link #MAX_DESCRIPTION_CHARS} characters
   * @param functionsLimit most functions of the tenant, 1 or more
   * @throws IllegalArgumentException if {@code bytes} or {@code description} is too long, or {@code
   *     description} cannot be stored as text
   */
  public PutVersionResult putVersion(
      TenantId tenant,
      FunctionName name,
      ModuleDigest digest,
      byte[] bytes,
      String description,
      int functionsLimit) {
    if (bytes.length > MAX_MODULE_BYTES) {
      throw new IllegalArgumentException(
          "the module has " + bytes.length + " bytes; at most " + MAX_MODULE_BYTES + " go");
    }
    StorableText.check("the description", description, MAX_DESCRIPTION_CHARS);
    byte[] key = Digests.toBytes(digest);
    return database.transaction(connection -> {
      if (TenantRow.lock(connection, tenant).isEmpty()) {
        return new PutVersionResult.NoSuchTenant();
      }
      Optional<ModuleDigest> current =
          Query.first(
              connection,
              "SELECT current_digest FROM functions WHERE tenant = ? AND name = ?",
              row -> Digests.fromBytes(row.getBytes(1)),
              tenant.value(),
              name.value());
      if (current.isPresent() && current.get().equals(digest)) {
        return new PutVersionResult.Unchanged();
      }
      if (current.isEmpty() && count(connection, tenant) >= functionsLimit) {
        return new PutVersionResult.LimitReached(functionsLimit);
      }
      insertModule(connection, tenant, key, bytes);
      if (current.isEmpty()) {
        Query.update(
            connection,
            "INSERT INTO functions (tenant, name, current_digest) VALUES (?, ?, ?)",
            tenant.value(),
            name.value(),
            key);
      } else {
        Query.update(
            connection,
            "UPDATE functions SET current_digest = ?, updated_at = now()"
                + " WHERE tenant = ? AND name = ?",
            key,
            tenant.value(),
            name.value());
      }
      boolean fresh = insertVersion(connection, tenant, name, key, description);
      return current.isEmpty()
          ? new PutVersionResult.Created()
          : new PutVersionResult.NewVersion(!fresh);
    });
  }

  private static long count(Connection connection, TenantId tenant) throws SQLException {
    return Query.first(
            connection,
            "SELECT count(*) FROM functions WHERE tenant = ?",
            row -> row.getLong(1),
            tenant.value())
        .orElseThrow();
  }

  private static void insertModule(
      Connection connection, TenantId tenant, byte[] digest, byte[] bytes) throws SQLException {
    // Looked for first, because the bytes would cross the network before they conflicted.
    boolean present =
        Query.first(
                connection,
                "SELECT 1 FROM modules WHERE tenant = ? AND digest = ?",
                row -> row.getInt(1),
                tenant.value(),
                digest)
            .isPresent();
    if (!present) {
      Query.update(
          connection,
          "INSERT INTO modules (tenant, digest, size_bytes, bytes) VALUES (?, ?, ?, ?)",
          tenant.value(),
          digest,
          bytes.length,
          bytes);
    }
  }

  /**
   * Whether the version is new; if not, its description is replaced, which a fixed caller needs.
   */
  private static boolean insertVersion(
      Connection connection, TenantId tenant, FunctionName name, byte[] digest, String description)
      throws SQLException {
    int updated =
        Query.update(
            connection,
            "UPDATE versions SET description = ? WHERE tenant = ? AND name = ? AND digest = ?",
            description,
            tenant.value(),
            name.value(),
            digest);
    if (updated == 0) {
      Query.update(
          connection,
          "INSERT INTO versions (tenant, name, digest, description) VALUES (?, ?, ?, ?)",
          tenant.value(),
          name.value(),
          digest,
          description);
    }
    return updated == 0;
  }

  /** The function, if it exists. */
  public Optional<FunctionRecord> find(TenantId tenant, FunctionName name) {
    return database.query(connection ->
        Query.first(
            connection,
            "SELECT " + COLUMNS + " FROM functions WHERE tenant = ? AND name = ?",
            FunctionStore::readFunction,
            tenant.value(),
            name.value()));
  }

  private static final String TENANT_PREFIX = "tenant_";

  private static final String FIND_OWNED =
      "SELECT "
          + Arrays.stream(COLUMNS.split(", ")).map("f."::concat).collect(Collectors.joining(", "))
          + ", "
          + TenantStore.columns("t", TENANT_PREFIX)
          + ", coalesce(k.settled, false) AS answered"
          + " FROM functions f JOIN tenants t ON t.tenant = f.tenant"
          + " LEFT JOIN native_asks k ON k.tenant = f.tenant AND k.digest = f.current_digest"
          + " AND k.compiler = ?"
          + " WHERE f.tenant = ? AND f.name = ?";

  /**
   * The function with its tenant, if it exists: in one question, because a run waits for it.
   *
   * @param compiler of the machine code that this node runs
   */
  public Optional<OwnedFunction> findOwned(TenantId tenant, FunctionName name, String compiler) {
    return database.query(connection ->
        Query.first(
            connection,
            FIND_OWNED,
            row ->
                new OwnedFunction(
                    TenantStore.read(row, TENANT_PREFIX),
                    readFunction(row),
                    row.getBoolean("answered")),
            compiler,
            tenant.value(),
            name.value()));
  }

  /**
   * A page of a tenant's functions by name.
   *
   * @param after the last one of the page before; null for the first page
   * @param limit most functions on the page, 1 to 1,000; fewer mean that it is the last
   */
  public List<FunctionRecord> list(TenantId tenant, @Nullable FunctionName after, int limit) {
    PageLimit.check(limit);
    return database.query(connection ->
        Query.list(
            connection,
            "SELECT "
                + COLUMNS
                + " FROM functions WHERE tenant = ? AND name > ? ORDER BY name LIMIT ?",
            FunctionStore::readFunction,
            tenant.value(),
            after == null ? "" : after.value(),
            limit));
  }

  /**
   * A function's versions, the newest first, at most 1,000; none if there is no such function. The
   * current one need not be the newest: see {@link PutVersionResult.NewVersion}.
   */
  public List<VersionRecord> versions(TenantId tenant, FunctionName name) {
    return database.query(connection ->
        Query.list(
            connection,
            "SELECT v.digest, v.created_at, m.size_bytes, v.description FROM versions v"
                + " JOIN modules m ON m.tenant = v.tenant AND m.digest = v.digest"
                + " WHERE v.tenant = ? AND v.name = ?"
                + " ORDER BY v.created_at DESC, v.digest LIMIT "
                + PageLimit.MOST,
            row ->
                new VersionRecord(
                    Digests.fromBytes(row.getBytes("digest")),
                    Timestamps.read(row, "created_at"),
                    row.getInt("size_bytes"),
                    row.getString("description")),
            tenant.value(),
            name.value()));
  }

  /**
   * Replaces all settings of a function; whether it exists.
   *
   * @throws IllegalArgumentException if a text in them cannot be stored
   */
  public boolean updateSettings(TenantId tenant, FunctionName name, FunctionSettings settings) {
    for (String arg : settings.args()) {
      StorableText.check("an argument", arg, MAX_SETTING_CHARS);
    }
    List<Map.Entry<String, String>> env =
        settings.env().entrySet().stream().sorted(Map.Entry.comparingByKey()).toList();
    for (Map.Entry<String, String> variable : env) {
      StorableText.check(
          "the value of " + variable.getKey(), variable.getValue(), MAX_SETTING_CHARS);
    }
    LimitOverrides limits = settings.limits();
    WasiGrants grants = settings.grants();
    ScratchGrant scratch = grants.scratch();
    return database.query(connection ->
        Query.update(
                connection,
                "UPDATE functions SET args = ?, env_names = ?, env_values = ?,"
                    + " cgi_response = ?, held_to_tier_1 = ?, updated_at = now(), "
                    + GrantColumns.ASSIGNMENTS
                    + ", "
                    + LimitColumns.ASSIGNMENTS
                    + " WHERE tenant = ? AND name = ?",
                settings.args().toArray(String[]::new),
                env.stream().map(Map.Entry::getKey).toArray(String[]::new),
                env.stream().map(Map.Entry::getValue).toArray(String[]::new),
                settings.cgiResponse(),
                settings.heldToTier1(),
                grants.has(WasiGrant.CLOCK),
                grants.has(WasiGrant.MONOTONIC_CLOCK),
                grants.has(WasiGrant.RANDOM),
                grants.tree(),
                scratch == null ? null : scratch.path(),
                scratch == null ? null : scratch.bytes(),
                scratch == null ? null : scratch.entries(),
                limits.fuel(),
                limits.memoryBytes(),
                limits.tableElements(),
                limits.callDepth(),
                limits.deadlineNanos(),
                tenant.value(),
                name.value())
            == 1);
  }

  /**
   * Deletes a function with its versions and those modules that no other function of the tenant
   * uses, and machine code of modules that no tenant has any more. Receipts stay.
   *
   * @return of its modules those that no tenant has any more; empty if it did not exist
   */
  public Optional<Set<ModuleDigest>> delete(TenantId tenant, FunctionName name) {
    return database.transaction(connection -> {
      // Without it, an upload under way could take a module for present that goes here.
      TenantRow.lock(connection, tenant);
      List<byte[]> digests =
          Query.list(
              connection,
              "SELECT digest FROM versions WHERE tenant = ? AND name = ?",
              row -> row.getBytes(1),
              tenant.value(),
              name.value());
      byte[] tree =
          Query.first(
                  connection,
                  "SELECT tree_digest FROM functions WHERE tenant = ? AND name = ?"
                      + " AND tree_digest IS NOT NULL",
                  row -> row.getBytes(1),
                  tenant.value(),
                  name.value())
              .orElse(null);
      int deleted =
          Query.update(
              connection,
              "DELETE FROM functions WHERE tenant = ? AND name = ?",
              tenant.value(),
              name.value());
      // A function's current version is among its versions, so these are all that refer.
      Query.update(
          connection,
          "DELETE FROM modules m WHERE m.tenant = ? AND m.digest = ANY (?) AND NOT EXISTS"
              + " (SELECT 1 FROM versions v WHERE v.tenant = m.tenant AND v.digest = m.digest)",
          tenant.value(),
          digests.toArray(byte[][]::new));
      Set<ModuleDigest> unused = SharedArtifacts.deleteUnused(connection, digests);
      TreeStore.deleteUnused(connection, tenant, tree);
      return deleted == 1 ? Optional.of(unused) : Optional.empty();
    });
  }

  /** A module's bytes, a fresh array, if a function of the tenant has them as a version. */
  public Optional<byte[]> moduleBytes(TenantId tenant, ModuleDigest digest) {
    return database.query(connection ->
        Query.first(
            connection,
            "SELECT bytes FROM modules WHERE tenant = ? AND digest = ?",
            row -> row.getBytes(1),
            tenant.value(),
            Digests.toBytes(digest)));
  }

  private static FunctionRecord readFunction(ResultSet row) throws SQLException {
    String[] names = (String[]) row.getArray("env_names").getArray();
    String[] values = (String[]) row.getArray("env_values").getArray();
    Map<String, String> env = HashMap.newHashMap(names.length);
    for (int i = 0; i < names.length; i++) {
      env.put(names[i], values[i]);
    }
    return new FunctionRecord(
        new FunctionName(row.getString("name")),
        Digests.fromBytes(row.getBytes("current_digest")),
        new FunctionSettings(
            List.of((String[]) row.getArray("args").getArray()),
            env,
            row.getBoolean("cgi_response"),
            LimitColumns.read(row),
            GrantColumns.read(row),
            row.getBoolean("held_to_tier_1")),
        TreeStore.fromBytes(row.getBytes("tree_digest")),
        Timestamps.read(row, "created_at"),
        Timestamps.read(row, "updated_at"));
  }
}
