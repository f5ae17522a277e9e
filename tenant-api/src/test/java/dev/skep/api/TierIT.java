package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.FuelCosts;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Functions in use become machine code, of who asked for it, unless they are held to tier 1. */
class TierIT {
  private static final byte[] FIB = Http.guest("wasm/fib.wasm");
  private static final String CALL = "{\"args\":[15]}";

  /** Two memories, and {@code f} that answers 7: tier 1 has several memories, tier 2 has not. */
  private static final byte[] TWO_MEMORIES =
      HexFormat.of()
          .parseHex(
              "0061736d01000000" // magic, version
                  + "0105016000017f" // type 0: () -> i32
                  + "03020100" // function 0 has type 0
                  + "05050200010001" // two memories of one page at least
                  + "07050101660000" // export f
                  + "0a06010400" // one body of four bytes without locals
                  + "41070b"); // i32.const 7

  private static String path(String tenant, String function) {
    return "/v1/tenants/" + tenant + "/functions/" + function;
  }

  private static Http.Answer call(Http client, String tenant, String function) {
    Http.Answer answer = client.post(path(tenant, function) + "/invoke?export=fib", CALL);
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.json().getJsonArray("results")).containsExactly(610);
    return answer;
  }

  private static String tier(Http.Answer answer) {
    assertThat(answer.json().getJsonObject("run").getInteger("tier"))
        .isEqualTo(Integer.parseInt(answer.header("Skep-Tier")));
    return answer.header("Skep-Tier");
  }

  private static JsonObject deployed(Http client, String tenant, String function, byte[] bytes) {
    Http.Answer answer = client.put(path(tenant, function) + "?wait-native=300", bytes);
    assertThat(answer.status()).as(answer.text()).isEqualTo(201);
    return answer.json();
  }

  private static String state(JsonObject json) {
    return json.getJsonObject("machineCode").getString("state");
  }

  @Test
  void anUploadRunsAtOnceAndAsMachineCodeOnceItWasWaitedFor() {
    Http client = TestNode.tenant("tier-waits");
    assertThat(client.put(path("tier-waits", "fib"), FIB).status()).isEqualTo(201);
    Http.Answer first = call(client, "tier-waits", "fib");
    assertThat(tier(first)).isEqualTo("1");
    assertThat(state(client.get(path("tier-waits", "fib")).json())).isEqualTo("absent");

    Http.Answer again = client.put(path("tier-waits", "fib") + "?wait-native=300", FIB);
    assertThat(again.status()).isEqualTo(200);
    assertThat(again.json().getInteger("tier")).isEqualTo(2);
    assertThat(state(again.json())).isEqualTo("ready");
    Http.Answer second = call(client, "tier-waits", "fib");
    assertThat(tier(second)).isEqualTo("2");
    for (String same : List.of("Skep-Fuel", "Skep-Nanodollars", "Skep-Memory-Peak-Bytes")) {
      assertThat(second.header(same)).as(same).isEqualTo(first.header(same));
    }
    long charged = FuelCosts.compiling(FIB.length) + FuelCosts.compilingNatively(FIB.length);
    Awaitility.await()
        .until(() ->
            figure(
                    TestNode.operator().as(null).get("/metrics").text(),
                    "skep_compile_fuel_total{tenant=\"tier-waits\",}")
                == charged);

    JsonObject shown = client.get(path("tier-waits", "fib")).json();
    assertThat(shown.getInteger("tier")).isEqualTo(2);
    assertThat(shown.getJsonArray("versions").getJsonObject(0).getInteger("tier")).isEqualTo(2);
    assertThat(shown.getJsonObject("compiled").getLong("machineCodeBytes")).isPositive();
    assertThat(TestNode.node().flushReceipts(Duration.ofMinutes(1))).isTrue();
    JsonObject usage = client.get("/v1/tenants/tier-waits/usage").json().getJsonObject("total");
    assertThat(usage.getLong("runs")).isEqualTo(2);
    assertThat(usage.getLong("tier2Runs")).isEqualTo(1);
    assertThat(usage.getLong("compiles")).isEqualTo(2);
    assertThat(
            client
                .get("/v1/tenants/tier-waits/runs/" + second.header("Skep-Run"))
                .json()
                .getInteger("tier"))
        .isEqualTo(2);
    assertThat(compiles(client, "tier-waits"))
        .anySatisfy(receipt -> {
          assertThat(receipt.getInteger("tier")).isEqualTo(2);
          assertThat(receipt.getLong("fuel")).isEqualTo(30_000L * FIB.length);
        })
        .anySatisfy(receipt -> assertThat(receipt.getInteger("tier")).isEqualTo(1));
  }

  private static List<JsonObject> compiles(Http client, String tenant) {
    JsonArray array =
        client.get("/v1/tenants/" + tenant + "/compiles").json().getJsonArray("compiles");
    return Stream.iterate(0, i -> i < array.size(), i -> i + 1).map(array::getJsonObject).toList();
  }

  @Test
  void aFunctionInUseBecomesMachineCodeByItself() {
    Http client = TestNode.tenant("tier-demand");
    assertThat(client.put(path("tier-demand", "fib"), FIB).status()).isEqualTo(201);
    Awaitility.await()
        .atMost(Duration.ofMinutes(3))
        .until(() -> tier(call(client, "tier-demand", "fib")).equals("2"));
    assertThat(client.get("/v1/tenants/tier-demand/usage").status()).isEqualTo(200);
  }

  @Test
  void whoHasNotAskedStaysOnTier1ThoughAnotherHasTheSameBytes() {
    Http first = TestNode.tenant("tier-has");
    Http second = TestNode.tenant("tier-has-not");
    assertThat(state(deployed(first, "tier-has", "fib", FIB))).isEqualTo("ready");
    assertThat(second.put(path("tier-has-not", "fib"), FIB).status()).isEqualTo(201);
    assertThat(tier(call(first, "tier-has", "fib"))).isEqualTo("2");
    assertThat(tier(call(second, "tier-has-not", "fib"))).isEqualTo("1");
    assertThat(state(second.get(path("tier-has-not", "fib")).json())).isEqualTo("absent");
  }

  @Test
  void aFunctionCanBeHeldToTier1AndLetGo() {
    Http client = TestNode.tenant("tier-function");
    deployed(client, "tier-function", "fib", FIB);
    assertThat(tier(call(client, "tier-function", "fib"))).isEqualTo("2");

    JsonObject held = client.patch(path("tier-function", "fib"), "{\"heldToTier1\":true}").json();
    assertThat(held.getBoolean("heldToTier1")).isTrue();
    assertThat(held.getInteger("tier")).isEqualTo(1);
    assertThat(held.getJsonObject("machineCode").getString("reason"))
        .isEqualTo("the function is held to tier 1; PATCH heldToTier1 to false to change that");
    assertThat(tier(call(client, "tier-function", "fib"))).isEqualTo("1");
    JsonObject waited = client.put(path("tier-function", "fib") + "?wait-native=300", FIB).json();
    assertThat(waited.getInteger("tier")).isEqualTo(1);

    assertThat(client.patch(path("tier-function", "fib"), "{\"heldToTier1\":false}").status())
        .isEqualTo(200);
    assertThat(tier(call(client, "tier-function", "fib"))).isEqualTo("2");
    assertThat(client.patch(path("tier-function", "fib"), "{\"heldToTier1\":1}").status())
        .isEqualTo(400);
  }

  @Test
  void anOperatorHoldsATenantToTier1() {
    Http client = TestNode.tenant("tier-tenant");
    deployed(client, "tier-tenant", "fib", FIB);
    assertThat(client.post("/v1/tenants/tier-tenant/hold", "").status()).isEqualTo(403);
    JsonObject held = TestNode.operator().post("/v1/tenants/tier-tenant/hold", "").json();
    assertThat(held.getBoolean("heldToTier1")).isTrue();
    assertThat(tier(call(client, "tier-tenant", "fib"))).isEqualTo("1");
    assertThat(
            client
                .get(path("tier-tenant", "fib"))
                .json()
                .getJsonObject("machineCode")
                .getString("reason"))
        .isEqualTo("the operator holds the tenant to tier 1");
    JsonObject released = TestNode.operator().post("/v1/tenants/tier-tenant/release", "").json();
    assertThat(released.getBoolean("heldToTier1")).isFalse();
    assertThat(tier(call(client, "tier-tenant", "fib"))).isEqualTo("2");
    assertThat(TestNode.operator().post("/v1/tenants/tier-nobody/hold", "").status())
        .isEqualTo(404);
  }

  @Test
  void whatIsNotTranslatedStaysOnTier1AndSaysWhy() {
    Http client = TestNode.tenant("tier-unsupported");
    JsonObject answer = deployed(client, "tier-unsupported", "two", TWO_MEMORIES);
    assertThat(answer.getInteger("tier")).isEqualTo(1);
    assertThat(state(answer)).isEqualTo("unsupported");
    assertThat(answer.getJsonObject("machineCode").getString("reason")).contains("memories");
    JsonObject shown = client.get(path("tier-unsupported", "two")).json();
    assertThat(shown.getJsonObject("machineCode")).isEqualTo(answer.getJsonObject("machineCode"));
    Http.Answer run = client.post(path("tier-unsupported", "two") + "/invoke?export=f", "");
    assertThat(run.json().getJsonArray("results")).containsExactly(7);
    assertThat(tier(run)).isEqualTo("1");
  }

  @Test
  void aTrapOfMachineCodeIsAnsweredAsOnTier1() {
    Http client = TestNode.tenant("tier-traps");
    byte[] trap = Http.guest("wasm/trap.wasm");
    assertThat(client.put(path("tier-traps", "trap"), trap).status()).isEqualTo(201);
    String invoke = path("tier-traps", "trap") + "/invoke?export=div_zero";
    Http.Answer first = client.post(invoke, "");
    assertThat(client.put(path("tier-traps", "trap") + "?wait-native=300", trap).status())
        .isEqualTo(200);
    Http.Answer second = client.post(invoke, "");
    assertThat(first.header("Skep-Tier")).isEqualTo("1");
    assertThat(second.header("Skep-Tier")).isEqualTo("2");
    assertThat(second.status()).isEqualTo(first.status());
    for (String same : List.of("type", "trap", "detail")) {
      assertThat(second.json().getString(same)).isEqualTo(first.json().getString(same));
    }
    assertThat(second.header("Skep-Fuel")).isEqualTo(first.header("Skep-Fuel"));
  }

  @Test
  void aWaitThatIsNoneIsRefusedBeforeAnythingIsStored() {
    Http client = TestNode.tenant("tier-wrong");
    for (String wrong : List.of("-1", "601", "soon", "1.5")) {
      Http.Answer answer = client.put(path("tier-wrong", "fib") + "?wait-native=" + wrong, FIB);
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.json().getString("detail"))
          .isEqualTo(
              "wait-native is " + wrong + "; it must be a whole number of seconds from 0 to 600");
    }
    assertThat(client.get(path("tier-wrong", "fib")).status()).isEqualTo(404);
  }

  @Test
  void theNodeShowsWhatMachineCodeTakes() {
    Http client = TestNode.tenant("tier-figures");
    deployed(client, "tier-figures", "fib", FIB);
    assertThat(tier(call(client, "tier-figures", "fib"))).isEqualTo("2");
    String metrics = TestNode.operator().get("/metrics").text();
    for (String series :
        List.of(
            "skep_runs_by_tier_total{tier=\"2\",}",
            "skep_native_compiles_total{result=\"ready\",}",
            "skep_artifact_cache_bytes",
            "skep_code_bytes",
            "skep_code_mappings",
            "skep_native_compiler{phase=\"jvm\",}")) {
      assertThat(figure(metrics, series)).as(series).isPositive();
    }
    JsonObject picture = TestNode.operator().get("/v1/console").json();
    assertThat(picture.getJsonObject("machineCode").getString("compiler")).isEqualTo("jvm");
    assertThat(picture.getJsonObject("runs").getJsonObject("byTier").getLong("2")).isPositive();
  }

  static double figure(String metrics, String series) {
    return metrics
        .lines()
        .filter(line -> line.startsWith(series + " "))
        .map(line -> Double.parseDouble(line.substring(series.length() + 1)))
        .findFirst()
        .orElseThrow(() -> new AssertionError("there is no " + series));
  }

  @Test
  void deployUploadsFromACommandLineAndWaits() {
    Http client = TestNode.tenant("tier-deploy");
    Path file = Http.root().resolve("guests/wasm/fib.wasm");
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line =
        SkepMain.commandLine(
            Map.of(
                "SKEP_URL",
                TestNode.node().url(),
                "SKEP_TOKEN",
                Objects.requireNonNull(client.token())));
    line.setOut(new PrintWriter(out));
    line.setErr(new PrintWriter(err, true));
    assertThat(line.execute("deploy", "tier-deploy/fib", file.toString(), "--wait-native", "300"))
        .as(err.toString())
        .isZero();
    assertThat(out.toString())
        .contains("tier-deploy/fib is now sha256:")
        .contains("machine code: ready; new runs take tier 2");
    assertThat(line.execute("deploy", "tier-other/fib", file.toString())).isEqualTo(1);
    assertThat(err.toString()).contains("tier-other");
    assertThat(line.execute("deploy", "fib", file.toString())).isEqualTo(2);
  }
}
