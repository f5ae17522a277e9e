package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.skep.limits.TenantLimits;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A tenant's limits as the operator sets and reads them. */
class TenantLimitsIT {
  private static final Http OPERATOR = TestNode.operator();

  private static Http.Answer set(String tenant, String limits) {
    return OPERATOR.put("/v1/tenants/" + tenant + "/limits", limits.getBytes(UTF_8));
  }

  @Test
  void everyLimitIsReadAsItWasWritten() {
    TestNode.tenant("shared");
    JsonObject limits =
        new JsonObject()
            .put("concurrency", 3)
            .put("queueDepth", 4)
            .put("functions", 5)
            .put("slotFloor", 1)
            .put("slotCeiling", 6)
            .put("slotWeight", 7)
            .put("liveMemoryBytes", Long.MAX_VALUE)
            .put("liveTableElements", 0)
            .put("fuel", 8)
            .put("memoryBytes", 9)
            .put("tableElements", 10)
            .put("callDepth", 11)
            .put("deadlineNanos", 12);
    assertThat(limits.fieldNames()).isEqualTo(Bodies.TENANT_LIMITS);

    assertThat(set("shared", limits.encode()).json().getJsonObject("limits")).isEqualTo(limits);
    assertThat(OPERATOR.get("/v1/tenants/shared").json().getJsonObject("limits")).isEqualTo(limits);
    // What the body leaves out takes its default.
    assertThat(set("shared", "{}").json().getJsonObject("limits"))
        .isEqualTo(Bodies.toJson(TenantLimits.DEFAULTS));
  }

  @Test
  void aTenantIsCreatedWithItsShare() {
    JsonObject created =
        OPERATOR.post("/v1/tenants", "{\"id\":\"weighty\",\"slotWeight\":3}").json();
    assertThat(created.getJsonObject("limits").getInteger("slotWeight")).isEqualTo(3);
    assertThat(created.getJsonObject("limits").getInteger("slotCeiling")).isEqualTo(1_000_000);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{\"slotFloor\":1000001}; slotFloor is 1000001",
        "{\"slotFloor\":2147483648}; overflow",
        "{\"slotCeiling\":0}; slotCeiling is 0; it must be from 1 to 1000000",
        "{\"slotWeight\":0}; slotWeight is 0",
        "{\"slotFloor\":9,\"slotCeiling\":8}; slotCeiling is 8",
        "{\"liveMemoryBytes\":-1}; liveMemoryBytes is -1",
        "{\"liveTableElements\":\"9\"}; liveTableElements must be a whole number",
      })
  void whatIsOutOfRangeIsRefused(String limits, String detail) {
    Http.Answer answer = set("anybody", limits);
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().getString("detail")).contains(detail);
  }

  @Test
  void aTenantMayReadItsLimitsAndNotSetThem() {
    Http tenant = TestNode.tenant("reader");
    assertThat(tenant.get("/v1/tenants/reader").json().getJsonObject("limits").fieldNames())
        .contains("slotFloor", "slotWeight");
    assertThat(tenant.put("/v1/tenants/reader/limits", "{}".getBytes(UTF_8)).status())
        .isEqualTo(403);
  }

  /** As of the answer, not of the tenant's next run. */
  @Test
  void aRunAtTheCeilingEvictsItsTenantsOwn() {
    Http tenant = TestNode.tenant("bounded");
    set("bounded", "{\"slotCeiling\":1}");
    for (String name : new String[] {"a", "b", "a"}) {
      String path = "/v1/tenants/bounded/functions/" + name;
      tenant.put(path, Http.guest("wasm/fib.wasm"));
      assertThat(tenant.post(path + "/invoke?export=fib", "{\"args\":[5]}").status())
          .isEqualTo(200);
    }
    // The console's picture may be a second old: it is made once for all who look.
    await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(() -> {
          List<JsonObject> rows =
              OPERATOR.get("/v1/console").json().getJsonArray("tenants").stream()
                  .map(JsonObject.class::cast)
                  .filter(each -> each.getString("tenant").equals("bounded"))
                  .toList();
          assertThat(rows)
              .singleElement()
              .satisfies(row -> {
                assertThat(row.getInteger("slots")).isEqualTo(1);
                assertThat(row.getLong("evictionsCaused")).isEqualTo(2);
                assertThat(row.getLong("evictionsSuffered")).isEqualTo(2);
              });
        });
  }
}
