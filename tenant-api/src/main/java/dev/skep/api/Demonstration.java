package dev.skep.api;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Does over HTTP what a new operator and a new tenant would do, and prints what comes of it. */
final class Demonstration {
  private static final String TENANT = "demo";
  private static final String FUNCTION = "orders";
  private static final double NANO = 1e9;

  private final Node node;
  private final PrintStream out;
  private final HttpClient client = HttpClient.newHttpClient();

  Demonstration(Node node, PrintStream out) {
    this.node = node;
    this.out = out;
  }

  void run() throws IOException, InterruptedException {
    String configured = System.getenv("SKEP_OPERATOR_TOKEN");
    @Nullable String operator = configured != null ? configured : node.newOperatorToken();
    if (operator == null) {
      out.println();
      out.println(
          "This data directory has an operator's token already, which is not kept in clear: set"
              + " SKEP_OPERATOR_TOKEN to it, or SKEP_DATA_DIR to a new folder, for the"
              + " demonstration.");
      return;
    }
    out.println();
    out.println("1. The operator creates the tenant " + TENANT + " and gives it a token");
    send("POST", "/v1/tenants", operator, json(new JsonObject().put("id", TENANT)));
    String token =
        new JsonObject(text(send("POST", "/v1/tenants/" + TENANT + "/tokens", operator, none())))
            .getString("token");

    byte[] wasm = NodeRoutes.resource("guests/wasm/json_transform_small.wasm").getBytes();
    String function = "/v1/tenants/" + TENANT + "/functions/" + FUNCTION;
    out.println(
        "2. The tenant uploads " + FUNCTION + ", " + wasm.length + " bytes of C compiled to wasm");
    JsonObject uploaded =
        new JsonObject(text(send("PUT", function, token, BodyPublishers.ofByteArray(wasm))));
    out.println("   version " + uploaded.getString("version"));

    byte[] order = NodeRoutes.resource("guests/data/order.json").getBytes();
    out.println("3. It sends an order of " + order.length + " bytes to it");
    HttpResponse<byte[]> answer =
        send(
            "POST",
            function + "/invoke?export=transform&abi=bytes",
            token,
            BodyPublishers.ofByteArray(order));
    out.println("   answered " + new String(answer.body(), StandardCharsets.UTF_8));
    out.println("   run      " + header(answer, "Skep-Run"));
    out.println("   fuel     " + header(answer, "Skep-Fuel") + " units");
    out.println("   memory   " + header(answer, "Skep-Memory-Peak-Bytes") + " bytes at most");
    out.println("   time     " + header(answer, "Skep-Duration-Nanos") + " ns");
    out.println("   cost     " + dollars(Long.parseLong(header(answer, "Skep-Nanodollars"))));

    node.flushReceipts(Duration.ofSeconds(10));
    JsonObject total =
        new JsonObject(text(send("GET", "/v1/tenants/" + TENANT + "/usage", token, none())))
            .getJsonObject("total");
    out.println("4. The bill so far");
    out.println(
        "   "
            + total.getLong("runs")
            + " runs, "
            + total.getLong("fuel")
            + " units of fuel, "
            + dollars(total.getLong("nanoDollars")));
    out.println();
    out.println("Try it yourself:");
    out.println(
        "  curl -H 'Authorization: Bearer " + token + "' --data-binary @guests/data/order.json \\");
    out.println("    '" + node.url() + function + "/invoke?export=transform&abi=bytes'");
  }

  private static String dollars(long nanoDollars) {
    return String.format(Locale.ROOT, "$%.9f", nanoDollars / NANO);
  }

  private HttpResponse<byte[]> send(String method, String path, String token, BodyPublisher body)
      throws IOException, InterruptedException {
    HttpResponse<byte[]> response =
        client.send(
            HttpRequest.newBuilder(URI.create(node.url() + path))
                .header("Authorization", "Bearer " + token)
                .method(method, body)
                .build(),
            BodyHandlers.ofByteArray());
    if (response.statusCode() >= 300) {
      throw new IOException(
          method + " " + path + " answered " + response.statusCode() + ": " + text(response));
    }
    return response;
  }

  private static String text(HttpResponse<byte[]> response) {
    return new String(response.body(), StandardCharsets.UTF_8);
  }

  private static String header(HttpResponse<byte[]> response, String name) {
    return response.headers().firstValue(name).orElse("?");
  }

  private static BodyPublisher json(JsonObject body) {
    return BodyPublishers.ofString(body.encode());
  }

  private static BodyPublisher none() {
    return BodyPublishers.noBody();
  }
}
