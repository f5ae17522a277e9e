package dev.skep.storage;

import dev.skep.limits.TenantLimits;
import dev.skep.scheduler.TenantId;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/**
 * A process that a test can kill: starts a server, creates a tenant, prints {@code ready} and the
 * postmaster's id, and waits for its end.
 */
final class EmbeddedDatabaseChild {
  private EmbeddedDatabaseChild() {}

  /**
   * @param arguments directory, binaries, tenant
   */
  public static void main(String[] arguments) throws InterruptedException {
    EmbeddedDatabase server = EmbeddedDatabase.start(Path.of(arguments[0]), Path.of(arguments[1]));
    Database database = Database.open(server.config());
    new TenantStore(database).create(new TenantId(arguments[2]), TenantLimits.DEFAULTS);
    System.out.println("ready " + server.postmasterPid().orElseThrow());
    new CountDownLatch(1).await();
  }
}
