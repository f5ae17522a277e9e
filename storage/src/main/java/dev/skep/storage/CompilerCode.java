package dev.skep.storage;

import dev.skep.scheduler.ArtifactKey;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The compiler's own machine code in PostgreSQL, for all nodes, and in this node's directory. Apart
 * from {@link SharedArtifacts}, whose artifacts go with the last module of a tenant. Thread-safe;
 * blocks on the disk and the database, and throws {@link StorageException}.
 */
public final class CompilerCode {
  private static final Logger LOG = LoggerFactory.getLogger(CompilerCode.class);

  /** What other compilers have left is deleted when one is kept, after this time. */
  private static final Duration OTHERS_KEPT = Duration.ofDays(30);

  private final Database database;
  private final ArtifactDirectory directory;

  public CompilerCode(Database database, ArtifactDirectory directory) {
    this.database = database;
    this.directory = directory;
  }

  private record Stored(byte[] sha256, byte[] bytes) {}

  /** What was kept last, if it is whole. */
  public Optional<byte[]> load(ArtifactKey key) {
    Optional<byte[]> here = directory.get(key);
    if (here.isPresent()) {
      return here;
    }
    Optional<Stored> found =
        database.query(connection ->
            Query.first(
                connection,
                "SELECT sha256, bytes FROM compiler_code WHERE digest = ? AND compiler = ?",
                row -> new Stored(row.getBytes(1), row.getBytes(2)),
                Digests.toBytes(key.module()),
                key.compiler()));
    if (found.isEmpty()) {
      return Optional.empty();
    }
    Stored stored = found.get();
    if (!MessageDigest.isEqual(stored.sha256, SharedArtifacts.sha256(stored.bytes))) {
      LOG.atError()
          .addKeyValue("compiler", key.compiler())
          .log("the compiler's machine code in the database is not what was kept");
      return Optional.empty();
    }
    directory.put(key, stored.bytes);
    return Optional.of(stored.bytes);
  }

  /**
   * Keeps it in the place of what was kept before.
   *
   * @param artifact 1 byte to 64 MiB
   */
  public void keep(ArtifactKey key, byte[] artifact) {
    directory.put(key, artifact);
    var _ =
        database.transaction(connection -> {
          Query.update(
              connection,
              "DELETE FROM compiler_code WHERE compiler <> ?"
                  + " AND kept_at <= now() - ? * interval '1 millisecond'",
              key.compiler(),
              OTHERS_KEPT.toMillis());
          return Query.update(
              connection,
              "INSERT INTO compiler_code (digest, compiler, sha256, bytes) VALUES (?, ?, ?, ?)"
                  + " ON CONFLICT (digest, compiler) DO UPDATE SET sha256 = excluded.sha256,"
                  + " bytes = excluded.bytes, kept_at = now()",
              Digests.toBytes(key.module()),
              key.compiler(),
              SharedArtifacts.sha256(artifact),
              artifact);
        });
  }
}
