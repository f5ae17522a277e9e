package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Compiling is on the bill: once for each tenant and version, apart from runs. */
class CompileBillingIT {
  private static final byte[] FIB = Http.guest("wasm/fib.wasm");
  private static final byte[] ADD = Http.guest("wasm/add.wasm");

  private static JsonObject total(Http tenant, String id) {
    assertThat(TestNode.node().flushReceipts(Duration.ofSeconds(20))).isTrue();
    return tenant.get("/v1/tenants/" + id + "/usage").json().getJsonObject("total");
  }

  @Test
  void anUploadSaysWhatItCostsAndIsChargedOnce() {
    Http tenant = TestNode.tenant("builder");
    String functions = "/v1/tenants/builder/functions/";
    Http.Answer first = tenant.put(functions + "one", FIB);
    assertThat(first.status()).isEqualTo(201);
    JsonObject cost = first.json().getJsonObject("compile");
    assertThat(cost.getLong("fuel")).isEqualTo(84 * 1_000);
    assertThat(cost.getLong("nanoDollars")).isEqualTo(2);

    // Again to the same name, to another, beside another version and back, after a deletion.
    assertThat(tenant.put(functions + "one", FIB).json().getJsonObject("compile")).isEqualTo(cost);
    assertThat(tenant.put(functions + "two", FIB).json().getJsonObject("compile")).isEqualTo(cost);
    JsonObject other = tenant.put(functions + "one", ADD).json().getJsonObject("compile");
    assertThat(other.getLong("fuel")).isEqualTo(207 * 1_000);
    tenant.put(functions + "one", FIB);
    tenant.delete(functions + "two");
    tenant.put(functions + "two", FIB);
    Http.Answer run = tenant.post(functions + "one/invoke?export=fib", "{\"args\":[10]}");
    assertThat(run.status()).isEqualTo(200);

    JsonObject total = total(tenant, "builder");
    assertThat(total.getLong("compiles")).isEqualTo(2);
    assertThat(total.getLong("compileFuel")).isEqualTo((84 + 207) * 1_000);
    assertThat(total.getLong("compileNanoDollars"))
        .isEqualTo(cost.getLong("nanoDollars") + other.getLong("nanoDollars"));
    assertThat(total.getLong("runs")).isEqualTo(1);
    assertThat(total.getLong("failedRuns")).isZero();
    assertThat(total.getLong("fuel")).isEqualTo(Long.parseLong(run.header("Skep-Fuel")));

    // The bill can be added up from its receipts.
    JsonArray compiles = tenant.get("/v1/tenants/builder/compiles").json().getJsonArray("compiles");
    assertThat(compiles).hasSize(2);
    long sum = 0;
    for (int i = 0; i < 2; i++) {
      assertThat(compiles.getJsonObject(i).getString("kind")).isEqualTo("compile");
      sum += compiles.getJsonObject(i).getLong("nanoDollars");
    }
    assertThat(sum).isEqualTo(total.getLong("compileNanoDollars"));
    JsonArray runs = tenant.get("/v1/tenants/builder/runs").json().getJsonArray("runs");
    assertThat(runs).hasSize(1);
    assertThat(runs.getJsonObject(0).getString("kind")).isEqualTo("run");
    JsonObject receipt = tenant.get("/v1/tenants/builder/runs/" + cost.getString("receipt")).json();
    assertThat(receipt.getString("kind")).isEqualTo("compile");
    assertThat(receipt.getString("function")).isEqualTo("one");
    assertThat(receipt.getString("version")).isEqualTo(first.json().getString("version"));
  }

  @Test
  void uploadsAtOnceAreChargedOnce() {
    Http tenant = TestNode.tenant("hasty");
    List<CompletableFuture<Http.Answer>> uploads = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      uploads.add(tenant.sendAsync("PUT", "/v1/tenants/hasty/functions/f" + i % 3, FIB));
    }
    for (CompletableFuture<Http.Answer> upload : uploads) {
      assertThat(upload.join().status()).isIn(200, 201);
    }
    JsonObject total = total(tenant, "hasty");
    assertThat(total.getLong("compiles")).isEqualTo(1);
    assertThat(total.getLong("compileNanoDollars")).isEqualTo(2);
  }

  @Test
  void eachTenantPaysForItself() {
    Http one = TestNode.tenant("self-one");
    Http two = TestNode.tenant("self-two");
    JsonObject first = one.put("/v1/tenants/self-one/functions/f", FIB).json();
    JsonObject second = two.put("/v1/tenants/self-two/functions/f", FIB).json();
    assertThat(first.getJsonObject("compile").getString("receipt"))
        .isNotEqualTo(second.getJsonObject("compile").getString("receipt"));
    assertThat(total(one, "self-one").getLong("compiles")).isEqualTo(1);
    assertThat(total(two, "self-two").getLong("compiles")).isEqualTo(1);
  }

  @Test
  void whatIsRefusedIsNotCharged() {
    Http tenant = TestNode.tenant("refused");
    assertThat(tenant.put("/v1/tenants/refused/functions/f", new byte[] {0, 'a', 's'}).status())
        .isEqualTo(415);
    assertThat(total(tenant, "refused").getLong("compiles")).isZero();
  }
}
