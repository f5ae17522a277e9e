package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.Socket;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The three ways to call a guest, over HTTP against a real node, and what every answer carries. */
class InvokeIT {
  private static final String F = "/v1/tenants/invoker/functions/";
  private static Http tenant;

  @BeforeAll
  static void upload() {
    tenant = TestNode.tenant("invoker");
    for (String guest : new String[] {"fib", "add", "trap"}) {
      assertThat(tenant.put(F + guest, Http.guest("wasm/" + guest + ".wasm")).status())
          .isEqualTo(201);
    }
  }

  @Test
  void aTypedExportTakesAndAnswersJson() {
    Http.Answer answer = tenant.post(F + "fib/invoke?export=fib", "{\"args\":[32]}");
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.json().getJsonArray("results")).isEqualTo(new JsonArray().add(2178309));
    JsonObject run = answer.json().getJsonObject("run");
    assertThat(run.getLong("fuel")).isEqualTo(70_491_546);
    assertThat(run.getString("outcome")).isEqualTo("completed");
    assertThat(answer.header("Skep-Run")).isEqualTo(run.getString("id"));
    assertThat(answer.header("Skep-Fuel")).isEqualTo("70491546");
    assertThat(answer.header("Skep-Memory-Peak-Bytes")).isEqualTo("0");
    assertThat(Long.parseLong(answer.header("Skep-Duration-Nanos"))).isPositive();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "add_i32 | [2147483647,1] | [-2147483648]",
        "add_i32 | [4294967295,2] | [1]",
        "add_i64 | [\"9007199254740993\",1] | [\"9007199254740994\"]",
        "add_i64 | [\"18446744073709551615\",-1] | [-2]",
        "add_f32 | [1.5,0.25] | [1.75]",
        "add_f64 | [0.1,0.2] | [0.30000000000000004]",
        "add_f64 | [\"Infinity\",\"-Infinity\"] | [\"NaN\"]",
        "swap | [7,-9] | [-9,7]",
      })
  void everyNumericTypeGoesThere(String export, String args, String results) {
    Http.Answer answer = tenant.post(F + "add/invoke?export=" + export, "{\"args\":" + args + "}");
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.json().getJsonArray("results").encode()).isEqualTo(results);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void bytesGoInAndComeOut(int tier) {
    String function = F + "json_transform_" + tier;
    TestNode.deploy(tenant, function, Http.guest("wasm/json_transform.wasm"), tier);
    String path = function + "/invoke?export=transform&abi=bytes";
    Http.Answer answer = tenant.send("POST", path, Http.guest("data/order.json"));
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.bytes()).isEqualTo(Http.guest("data/order.expected.json"));
    assertThat(answer.header("Skep-Fuel")).isEqualTo("139361");
    assertThat(answer.header("Skep-Tier")).isEqualTo(Integer.toString(tier));

    Http.Answer refused = tenant.send("POST", path, "{".getBytes(UTF_8));
    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.json().getString("type")).isEqualTo("urn:skep:problem:input-refused");
    assertThat(refused.json().getJsonObject("run").getString("outcome")).isEqualTo("refused");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void anOrdinaryProgramIsAWebHandler(int tier) {
    String name = "hello_cgi_" + tier;
    TestNode.deploy(tenant, F + name, Http.guest("wasm/hello_cgi.wasm"), tier);
    Http.Answer configured =
        tenant.patch(F + name, "{\"args\":[\"World\"],\"env\":{\"GREETING\":\"good day\"}}");
    assertThat(configured.status()).isEqualTo(200);
    Http.Answer page =
        tenant.send(
            "PUT",
            "/run/invoker/" + name + "/a/b%20c?lang=en",
            "body".getBytes(UTF_8),
            "Content-Type",
            "text/plain");
    assertThat(page.status()).isEqualTo(200);
    assertThat(page.text())
        .contains("Hello, World!")
        .contains("REQUEST_METHOD: PUT")
        .contains("PATH_INFO: /a/b%20c")
        .contains("QUERY_STRING: lang=en")
        .contains("CONTENT_TYPE: text/plain")
        .contains("GREETING: good day")
        .contains("BODY");
    assertThat(page.header("Content-Type")).isEqualTo("text/plain; charset=utf-8");
    assertThat(page.header("Skep-Run")).isNotEmpty();
    assertThat(page.header("Skep-Tier")).isEqualTo(Integer.toString(tier));

    Http.Answer exit = tenant.get("/run/invoker/" + name + "?exit=3");
    assertThat(exit.status()).isEqualTo(502);
    assertThat(exit.json().getInteger("exitCode")).isEqualTo(3);
    assertThat(exit.header("Skep-Outcome")).isEqualTo("exited");
    assertThat(exit.header("Skep-Tier")).isEqualTo(Integer.toString(tier));
  }

  @Test
  void aTrapSaysWhereInTheGuest() {
    Http.Answer answer = tenant.post(F + "trap/invoke?export=div_zero", "");
    assertThat(answer.status()).isEqualTo(502);
    assertThat(answer.header("Content-Type")).isEqualTo("application/problem+json");
    JsonObject problem = answer.json();
    assertThat(problem.getString("trap")).isEqualTo("integer-divide-by-zero");
    assertThat(problem.getJsonArray("stack").size()).isGreaterThan(1);
    assertThat(problem.getJsonObject("run").getLong("fuel")).isPositive();
    assertThat(answer.text()).doesNotContain("dev.skep").doesNotContain("Exception");
  }

  @Test
  void aLimitSaysWhatItWasAndHowToRaiseIt() {
    String spin = "/v1/tenants/invoker/functions/spinner";
    tenant.put(spin, Http.guest("wasm/trap.wasm"));
    tenant.patch(spin, "{\"limits\":{\"fuel\":100000}}");
    Http.Answer fuel = tenant.post(spin + "/invoke?export=spin", "");
    assertThat(fuel.status()).isEqualTo(502);
    assertThat(fuel.json().getString("type")).isEqualTo("urn:skep:problem:out-of-fuel");
    assertThat(fuel.json().getLong("value")).isEqualTo(100_000);
    assertThat(fuel.json().getString("detail")).contains("limits.fuel").contains("PATCH");

    tenant.patch(spin, "{\"limits\":{\"deadlineNanos\":20000000}}");
    Http.Answer deadline = tenant.post(spin + "/invoke?export=spin", "");
    assertThat(deadline.status()).isEqualTo(504);
    assertThat(deadline.json().getString("limit")).isEqualTo("deadlineNanos");

    tenant.patch(spin, "{\"limits\":{\"memoryBytes\":131072}}");
    Http.Answer grown = tenant.post(spin + "/invoke?export=grow_all", "");
    assertThat(grown.json().getJsonArray("results")).isEqualTo(new JsonArray().add(2));

    Http.Answer deep = tenant.post(spin + "/invoke?export=recurse", "");
    assertThat(deep.json().getString("limit")).isEqualTo("callDepth");
  }

  @Test
  void everyRunIsOnTheBillOnce() {
    Http payer = TestNode.tenant("payer");
    payer.put("/v1/tenants/payer/functions/fib", Http.guest("wasm/fib.wasm"));
    long fuel = 0;
    long nanoDollars = 0;
    String run = "";
    for (int i = 0; i < 5; i++) {
      Http.Answer answer =
          payer.post("/v1/tenants/payer/functions/fib/invoke?export=fib", "{\"args\":[10]}");
      fuel += Long.parseLong(answer.header("Skep-Fuel"));
      nanoDollars += Long.parseLong(answer.header("Skep-Nanodollars"));
      run = answer.header("Skep-Run");
    }
    assertThat(TestNode.node().flushReceipts(Duration.ofSeconds(20))).isTrue();
    JsonObject usage = payer.get("/v1/tenants/payer/usage").json();
    assertThat(usage.getJsonObject("total").getLong("runs")).isEqualTo(5);
    assertThat(usage.getJsonObject("total").getLong("fuel")).isEqualTo(fuel);
    assertThat(usage.getJsonObject("total").getLong("nanoDollars")).isEqualTo(nanoDollars);
    assertThat(usage.getJsonArray("hours").getJsonObject(0).getString("function")).isEqualTo("fib");
    assertThat(payer.get("/v1/tenants/payer/runs/" + run).json().getLong("fuel")).isEqualTo(1_766);
    assertThat(payer.get("/v1/tenants/payer/runs").json().getJsonArray("runs").size()).isEqualTo(5);
  }

  @Test
  void theSameBytesAreTheSameVersionAndNewBytesANewOne() {
    String path = F + "versions";
    JsonObject first = tenant.put(path, Http.guest("wasm/fib.wasm")).json();
    Http.Answer again = tenant.put(path, Http.guest("wasm/fib.wasm"));
    assertThat(again.status()).isEqualTo(200);
    assertThat(again.json().getString("version")).isEqualTo(first.getString("version"));
    assertThat(again.json().getBoolean("new")).isFalse();
    Http.Answer other = tenant.put(path, Http.guest("wasm/add.wasm"));
    assertThat(other.status()).isEqualTo(201);
    assertThat(tenant.post(path + "/invoke?export=add_i32", "{\"args\":[1,2]}").status())
        .isEqualTo(200);
    JsonObject shown = tenant.get(path).json();
    assertThat(shown.getJsonArray("versions").size()).isEqualTo(2);
    assertThat(shown.getString("version")).isEqualTo(other.json().getString("version"));
    assertThat(shown.getJsonArray("exports").encode()).contains("swap").contains("(i32, i64)");
  }

  @Test
  void aBodyIsTakenAsItIsWhateverItsTypeSays() {
    byte[] module = Http.guest("wasm/json_transform.wasm");
    String form = "application/x-www-form-urlencoded";
    assertThat(tenant.put(F + "asform", module, "Content-Type", form).status()).isEqualTo(201);
    Http.Answer answer =
        tenant.send(
            "POST",
            F + "asform/invoke?export=transform&abi=bytes",
            Http.guest("data/order.json"),
            "Content-Type",
            form);
    assertThat(answer.bytes()).isEqualTo(Http.guest("data/order.expected.json"));
  }

  @Test
  void aClientThatGoesAwayStopsItsRunAndIsBilledForIt() throws Exception {
    Http leaver = TestNode.tenant("leaver");
    String path = "/v1/tenants/leaver/functions/trap";
    leaver.put(path, Http.guest("wasm/trap.wasm"));
    leaver.post(path + "/invoke?export=grow_all", "");
    try (Socket socket = new Socket("127.0.0.1", TestNode.node().port())) {
      String request =
          "POST "
              + path
              + "/invoke?export=spin HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
              + "Authorization: Bearer "
              + leaver.token()
              + "\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(UTF_8));
      socket.getOutputStream().flush();
      Awaitility.await().until(() -> running("leaver") == 1);
    }
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(() ->
            assertThat(leaver.get("/v1/tenants/leaver/runs").json().encode())
                .contains("\"outcome\":\"cancelled\""));
    Awaitility.await().until(() -> running("leaver") == 0);
  }

  private static int running(String id) {
    JsonArray tenants = TestNode.operator().get("/v1/console").json().getJsonArray("tenants");
    for (int i = 0; i < tenants.size(); i++) {
      if (tenants.getJsonObject(i).getString("tenant").equals(id)) {
        return tenants.getJsonObject(i).getInteger("running");
      }
    }
    return 0;
  }

  @Test
  void aCommandMayAnswerInTheMannerOfCgi() {
    // This guest answers a page without headers, which is no CGI response.
    tenant.put(F + "cgi", Http.guest("wasm/hello_cgi.wasm"));
    tenant.patch(F + "cgi", "{\"cgiResponse\":true}");
    Http.Answer refused = tenant.get("/run/invoker/cgi/");
    assertThat(refused.status()).isEqualTo(502);
    assertThat(refused.json().getString("type")).isEqualTo("urn:skep:problem:bad-response");
    assertThat(refused.json().getJsonObject("run").getString("outcome")).isEqualTo("completed");
    tenant.patch(F + "cgi", "{\"cgiResponse\":false}");
    assertThat(tenant.get("/run/invoker/cgi/").text()).contains("PATH_INFO: /\n");
  }
}
