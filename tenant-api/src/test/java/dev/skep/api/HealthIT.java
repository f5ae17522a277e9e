package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.metrics.MetricName;
import io.vertx.core.json.JsonObject;
import org.junit.jupiter.api.Test;

/** What a node says of itself. */
class HealthIT {
  private final Http anyone = TestNode.operator().as(null);

  @Test
  void itIsLiveAndReady() {
    assertThat(anyone.get("/livez").status()).isEqualTo(200);
    assertThat(anyone.get("/readyz").json().getString("status")).isEqualTo("ready");
  }

  @Test
  void everyMetricIsExposed() {
    Http tenant = TestNode.tenant("measured");
    tenant.put("/v1/tenants/measured/functions/fib", Http.guest("wasm/fib.wasm"));
    tenant.put("/v1/tenants/measured/functions/none", new byte[8]);
    tenant.post("/v1/tenants/measured/functions/fib/invoke?export=fib", "{\"args\":[5]}");
    String page = anyone.get("/metrics").text();
    for (MetricName name : MetricName.values()) {
      assertThat(page).contains("\n# TYPE " + name.series().replaceAll("_total$", ""));
    }
    assertThat(page)
        .contains("skep_runs_total{tenant=\"measured\",outcome=\"completed\",} 1.0")
        .contains("jvm_memory_bytes_used")
        .contains("hikaricp_")
        .contains("caffeine_cache_");
  }

  @Test
  void theConsoleIsServedWithItsFiguresToTheOperatorOnly() {
    Http.Answer page = anyone.get("/console");
    assertThat(page.status()).isEqualTo(200);
    assertThat(page.header("Content-Security-Policy")).contains("default-src 'self'");
    assertThat(anyone.get("/console/console.js").status()).isEqualTo(200);
    assertThat(anyone.get("/v1/console").status()).isEqualTo(401);
    JsonObject picture = TestNode.operator().get("/v1/console").json();
    assertThat(picture.getJsonObject("node").getBoolean("ready")).isTrue();
    assertThat(picture.getJsonObject("pool").getJsonObject("instances").getInteger("most"))
        .isEqualTo(256);
    assertThat(picture.fieldNames())
        .contains("slab", "scheduler", "runs", "tenants", "receipts", "engine");
  }
}
