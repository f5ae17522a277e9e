package dev.skep.storage;

import dev.skep.scheduler.ArtifactAsk;
import dev.skep.scheduler.ArtifactClaim;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.ArtifactStore;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.NativeState;
import dev.skep.scheduler.NodeId;
import dev.skep.scheduler.StoredCode;
import dev.skep.scheduler.TenantId;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Artifacts in PostgreSQL, shared by all nodes. Thread-safe; every method blocks on the database
 * and throws {@link StorageException}.
 *
 * <h2>One compile at a time</h2>
 *
 * The row of an artifact that is being compiled is a lease: it names the node and says until when.
 * One statement inserts it, or takes it over when its time has run out; PostgreSQL lets one of all
 * that try at once do so. All times are the database's, so that nodes need not agree on theirs.
 * Only who is named in the row can make it an artifact, so that a node which was slow and has lost
 * its lease does no harm.
 *
 * <pre>
 *            claim                    ready
 *   (none) ────────▶ compiling(node) ───────▶ ready
 *      ▲  giveBack     │   ▲   │ unsupported, failed
 *      └───────────────┘   │   └────────────▶ unsupported │ failed
 *                          └── claim, of another node, once the lease has run out,
 *                              or an hour after it has failed; {@value #MOST_ATTEMPTS} in all
 * </pre>
 */
public final class SharedArtifacts implements ArtifactStore {
  private static final Logger LOG = LoggerFactory.getLogger(SharedArtifacts.class);

  /** Compiles that may fail, or that nodes may die of, before a module is left alone. */
  static final int MOST_ATTEMPTS = 3;

  private static final String RETRY_AFTER = "interval '1 hour'";
  private static final String IN_MILLIS = "(? * interval '1 millisecond')";

  private final Database database;
  private final LongAdder corrupt = new LongAdder();

  public SharedArtifacts(Database database) {
    this.database = database;
  }

  static byte[] sha256(byte[] bytes) {
    return sha256().digest(bytes);
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** An artifact and what it should hash to. */
  private record Stored(byte[] sha256, byte[] bytes) {}

  @Override
  public Optional<byte[]> load(ArtifactKey key) {
    Optional<Stored> found =
        database.query(connection ->
            Query.first(
                connection,
                "SELECT sha256, bytes FROM artifacts"
                    + " WHERE digest = ? AND compiler = ? AND state = 'ready'",
                row -> new Stored(row.getBytes(1), row.getBytes(2)),
                Digests.toBytes(key.module()),
                key.compiler()));
    if (found.isEmpty()) {
      return Optional.empty();
    }
    Stored stored = found.get();
    return isWhole(key, stored.sha256, stored.bytes) ? Optional.of(stored.bytes) : Optional.empty();
  }

  /** Whether an artifact is what was kept; else it is thrown away. */
  private boolean isWhole(ArtifactKey key, byte @Nullable [] sha256, byte[] bytes) {
    if (MessageDigest.isEqual(sha256, sha256(bytes))) {
      return true;
    }
    corrupt.increment();
    discard(key, "its SHA-256 is not the one that was kept with it");
    return false;
  }

  @Override
  public void discard(ArtifactKey key, String because) {
    LOG.atError()
        .addKeyValue("module", key.module())
        .addKeyValue("compiler", key.compiler())
        .addKeyValue("because", because)
        .log("an artifact is thrown away");
    byte[] digest = Digests.toBytes(key.module());
    var _ =
        database.transaction(connection -> {
          int deleted =
              Query.update(
                  connection,
                  "DELETE FROM artifacts WHERE digest = ? AND compiler = ? AND state = 'ready'",
                  digest,
                  key.compiler());
          // Whoever had been answered with it has not: a sweep takes it up. The bill is the same.
          Query.update(
              connection,
              "UPDATE native_asks SET settled = false"
                  + " WHERE digest = ? AND compiler = ? AND settled",
              digest,
              key.compiler());
          return deleted;
        });
  }

  @Override
  public OptionalInt ask(ArtifactAsk ask, String compiler) {
    byte[] digest = Digests.toBytes(ask.version());
    return database.transaction(connection -> {
      // Held, so that the module does not go between the two statements.
      Optional<Integer> bytes =
          Query.first(
              connection,
              "SELECT size_bytes FROM modules WHERE tenant = ? AND digest = ? FOR KEY SHARE",
              row -> row.getInt(1),
              ask.tenant().value(),
              digest);
      if (bytes.isEmpty()) {
        return OptionalInt.empty();
      }
      Query.update(
          connection,
          "INSERT INTO native_asks (tenant, digest, compiler, function) VALUES (?, ?, ?, ?)"
              + " ON CONFLICT (tenant, digest, compiler) DO UPDATE"
              + " SET settled = false, asked_at = now(), function = excluded.function",
          ask.tenant().value(),
          digest,
          compiler,
          ask.function().value());
      return OptionalInt.of(bytes.get());
    });
  }

  @Override
  public void settle(ArtifactAsk ask, String compiler) {
    var _ =
        database.query(connection ->
            Query.update(
                connection,
                "UPDATE native_asks SET settled = true"
                    + " WHERE tenant = ? AND digest = ? AND compiler = ?",
                ask.tenant().value(),
                Digests.toBytes(ask.version()),
                compiler));
  }

  @Override
  public NativeState state(TenantId tenant, ArtifactKey key) {
    return database
        .query(connection ->
            Query.first(
                connection,
                "SELECT k.settled, a.state, a.reason, a.leased_until > now() AS alive"
                    + " FROM native_asks k"
                    + " LEFT JOIN artifacts a ON a.digest = k.digest"
                    + " AND a.compiler = k.compiler"
                    + " WHERE k.tenant = ? AND k.digest = ? AND k.compiler = ?",
                SharedArtifacts::readState,
                tenant.value(),
                Digests.toBytes(key.module()),
                key.compiler()))
        .orElse(new NativeState.Absent());
  }

  /** Whether the ask of row k is answered with the artifact of row a. */
  private static final String READY = "k.settled AND a.state = 'ready'";

  private static String findSql(boolean artifact) {
    return "SELECT k.settled, a.state, a.reason, a.leased_until > now() AS alive,"
        + (artifact ? " a.sha256, CASE WHEN " + READY + " THEN a.bytes END AS artifact," : "")
        + " CASE WHEN "
        + READY
        + " THEN m.bytes END AS module"
        + " FROM native_asks k"
        + " LEFT JOIN artifacts a ON a.digest = k.digest AND a.compiler = k.compiler"
        + " LEFT JOIN modules m ON m.tenant = k.tenant AND m.digest = k.digest"
        + " WHERE k.tenant = ? AND k.digest = ? AND k.compiler = ?";
  }

  @Override
  public StoredCode find(TenantId tenant, ArtifactKey key, boolean answered) {
    return find(tenant, key, Optional.empty());
  }

  /**
   * The same for who may have the artifact already.
   *
   * @param here it, which is not read then
   */
  StoredCode find(TenantId tenant, ArtifactKey key, Optional<byte[]> here) {
    boolean artifact = here.isEmpty();
    record Row(StoredCode code, byte @Nullable [] sha256) {}

    Optional<Row> found =
        database.query(connection ->
            Query.first(
                connection,
                findSql(artifact),
                row ->
                    new Row(
                        new StoredCode(
                            readState(row),
                            Optional.ofNullable(row.getBytes("module")),
                            artifact ? Optional.ofNullable(row.getBytes("artifact")) : here),
                        artifact ? row.getBytes("sha256") : null),
                tenant.value(),
                Digests.toBytes(key.module()),
                key.compiler()));
    if (found.isEmpty()) {
      return StoredCode.none(new NativeState.Absent());
    }
    StoredCode code = found.get().code;
    if (!(code.state() instanceof NativeState.Ready)) {
      return StoredCode.none(code.state());
    }
    if (artifact && !isWhole(key, found.get().sha256, code.artifact().orElseThrow())) {
      // Its asks are open again.
      return StoredCode.none(new NativeState.Queued());
    }
    return code;
  }

  @Override
  public Map<ModuleDigest, NativeState> states(
      TenantId tenant, List<ModuleDigest> versions, String compiler) {
    if (versions.size() > PageLimit.MOST) {
      throw new IllegalArgumentException(
          "there are " + versions.size() + " versions; at most " + PageLimit.MOST + " go");
    }
    Map<ModuleDigest, NativeState> states = new HashMap<>();
    database
        .query(connection ->
            Query.list(
                connection,
                "SELECT k.digest, k.settled, a.state, a.reason, a.leased_until > now() AS alive"
                    + " FROM native_asks k"
                    + " LEFT JOIN artifacts a ON a.digest = k.digest"
                    + " AND a.compiler = k.compiler"
                    + " WHERE k.tenant = ? AND k.digest = ANY (?) AND k.compiler = ?",
                row -> Map.entry(Digests.fromBytes(row.getBytes("digest")), readState(row)),
                tenant.value(),
                versions.stream().map(Digests::toBytes).toArray(byte[][]::new),
                compiler))
        .forEach(entry -> states.put(entry.getKey(), entry.getValue()));
    return states;
  }

  /** What is there is the tenant's only once its own ask has been answered. */
  private static NativeState readState(ResultSet row) throws SQLException {
    NativeState state = state(row.getString("state"), row.getString("reason"));
    if (state.isFinal()) {
      return row.getBoolean("settled") ? state : new NativeState.Queued();
    }
    return row.getBoolean("alive") ? new NativeState.Compiling() : new NativeState.Queued();
  }

  private static NativeState state(@Nullable String word, @Nullable String reason) {
    String why = reason == null ? "" : reason;
    return switch (word == null ? "" : word) {
      case "ready" -> new NativeState.Ready();
      case "unsupported" -> new NativeState.Unsupported(why);
      case "failed" -> new NativeState.Failed(why);
      default -> new NativeState.Queued();
    };
  }

  @Override
  public List<ArtifactAsk> open(String compiler, int limit) {
    PageLimit.check(limit);
    return database.query(connection ->
        Query.list(
            connection,
            "SELECT k.tenant, k.function, k.digest FROM native_asks k"
                + " WHERE k.compiler = ? AND NOT k.settled AND NOT EXISTS"
                + " (SELECT 1 FROM artifacts a WHERE a.digest = k.digest"
                + " AND a.compiler = k.compiler AND a.leased_until > now())"
                + " ORDER BY k.asked_at LIMIT ?",
            row ->
                new ArtifactAsk(
                    new TenantId(row.getString(1)),
                    new FunctionName(row.getString(2)),
                    Digests.fromBytes(row.getBytes(3))),
            compiler,
            limit));
  }

  @Override
  public ArtifactClaim claim(ArtifactKey key, NodeId node, Duration lease) {
    return database.query(connection -> {
      byte[] digest = Digests.toBytes(key.module());
      Optional<Integer> granted =
          Query.first(
              connection,
              "INSERT INTO artifacts AS a (digest, compiler, state, attempts, node,"
                  + " leased_until) VALUES (?, ?, 'compiling', 1, ?, now() + "
                  + IN_MILLIS
                  + ") ON CONFLICT (digest, compiler) DO UPDATE SET state = 'compiling',"
                  + " attempts = a.attempts + 1, node = excluded.node,"
                  + " leased_until = excluded.leased_until, reason = NULL, updated_at = now()"
                  + " WHERE a.attempts < ? AND (a.leased_until <= now()"
                  + " OR (a.state = 'failed' AND a.updated_at <= now() - "
                  + RETRY_AFTER
                  + ")) RETURNING attempts",
              row -> row.getInt(1),
              digest,
              key.compiler(),
              node.uuid(),
              lease.toMillis(),
              MOST_ATTEMPTS);
      return granted.isPresent()
          ? new ArtifactClaim.Granted(granted.get())
          : notGranted(connection, digest, key.compiler());
    });
  }

  private static ArtifactClaim notGranted(Connection connection, byte[] digest, String compiler)
      throws SQLException {
    Query.update(
        connection,
        "UPDATE artifacts SET state = 'failed', node = NULL, leased_until = NULL,"
            + " reason = ?, updated_at = now() WHERE digest = ? AND compiler = ?"
            + " AND leased_until <= now() AND attempts >= ?",
        "the nodes that compiled it ended while they did, " + MOST_ATTEMPTS + " times",
        digest,
        compiler,
        MOST_ATTEMPTS);
    return Query.first(
            connection,
            "SELECT state, reason, extract(epoch FROM leased_until - now()) AS left_seconds"
                + " FROM artifacts WHERE digest = ? AND compiler = ?",
            SharedArtifacts::readClaim,
            digest,
            compiler)
        // Given back just now: nobody is at it.
        .orElse(new ArtifactClaim.Elsewhere(Duration.ZERO));
  }

  private static ArtifactClaim readClaim(ResultSet row) throws SQLException {
    NativeState state = state(row.getString("state"), row.getString("reason"));
    if (state.isFinal()) {
      return new ArtifactClaim.Done(state);
    }
    long leftMillis = (long) (row.getDouble("left_seconds") * 1_000);
    return new ArtifactClaim.Elsewhere(Duration.ofMillis(Math.max(0, leftMillis)));
  }

  @Override
  public boolean renew(ArtifactKey key, NodeId node, Duration lease) {
    return database.query(connection ->
        Query.update(
            connection,
            "UPDATE artifacts SET leased_until = now() + "
                + IN_MILLIS
                + " WHERE digest = ? AND compiler = ? AND node = ?",
            lease.toMillis(),
            Digests.toBytes(key.module()),
            key.compiler(),
            node.uuid()))
        == 1;
  }

  @Override
  public boolean ready(ArtifactKey key, NodeId node, byte[] artifact) {
    if (artifact.length < 1 || artifact.length > MOST_BYTES) {
      throw new IllegalArgumentException(
          "the artifact has " + artifact.length + " bytes; it must have 1 to " + MOST_BYTES);
    }
    byte[] digest = Digests.toBytes(key.module());
    return database.transaction(connection -> {
      // Held, so that the last module of the digest goes before this or after it, and takes it
      // along. Of several tenants' one is held; if just that one goes, this one may be missed,
      // and the module is compiled again when somebody runs it.
      boolean wanted =
          Query.first(
                  connection,
                  "SELECT 1 FROM modules WHERE digest = ? LIMIT 1 FOR KEY SHARE",
                  row -> row.getInt(1),
                  digest)
              .isPresent();
      if (!wanted) {
        delete(connection, digest, key.compiler(), node);
        return false;
      }
      return Query.update(
              connection,
              "UPDATE artifacts SET state = 'ready', node = NULL, leased_until = NULL,"
                  + " sha256 = ?, size_bytes = ?, bytes = ?, updated_at = now()"
                  + " WHERE digest = ? AND compiler = ? AND node = ?",
              sha256(artifact),
              artifact.length,
              artifact,
              digest,
              key.compiler(),
              node.uuid())
          == 1;
    });
  }

  private static void delete(Connection connection, byte[] digest, String compiler, NodeId node)
      throws SQLException {
    Query.update(
        connection,
        "DELETE FROM artifacts WHERE digest = ? AND compiler = ? AND node = ?",
        digest,
        compiler,
        node.uuid());
  }

  @Override
  public boolean unsupported(ArtifactKey key, NodeId node, NativeState.Unsupported why) {
    return end(key, node, why.word(), why.reason());
  }

  @Override
  public boolean failed(ArtifactKey key, NodeId node, NativeState.Failed why) {
    return end(key, node, why.word(), why.reason());
  }

  private boolean end(ArtifactKey key, NodeId node, String state, String reason) {
    return database.query(connection ->
        Query.update(
            connection,
            "UPDATE artifacts SET state = ?, reason = ?, node = NULL, leased_until = NULL,"
                + " updated_at = now() WHERE digest = ? AND compiler = ? AND node = ?",
            state,
            reason,
            Digests.toBytes(key.module()),
            key.compiler(),
            node.uuid()))
        == 1;
  }

  @Override
  public void giveBack(ArtifactKey key, NodeId node) {
    byte[] digest = Digests.toBytes(key.module());
    var _ =
        database.transaction(connection -> {
          // Earlier attempts stay counted; it is nobody's, so that it cannot be renewed.
          int more =
              Query.update(
                  connection,
                  "UPDATE artifacts SET attempts = attempts - 1, leased_until = now(),"
                      + " node = '00000000-0000-0000-0000-000000000000'"
                      + " WHERE digest = ? AND compiler = ? AND node = ? AND attempts > 1",
                  digest,
                  key.compiler(),
                  node.uuid());
          if (more == 0) {
            delete(connection, digest, key.compiler(), node);
          }
          return more;
        });
  }

  /**
   * Deletes the artifacts of those modules that no tenant has any more.
   *
   * @return those modules, whether they had artifacts or not
   */
  static Set<ModuleDigest> deleteUnused(Connection connection, List<byte[]> digests)
      throws SQLException {
    return Set.copyOf(
        Query.list(
            connection,
            "WITH unused AS (SELECT d FROM unnest(?::bytea[]) d WHERE NOT EXISTS"
                + " (SELECT 1 FROM modules m WHERE m.digest = d)),"
                + " deleted AS (DELETE FROM artifacts a USING unused WHERE a.digest = unused.d)"
                + " SELECT d FROM unused",
            row -> Digests.fromBytes(row.getBytes(1)),
            (Object) digests.toArray(byte[][]::new)));
  }

  @Override
  public int purge(String compiler, Duration age, int limit) {
    PageLimit.check(limit);
    return database.query(connection ->
        Query.update(
            connection,
            "DELETE FROM artifacts WHERE (digest, compiler) IN"
                + " (SELECT a.digest, a.compiler FROM artifacts a"
                + " WHERE (a.compiler <> ? AND a.updated_at <= now() - "
                + IN_MILLIS
                + " AND coalesce(a.leased_until <= now(), true))"
                + " OR (a.state <> 'compiling' AND NOT EXISTS"
                + " (SELECT 1 FROM modules m WHERE m.digest = a.digest))"
                + " LIMIT ? FOR UPDATE SKIP LOCKED)",
            compiler,
            age.toMillis(),
            limit));
  }

  /** Artifacts that were in the database and not what had been written. */
  public long corrupt() {
    return corrupt.sum();
  }
}
