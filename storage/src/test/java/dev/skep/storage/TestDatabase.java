package dev.skep.storage;

import dev.skep.limits.TenantLimits;
import dev.skep.scheduler.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.atomic.AtomicInteger;

/** One PostgreSQL for all tests of this JVM; each test keeps to tenants of its own. */
final class TestDatabase {
  /** Shared by all servers that tests start, because unpacking takes seconds. */
  static final Path BINARIES = Path.of("target", "postgres-binaries");

  private static final AtomicInteger TENANTS = new AtomicInteger();

  private TestDatabase() {}

  /** Loaded by the first test that needs it. */
  private static final class Holder {
    static final EmbeddedDatabase SERVER = start();
    static final Database DATABASE = Database.open(SERVER.config());

    private static EmbeddedDatabase start() {
      try {
        Path directory =
            Files.createTempDirectory(Files.createDirectories(Path.of("target")), "pg");
        EmbeddedDatabase server = EmbeddedDatabase.start(directory, BINARIES);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> remove(server, directory)));
        return server;
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }

    private static void remove(EmbeddedDatabase server, Path directory) {
      DATABASE.close();
      server.close();
      try (var paths = Files.walk(directory)) {
        for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      } catch (IOException e) {
        System.err.println("left " + directory + ": " + e);
      }
    }
  }

  static Database database() {
    return Holder.DATABASE;
  }

  static DatabaseConfig config() {
    return Holder.SERVER.config();
  }

  /** A name that no other test uses. */
  static TenantId newTenantId() {
    return new TenantId("t" + TENANTS.incrementAndGet());
  }

  /** A tenant of its own for a test. */
  static TenantId newTenant() {
    TenantId tenant = newTenantId();
    new TenantStore(database()).create(tenant, TenantLimits.DEFAULTS);
    return tenant;
  }
}
