package dev.skep.loadtest;

import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/** So many functions over tenants of a thousand each, all of the same module. */
final class LiveFunctions {
  static final int PER_TENANT = 1_000;

  /** What a node checks and lets wait at once, halved. */
  private static final int UPLOADS_AT_ONCE = 16;

  private final NodeClient client;
  private final int count;

  LiveFunctions(NodeClient client, int count) {
    this.client = client;
    this.count = count;
  }

  static String tenant(int function) {
    return String.format(Locale.ROOT, "bench-%04d", function / PER_TENANT + 1);
  }

  static String path(int function) {
    return "/v1/tenants/"
        + tenant(function)
        + "/functions/"
        + String.format(Locale.ROOT, "live-%04d", function % PER_TENANT + 1);
  }

  /** Creates what is not there yet. Blocks. */
  void create(Progress progress) {
    Set<String> there = new HashSet<>();
    for (int first = 0; first < count; first += PER_TENANT) {
      String tenant = tenant(first);
      client.control(
          HttpMethod.POST,
          "/v1/tenants",
          new JsonObject()
              .put("id", tenant)
              .put("functions", PER_TENANT)
              .put("concurrency", 64)
              .toBuffer());
      JsonArray functions =
          client
              .control(HttpMethod.GET, "/v1/tenants/" + tenant + "/functions?limit=1000", null)
              .getJsonArray("functions");
      for (int i = 0; i < functions.size(); i++) {
        there.add(
            "/v1/tenants/" + tenant + "/functions/" + functions.getJsonObject(i).getString("name"));
      }
    }
    Buffer module = Buffer.buffer(Guests.bytes(Guests.TRANSFORM));
    NodeClient.await(
        client.each(
            count,
            UPLOADS_AT_ONCE,
            function -> {
              progress.step();
              return there.contains(path(function))
                  ? Future.succeededFuture()
                  : upload(function, module);
            }),
        Duration.ofMinutes(30));
  }

  private Future<Void> upload(int function, Buffer module) {
    return client
        .send(HttpMethod.PUT, path(function), module)
        .map(answer -> {
          if (!answer.isOk()) {
            throw new IllegalStateException(
                "PUT " + path(function) + " answered " + answer.explained());
          }
          return null;
        });
  }

  /** Runs one with {@code order}; call it on the client's event loop. */
  Future<NodeClient.Answer> invoke(int function, Buffer order) {
    return client.send(
        HttpMethod.POST, path(function) + "/invoke?export=transform&abi=bytes", order);
  }
}
