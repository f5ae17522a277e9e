package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.skep.limits.TenantLimits;
import dev.skep.scheduler.TenantId;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EmbeddedDatabaseIT {
  private static final TenantId BEE = new TenantId("bee");

  @TempDir Path temp;

  private EmbeddedDatabase start() {
    return EmbeddedDatabase.start(temp.resolve("pg"), TestDatabase.BINARIES);
  }

  private static void createTenant(EmbeddedDatabase server) {
    try (Database database = Database.open(server.config())) {
      new TenantStore(database).create(BEE, TenantLimits.DEFAULTS);
    }
  }

  private static boolean hasTenant(EmbeddedDatabase server) {
    try (Database database = Database.open(server.config())) {
      return new TenantStore(database).find(BEE).isPresent();
    }
  }

  private static String show(Database database, String setting) {
    return database.query(connection ->
        Query.first(connection, "SHOW " + setting, row -> row.getString(1)).orElseThrow());
  }

  @Test
  void dataOutlivesAnOrderlyStop() {
    try (EmbeddedDatabase server = start()) {
      createTenant(server);
    }
    assertThat(new ClusterProcesses(temp.resolve("pg/cluster")).pids()).isEmpty();
    try (EmbeddedDatabase server = start()) {
      assertThat(hasTenant(server)).isTrue();
    }
  }

  private static List<String> autogroups(EmbeddedDatabase server) throws IOException {
    ProcessHandle postmaster = ProcessHandle.of(server.postmasterPid().orElseThrow()).orElseThrow();
    List<ProcessHandle> all = new ArrayList<>(postmaster.children().toList());
    assertThat(all).isNotEmpty();
    all.add(postmaster);
    List<String> groups = new ArrayList<>();
    for (ProcessHandle each : all) {
      groups.add(Files.readString(Path.of("/proc/" + each.pid() + "/autogroup")).strip());
    }
    return groups;
  }

  @Test
  void everyProcessOfTheServerStepsBack() {
    assumeTrue(
        ServerNiceness.isPossible(),
        "this kernel does not group processes by session, or does not let them step back");
    try (EmbeddedDatabase server = start()) {
      server.stepBack(7);
      // A connection's process begins after that.
      try (Database database = Database.open(server.config())) {
        assertThat(show(database, "fsync")).isEqualTo("on");
        await()
            .atMost(Duration.ofMinutes(1))
            .ignoreExceptions()
            .untilAsserted(() ->
                assertThat(autogroups(server))
                    .allSatisfy(group -> assertThat(group).endsWith(" nice 7")));
      }
    }
  }

  @Test
  void commitsAreDurableAndOnlyLoopbackIsListenedOn() throws IOException {
    try (EmbeddedDatabase server = start();
        Database database = Database.open(server.config())) {
      assertThat(show(database, "fsync")).isEqualTo("on");
      assertThat(show(database, "synchronous_commit")).isEqualTo("on");
      assertThat(show(database, "full_page_writes")).isEqualTo("on");
      assertThat(show(database, "data_checksums")).isEqualTo("on");
      assertThat(show(database, "listen_addresses")).isEqualTo("127.0.0.1");
      assertThat(show(database, "unix_socket_directories")).isEmpty();
      int port = Integer.parseInt(server.config().jdbcUrl().replaceAll(".*:(\\d+)/.*", "$1"));
      for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
        for (InetAddress address :
            each.inetAddresses().filter(a -> !a.isLoopbackAddress()).toList()) {
          assertThatThrownBy(() -> new Socket(address, port).close())
              .as("%s", address)
              .isInstanceOf(IOException.class);
        }
      }
    }
  }

  @Test
  void passwordIsAskedForAndKeptPrivate() throws IOException {
    try (EmbeddedDatabase server = start()) {
      DatabaseConfig right = server.config();
      DatabaseConfig wrong =
          new DatabaseConfig(right.jdbcUrl(), right.user(), "guess", 1, Duration.ofSeconds(1));
      assertThatThrownBy(() -> Database.open(wrong))
          .isInstanceOf(DatabaseUnavailableException.class)
          .hasMessageContaining("password authentication failed");
      assertThat(Files.getPosixFilePermissions(temp.resolve("pg/password")))
          .isEqualTo(PosixFilePermissions.fromString("rw-------"));
      assertThat(Files.getPosixFilePermissions(temp.resolve("pg")))
          .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void directoryHasOneOwner() {
    try (EmbeddedDatabase server = start()) {
      assertThatThrownBy(this::start).isInstanceOf(DirectoryInUseException.class);
      assertThat(hasTenant(server)).isFalse();
    }
  }

  @Test
  void dataOutlivesTheKillingOfPostgres() {
    EmbeddedDatabase killed = start();
    createTenant(killed);
    long postmaster = killed.postmasterPid().orElseThrow();
    ProcessHandle.of(postmaster).orElseThrow().destroyForcibly();
    await().until(() -> killed.postmasterPid().isEmpty());
    assertThat(temp.resolve("pg/cluster/postmaster.pid")).exists();
    killed.close();
    try (EmbeddedDatabase server = start()) {
      assertThat(hasTenant(server)).isTrue();
    }
  }

  @Test
  void stalePidFileThatNamesAnUnrelatedProcessDoesNotPreventAStart() throws IOException {
    try (EmbeddedDatabase server = start()) {
      createTenant(server);
    }
    Process unrelated = new ProcessBuilder("sleep", "600").start();
    try {
      Path cluster = temp.resolve("pg/cluster");
      Files.writeString(
          cluster.resolve("postmaster.pid"),
          unrelated.pid() + "\n" + cluster + "\n1700000000\n5432\n\n127.0.0.1\n");
      try (EmbeddedDatabase server = start()) {
        assertThat(hasTenant(server)).isTrue();
      }
      assertThat(unrelated.isAlive()).isTrue();
    } finally {
      unrelated.destroyForcibly();
    }
  }

  @Test
  void dataOutlivesTheKillingOfTheJvmAndThePostgresLeftRunningIsStopped() throws Exception {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                EmbeddedDatabaseChild.class.getName(),
                temp.resolve("pg").toString(),
                TestDatabase.BINARIES.toString(),
                BEE.value())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    long orphan;
    try (BufferedReader output = child.inputReader()) {
      String line = output.readLine();
      while (line != null && !line.startsWith("ready ")) {
        line = output.readLine();
      }
      assertThat(line).as("the child's last word").isNotNull();
      orphan = Long.parseLong(String.valueOf(line).substring("ready ".length()));
    } finally {
      child.destroyForcibly().waitFor();
    }
    ClusterProcesses processes = new ClusterProcesses(temp.resolve("pg/cluster").toRealPath());
    assertThat(processes.pids()).contains(orphan);
    try (EmbeddedDatabase server = start()) {
      assertThat(server.postmasterPid().orElseThrow()).isNotEqualTo(orphan);
      assertThat(processes.pids()).isNotEmpty().doesNotContain(orphan);
      assertThat(hasTenant(server)).isTrue();
    }
  }

  @Test
  void halfMadeClusterIsSetAsideAndMadeAgain() throws IOException {
    Path cluster = Files.createDirectories(temp.resolve("pg/cluster"));
    Files.writeString(cluster.resolve("postgresql.conf"), "half = written");
    try (EmbeddedDatabase server = start()) {
      createTenant(server);
      assertThat(hasTenant(server)).isTrue();
    }
    assertThat(temp.resolve("pg/discarded/postgresql.conf")).hasContent("half = written");
  }

  @Test
  void nothingIsWrittenOutsideItsDirectoryButTheBinaries() throws IOException {
    try (EmbeddedDatabase server = start()) {
      createTenant(server);
      try (var files = Files.list(temp.resolve("pg"))) {
        assertThat(files.map(f -> f.getFileName().toString()))
            .containsExactlyInAnyOrder(
                "cluster", "initialised", "lock", "password", "scratch", "start.log");
      }
      try (var files = Files.list(temp.resolve("pg/scratch"))) {
        assertThat(files).isEmpty();
      }
      assertThat(Path.of(System.getProperty("java.io.tmpdir"), "embedded-pg")).doesNotExist();
    }
  }
}
