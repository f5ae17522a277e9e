package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What a real node says of its pool. */
class PoolIT {
  private static final Http OPERATOR = TestNode.operator();

  private static JsonObject pool() {
    Http.Answer answer = OPERATOR.get("/v1/pool");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    return answer.json();
  }

  private static Http tenantWith(String tenant, String... functions) {
    Http client = TestNode.tenant(tenant);
    for (String function : functions) {
      client.put(path(tenant, function), Http.guest("wasm/fib.wasm"));
    }
    return client;
  }

  private static String path(String tenant, String function) {
    return "/v1/tenants/" + tenant + "/functions/" + function;
  }

  private static void run(Http client, String tenant, String function) {
    Http.Answer answer =
        client.post(path(tenant, function) + "/invoke?export=fib", "{\"args\":[5]}");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
  }

  /** Slots of a tenant's functions by function and state, as the map has them. */
  private static Map<String, Integer> leasedBy(String tenant, JsonObject slab) {
    Map<String, Integer> leased = new TreeMap<>();
    int index = slab.getJsonArray("tenants").getList().indexOf(tenant);
    for (Object each : slab.getJsonArray("stretches")) {
      JsonArray stretch = (JsonArray) each;
      if (stretch.size() == 4 && stretch.getInteger(2) == index) {
        leased.merge(
            slab.getJsonArray("functions").getString(stretch.getInteger(3))
                + " "
                + slab.getJsonArray("states").getString(stretch.getInteger(1)),
            stretch.getInteger(0),
            Integer::sum);
      }
    }
    return leased;
  }

  @Test
  void itCountsRunsAndShowsWhoseSlotsAre() {
    Http client = tenantWith("pooled", "one", "two");
    JsonObject before = pool();
    run(client, "pooled", "one");
    run(client, "pooled", "one");
    run(client, "pooled", "two");
    // The answer does not wait for the slot to be cleared, and the map is up to a second old.
    Awaitility.await()
        .atMost(30, TimeUnit.SECONDS)
        .untilAsserted(() ->
            assertThat(leasedBy("pooled", pool().getJsonObject("slab")))
                .isEqualTo(Map.of("one idle", 1, "two idle", 1)));
    JsonObject after = pool();
    assertThat(after.getLong("takes") - before.getLong("takes")).isEqualTo(2);
    JsonObject reused = after.getJsonObject("instancesReused");
    assertThat(reused.getLong("hits"))
        .isEqualTo(before.getJsonObject("instancesReused").getLong("hits") + 1);
    assertThat(resets(after) - resets(before)).isEqualTo(3);
    assertThat(after.getJsonObject("resets").getLong("meanNanos")).isPositive();
    assertThat(after.getJsonObject("resets").getLong("failed")).isZero();
    assertThat(after.getJsonObject("resets").getLong("auditFailures")).isZero();
    assertThat(
            after.getJsonObject("instances").getLong("held")
                - before.getJsonObject("instances").getLong("held"))
        .isEqualTo(2);
    assertThat(after.getInteger("retired")).isZero();
  }

  private static long resets(JsonObject pool) {
    JsonObject resets = pool.getJsonObject("resets");
    return resets.getLong("unchanged") + resets.getLong("scanned");
  }

  @Test
  void itsPartsAddUp() {
    Http client = tenantWith("adding", "f");
    run(client, "adding", "f");
    JsonObject pool = pool();
    JsonObject slab = pool.getJsonObject("slab");
    int slots = 0;
    for (Object each : pool.getJsonArray("classes")) {
      JsonObject one = (JsonObject) each;
      slots += one.getInteger("slots");
      assertThat(
              one.getInteger("running")
                  + one.getInteger("idle")
                  + one.getInteger("cold")
                  + one.getInteger("warm")
                  + one.getInteger("pending")
                  + one.getInteger("retired"))
          .isEqualTo(one.getInteger("slots"));
    }
    assertThat(pool.getInteger("slots")).isEqualTo(slots).isPositive();
    assertThat(slab.getInteger("slots")).isEqualTo(slots);
    assertThat(slab.getInteger("shown")).isEqualTo(slots);
    int shown = 0;
    for (Object each : slab.getJsonArray("stretches")) {
      shown += ((JsonArray) each).getInteger(0);
    }
    assertThat(shown).isEqualTo(slots);
    assertThat(pool.getJsonObject("refusedBy").fieldNames())
        .containsExactlyInAnyOrder("no_slot", "no_instance", "ceiling", "too_large", "kernel");
    assertThat(pool.getLong("reservedBytes")).isGreaterThan(pool.getLong("residentBytes"));
    JsonObject mappings = pool.getJsonObject("mappings");
    assertThat(mappings.getLong("held")).isBetween(10L, mappings.getLong("most"));
    assertThat(mappings.getLong("headroom"))
        .isEqualTo(mappings.getLong("most") - mappings.getLong("held"));
    assertThat(pool.getJsonObject("images").getInteger("headroom")).isPositive();
    assertThat(pool.getJsonObject("features").fieldNames())
        .containsExactlyInAnyOrder("pageScan", "guards", "batchedDecommit");
  }

  @Test
  void theApiDocumentNamesItsMembers() {
    JsonObject schemas =
        OPERATOR.get("/openapi.json").json().getJsonObject("components").getJsonObject("schemas");
    JsonObject pool = pool();
    JsonObject members = schemas.getJsonObject("Pool").getJsonObject("properties");
    assertThat(members.fieldNames()).isEqualTo(pool.fieldNames());
    for (String member : members.fieldNames()) {
      JsonObject properties = members.getJsonObject(member).getJsonObject("properties");
      if (properties != null) {
        assertThat(properties.fieldNames())
            .as(member)
            .isEqualTo(pool.getJsonObject(member).fieldNames());
      }
    }
    assertThat(schemas.getJsonObject("Slab").getJsonObject("properties").fieldNames())
        .isEqualTo(pool.getJsonObject("slab").fieldNames());
    assertThat(
            members
                .getJsonObject("classes")
                .getJsonObject("items")
                .getJsonObject("properties")
                .fieldNames())
        .isEqualTo(pool.getJsonArray("classes").getJsonObject(0).fieldNames());
  }

  @Test
  void itIsForOperatorsOnly() {
    assertThat(OPERATOR.as(null).get("/v1/pool").status()).isEqualTo(401);
    Http.Answer answer = TestNode.tenant("onlooker").get("/v1/pool");
    assertThat(answer.status()).isEqualTo(403);
    assertThat(answer.json().getString("type")).isEqualTo("urn:skep:problem:forbidden");
  }
}
