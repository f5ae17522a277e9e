package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.util.Arrays;
import java.util.Base64;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Every kind of bad input is a problem document that says what to do, and stores nothing. */
class BadInputIT {
  private static final String F = "/v1/tenants/careless/functions/";
  private static Http tenant;

  @BeforeAll
  static void upload() {
    tenant = TestNode.tenant("careless");
    assertThat(tenant.put(F + "add", Http.guest("wasm/add.wasm")).status()).isEqualTo(201);
  }

  private static JsonObject problem(Http.Answer answer, int status, String type) {
    assertThat(answer.text()).as("body").startsWith("{");
    assertThat(answer.status()).as(answer.text()).isEqualTo(status);
    assertThat(answer.header("Content-Type")).isEqualTo("application/problem+json");
    JsonObject json = answer.json();
    assertThat(json.getString("type")).isEqualTo("urn:skep:problem:" + type);
    assertThat(json.getInteger("status")).isEqualTo(status);
    assertThat(json.getString("detail")).isNotBlank();
    assertThat(answer.text())
        .doesNotContain("dev.skep")
        .doesNotContain("Exception")
        .doesNotContain("\tat ");
    return json;
  }

  /** Uploads to a name of its own, and checks that nothing was stored there. */
  private static JsonObject refusedUpload(byte[] body, int status, String type) {
    JsonObject json = problem(tenant.put(F + "refused", body), status, type);
    assertThat(tenant.get(F + "refused").status()).isEqualTo(404);
    return json;
  }

  private static byte[] module(int... sections) {
    byte[] bytes = new byte[8 + sections.length];
    bytes[1] = 'a';
    bytes[2] = 's';
    bytes[3] = 'm';
    bytes[4] = 1;
    for (int i = 0; i < sections.length; i++) {
      bytes[8 + i] = (byte) sections[i];
    }
    return bytes;
  }

  @Test
  void notWasm() {
    refusedUpload("#!/bin/sh\n".getBytes(UTF_8), 415, "not-wasm");
    refusedUpload(new byte[0], 415, "not-wasm");
  }

  @Test
  void truncated() {
    byte[] whole = Http.guest("wasm/fib.wasm");
    refusedUpload(Arrays.copyOf(whole, whole.length / 2), 422, "malformed-module");
  }

  @Test
  void aComponent() {
    byte[] component = {0, 'a', 's', 'm', 0x0D, 0, 1, 0};
    assertThat(refusedUpload(component, 415, "not-a-module").getString("detail"))
        .contains("components are not run yet");
  }

  @Test
  void anInvalidModule() {
    // One function () -> i32 whose body is empty.
    byte[] invalid = module(1, 5, 1, 0x60, 0, 1, 0x7F, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0B);
    refusedUpload(invalid, 422, "invalid-module");
  }

  @Test
  void anImportThatNothingProvides() {
    // Imports the function env.f of type () -> ().
    byte[] importing = module(1, 4, 1, 0x60, 0, 0, 2, 9, 1, 3, 'e', 'n', 'v', 1, 'f', 0, 0);
    assertThat(refusedUpload(importing, 422, "unknown-import").getString("detail"))
        .contains("env.f");
  }

  @Test
  void aModuleOverALimit() {
    // A memory of 65,536 pages: 4 GiB.
    byte[] large = module(5, 5, 1, 0, 0x80, 0x80, 0x04);
    assertThat(refusedUpload(large, 422, "module-limit").getString("detail"))
        .contains("4294967296");
  }

  @Test
  void anUnknownExportAndWrongArguments() {
    assertThat(
            problem(tenant.post(F + "add/invoke?export=nope", ""), 404, "unknown-export")
                .getString("detail"))
        .contains("add_i32");
    problem(tenant.post(F + "add/invoke", ""), 404, "unknown-export");
    String call = F + "add/invoke?export=add_i32";
    problem(tenant.post(call, "{\"args\":[1]}"), 400, "bad-arguments");
    problem(tenant.post(call, "{\"args\":[1,\"x\"]}"), 400, "bad-arguments");
    problem(tenant.post(call, "{\"args\":[1,4294967296]}"), 400, "bad-arguments");
    problem(tenant.post(call, "{\"args\":[1,1.5]}"), 400, "bad-arguments");
    problem(tenant.post(call, "{\"args\":[1,null]}"), 400, "bad-arguments");
    problem(tenant.post(call, "{\"args\":{}}"), 400, "bad-request");
    problem(tenant.post(call, "{\"arguments\":[]}"), 400, "bad-request");
    problem(tenant.post(call, "[1,2]"), 400, "bad-request");
    problem(tenant.post(call + "&abi=bytes", "x"), 400, "bad-arguments");
    problem(tenant.post(call + "&abi=magic", "x"), 400, "bad-request");
  }

  @Test
  void aBodyTooLarge() {
    problem(
        tenant.send("POST", F + "add/invoke?export=add_i32", new byte[(1 << 20) + 1]),
        413,
        "body-too-large");
    problem(tenant.put(F + "refused", new byte[(16 << 20) + 1]), 413, "body-too-large");
  }

  @Test
  void aBadToken() {
    problem(tenant.as(null).get(F + "add"), 401, "unauthenticated");
    problem(tenant.as("nonsense").get(F + "add"), 401, "unauthenticated");
    String token = String.valueOf(tenant.token());
    problem(
        tenant.as(token.substring(0, token.length() - 1) + "~").get(F + "add"),
        401,
        "unauthenticated");
    problem(tenant.get("/v1/tenants"), 403, "forbidden");
    problem(tenant.post("/v1/tenants", "{\"id\":\"mine\"}"), 403, "forbidden");
    problem(tenant.get("/v1/console"), 403, "forbidden");
  }

  @Test
  void aRevokedTokenIsOfNoUse() {
    Http operator = TestNode.operator();
    JsonObject token = operator.post("/v1/tenants/careless/tokens", "{}").json();
    Http client = operator.as(token.getString("token"));
    assertThat(client.get(F + "add").status()).isEqualTo(200);
    assertThat(operator.delete("/v1/tenants/careless/tokens/" + token.getString("id")).status())
        .isEqualTo(204);
    problem(client.get(F + "add"), 401, "unauthenticated");
  }

  @Test
  void anotherTenantsNames() {
    Http other = TestNode.tenant("curious");
    problem(other.get(F + "add"), 404, "not-found");
    problem(other.post(F + "add/invoke?export=add_i32", "{\"args\":[1,2]}"), 404, "not-found");
    problem(other.put(F + "add", Http.guest("wasm/fib.wasm")), 404, "not-found");
    problem(other.delete(F + "add"), 404, "not-found");
    problem(other.get("/run/careless/add"), 404, "not-found");
    problem(other.get("/v1/tenants/careless/usage"), 404, "not-found");
    problem(other.get("/v1/tenants/nobody/functions"), 404, "not-found");
    assertThat(tenant.get(F + "add").status()).isEqualTo(200);
  }

  @Test
  void aDigestThatDoesNotMatch() {
    byte[] body = Http.guest("wasm/fib.wasm");
    String zeros = Base64.getEncoder().encodeToString(new byte[32]);
    problem(
        tenant.put(F + "refused", body, "Content-Digest", "sha-256=:" + zeros + ":"),
        400,
        "digest-mismatch");
    problem(tenant.put(F + "refused", body, "Content-Digest", "md5=:AAAA:"), 400, "bad-request");
    assertThat(tenant.get(F + "refused").status()).isEqualTo(404);
  }

  @Test
  void badNamesPathsAndMethods() {
    problem(tenant.put(F + "UPPER", Http.guest("wasm/fib.wasm")), 400, "bad-request");
    problem(tenant.get("/v1/nothing"), 404, "not-found");
    problem(tenant.get("/nothing"), 404, "not-found");
    problem(tenant.send("PUT", "/v1/tenants", new byte[0]), 405, "method-not-allowed");
    problem(TestNode.operator().post("/v1/tenants", "{\"id\":\"Not Good\"}"), 400, "bad-request");
    problem(TestNode.operator().post("/v1/tenants", "{\"name\":\"x\"}"), 400, "bad-request");
    problem(tenant.patch(F + "add", "{\"limits\":{\"fuel\":-1}}"), 400, "bad-request");
    problem(tenant.patch(F + "add", "{\"args\":[1]}"), 400, "bad-request");
    problem(tenant.patch(F + "add", "{\"args\":[\"\\ud800\"]}"), 400, "bad-request");
    problem(tenant.patch(F + "add", "{\"env\":{\"A=B\":\"\"}}"), 400, "bad-request");
    problem(tenant.get("/v1/tenants/careless/functions?limit=x"), 400, "bad-request");
    problem(tenant.get("/v1/tenants/careless/functions?after=UPPER"), 400, "bad-request");
    String usage = "/v1/tenants/careless/usage";
    problem(tenant.get(usage + "?to=-1000000000-01-01T00:00:00Z"), 400, "bad-request");
    problem(tenant.get(usage + "?from=yesterday"), 400, "bad-request");
    String label = "{\"label\":\"" + "x".repeat(201) + "\"}";
    problem(TestNode.operator().post("/v1/tenants/careless/tokens", label), 400, "bad-request");
  }

  @Test
  void aSuspendedTenantRunsNothingUntilItIsResumed() {
    Http operator = TestNode.operator();
    Http idle = TestNode.tenant("idle");
    String path = "/v1/tenants/idle/functions/add";
    idle.put(path, Http.guest("wasm/add.wasm"));
    String call = path + "/invoke?export=add_i32";
    assertThat(idle.post(call, "{\"args\":[1,2]}").status()).isEqualTo(200);
    assertThat(operator.post("/v1/tenants/idle/suspend", "").status()).isEqualTo(200);
    problem(idle.post(call, "{\"args\":[1,2]}"), 403, "tenant-suspended");
    assertThat(operator.post("/v1/tenants/idle/resume", "").status()).isEqualTo(200);
    assertThat(idle.post(call, "{\"args\":[1,2]}").status()).isEqualTo(200);
  }

  @Test
  void aDeletedFunctionIsGone() {
    String path = F + "shortlived";
    tenant.put(path, Http.guest("wasm/add.wasm"));
    assertThat(tenant.post(path + "/invoke?export=add_i32", "{\"args\":[1,2]}").status())
        .isEqualTo(200);
    assertThat(tenant.delete(path).status()).isEqualTo(204);
    problem(tenant.post(path + "/invoke?export=add_i32", "{\"args\":[1,2]}"), 404, "not-found");
    problem(tenant.delete(path), 404, "not-found");
  }
}
