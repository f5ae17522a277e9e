package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.storage.DatabaseConfig;
import dev.skep.storage.EmbeddedDatabase;
import io.vertx.core.json.JsonObject;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Machine code outlives nodes that die, disks that lie and rows that somebody has changed. */
class TierClusterIT {
  private static final byte[] FIB = Http.guest("wasm/fib.wasm");

  /** Several seconds of compiling, as the JVM runs the compiler. */
  private static final byte[] LARGE = Http.guest("wasm/json_transform.wasm");

  private static Path folder;
  private static EmbeddedDatabase database;

  @BeforeAll
  static void start() throws Exception {
    folder = Files.createTempDirectory("skep-tiers");
    database = EmbeddedDatabase.start(folder.resolve("postgres"));
  }

  @AfterAll
  static void stop() {
    database.close();
    TestNode.delete(folder);
  }

  private static Map<String, String> environment() {
    DatabaseConfig config = database.config();
    String password =
        URLEncoder.encode(Objects.requireNonNull(config.password()), StandardCharsets.UTF_8);
    return Map.of(
        "SKEP_DATABASE_URL",
        config.jdbcUrl()
            + (config.jdbcUrl().contains("?") ? "&" : "?")
            + "user="
            + config.user()
            + "&password="
            + password,
        "SKEP_OPERATOR_TOKEN",
        ChildNode.OPERATOR,
        "SKEP_TIER_2_QUICKEN",
        "off",
        "SKEP_TIER_2_LEASE_SECONDS",
        "3",
        "SKEP_INSTANCES",
        "256");
  }

  /** A node of this database with a data directory of its own. */
  private static Node node(String data) throws Exception {
    Map<String, String> environment = new HashMap<>(environment());
    environment.put("SKEP_PORT", "0");
    environment.put("SKEP_DATA_DIR", folder.resolve(data).toString());
    return Node.start(NodeConfig.of(environment), _ -> {});
  }

  private static Http operator(Node node) {
    return new Http(node.url(), ChildNode.OPERATOR);
  }

  private static String path(String tenant) {
    return "/v1/tenants/" + tenant + "/functions/fib";
  }

  /** Has a tenant with a function that there is machine code of. */
  private static void deploy(Node node, String tenant) {
    Http operator = operator(node);
    assertThat(operator.post("/v1/tenants", "{\"id\":\"" + tenant + "\"}").status()).isEqualTo(201);
    Http.Answer answer = operator.put(path(tenant) + "?wait-native=300", FIB);
    assertThat(answer.status()).as(answer.text()).isEqualTo(201);
    assertThat(answer.json().getInteger("tier")).as(answer.text()).isEqualTo(2);
  }

  private static String tierOfARun(Node node, String tenant) {
    Http.Answer answer =
        operator(node).post(path(tenant) + "/invoke?export=fib", "{\"args\":[15]}");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.json().getJsonArray("results")).containsExactly(610);
    return answer.header("Skep-Tier");
  }

  private static double figure(Node node, String series) {
    return TierIT.figure(operator(node).get("/metrics").text(), series);
  }

  private static double thrownAway(Node node, String reason) {
    return figure(node, "skep_artifacts_refused_total{reason=\"" + reason + "\",}");
  }

  private static int execute(String sql) throws Exception {
    DatabaseConfig config = database.config();
    try (Connection connection =
            DriverManager.getConnection(config.jdbcUrl(), config.user(), config.password());
        PreparedStatement statement = connection.prepareStatement(sql)) {
      return statement.executeUpdate();
    }
  }

  @Test
  void theFirstRunOnAnotherNodeIsMachineCodeAndNothingIsCompiled() throws Exception {
    try (Node first = node("first")) {
      deploy(first, "stored");
    }
    try (Node second = node("second")) {
      assertThat(tierOfARun(second, "stored")).isEqualTo("2");
      assertThat(figure(second, "skep_engine_compiles_total")).isZero();
      assertThat(figure(second, "skep_native_compiles_total{result=\"ready\",}")).isZero();
      assertThat(figure(second, "skep_native_loads_total")).isEqualTo(1);
      // Held to tier 1 it needs the classes, which it gets.
      assertThat(operator(second).patch(path("stored"), "{\"heldToTier1\":true}").status())
          .isEqualTo(200);
      assertThat(tierOfARun(second, "stored")).isEqualTo("1");
      assertThat(figure(second, "skep_engine_compiles_total")).isEqualTo(1);
    }
    try (Node again = node("second")) {
      assertThat(operator(again).patch(path("stored"), "{\"heldToTier1\":false}").status())
          .isEqualTo(200);
      assertThat(tierOfARun(again, "stored")).isEqualTo("2");
      assertThat(figure(again, "skep_artifact_cache_reads_total{result=\"hit\",}")).isPositive();
    }
  }

  @Test
  void aFileThatIsNotWhatWasWrittenIsNotRun() throws Exception {
    try (Node node = node("disk")) {
      deploy(node, "disk");
    }
    List<Path> files;
    try (Stream<Path> all = Files.list(folder.resolve("disk/artifacts"))) {
      files = all.filter(file -> file.toString().endsWith(".artifact")).toList();
    }
    assertThat(files).isNotEmpty();
    for (Path file : files) {
      byte[] bytes = Files.readAllBytes(file);
      bytes[bytes.length / 2] ^= 0x10;
      Files.write(file, bytes);
    }
    try (Node node = node("disk")) {
      assertThat(tierOfARun(node, "disk")).isEqualTo("2");
      assertThat(thrownAway(node, "disk")).isEqualTo(1);
    }
  }

  @Test
  void aRowThatIsNotWhatWasWrittenIsNotRunAndMadeAnew() throws Exception {
    try (Node node = node("row")) {
      deploy(node, "row");
    }
    // As a disk would change it; and as somebody would who knows of the hash beside it.
    String flip = "UPDATE artifacts SET bytes = set_byte(bytes, 500, get_byte(bytes, 500) # 16)";
    Map<String, String> changes =
        Map.of(
            "database",
            flip,
            "content",
            flip + ", sha256 = sha256(set_byte(bytes, 500, get_byte(bytes, 500) # 16))");
    for (Map.Entry<String, String> change : changes.entrySet()) {
      assertThat(execute(change.getValue() + " WHERE state = 'ready'")).isPositive();
      try (Node node = node("row-" + change.getKey())) {
        assertThat(tierOfARun(node, "row")).isEqualTo("1");
        assertThat(thrownAway(node, change.getKey())).isEqualTo(1);
        Awaitility.await()
            .atMost(Duration.ofMinutes(3))
            .until(() -> tierOfARun(node, "row").equals("2"));
        assertThat(figure(node, "skep_native_compiles_total{result=\"ready\",}")).isPositive();
      }
    }
  }

  @Test
  void whatAKilledNodeWasCompilingAnotherTakesOver() throws Exception {
    try (Node survivor = node("survivor")) {
      Path data = folder.resolve("killed");
      try (ChildNode killed = ChildNode.start(data, environment())) {
        Http operator = killed.operator();
        assertThat(operator.post("/v1/tenants", "{\"id\":\"killed\"}").status()).isEqualTo(201);
        assertThat(operator.put(path("killed") + "?wait-native=1", LARGE).status()).isEqualTo(201);
        Awaitility.await()
            .atMost(Duration.ofMinutes(1))
            .until(() -> state(operator.get(path("killed")).json()).equals("compiling"));
        killed.kill();
      }
      Http operator = operator(survivor);
      assertThat(state(operator.get(path("killed")).json())).isIn("compiling", "queued");
      // Nobody asks again: the ask is in the database, and a look for such finds it.
      Awaitility.await()
          .atMost(Duration.ofMinutes(3))
          .until(() -> state(operator.get(path("killed")).json()).equals("ready"));
      // More than once where the machine is so busy that a lease runs out.
      assertThat(figure(survivor, "skep_native_taken_over_total")).isPositive();
      assertThat(survivor.flushReceipts(Duration.ofMinutes(1))).isTrue();
      assertThat(
              operator.get("/v1/tenants/killed/compiles").json().getJsonArray("compiles").stream()
                  .map(receipt -> ((JsonObject) receipt).getInteger("tier")))
          .contains(2);
    }
  }

  private static String state(JsonObject function) {
    return function.getJsonObject("machineCode").getString("state");
  }
}
