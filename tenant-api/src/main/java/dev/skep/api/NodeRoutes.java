package dev.skep.api;

import dev.skep.metrics.NodeMetrics;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** What a node says of itself: health, metrics, its API document, the console. */
final class NodeRoutes {
  /** Nothing from elsewhere, nothing inline: what the console shows can never become code. */
  private static final String CONTENT_POLICY =
      "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private static final Map<String, String> CONSOLE =
      Map.of(
          "index.html", "text/html; charset=utf-8",
          "console.css", "text/css; charset=utf-8",
          "console.js", "text/javascript; charset=utf-8");

  private NodeRoutes() {}

  /** Health, which must answer from the first moment. */
  static void registerHealth(Router router, Supplier<List<String>> notReady) {
    router.get("/livez").handler(ctx -> Answers.json(ctx, new JsonObject().put("status", "live")));
    router
        .get("/readyz")
        .handler(ctx -> {
          List<String> because = notReady.get();
          ctx.response().setStatusCode(because.isEmpty() ? 200 : 503);
          Answers.json(
              ctx,
              new JsonObject()
                  .put("status", because.isEmpty() ? "ready" : "not ready")
                  .put("because", new JsonArray(because)));
        });
  }

  /** The rest, open to whoever reaches the port. */
  static void registerOpen(Router router, NodeMetrics metrics, BlockingWork work) {
    router
        .get("/metrics")
        .handler(ctx -> {
          String accept = ctx.request().getHeader("Accept");
          work.run(() -> metrics.exposition(accept))
              .onSuccess(text ->
                  ctx.response()
                      .putHeader("Content-Type", NodeMetrics.contentType(accept))
                      .end(text))
              .onFailure(ctx::fail);
        });
    Buffer openApi = resource("openapi.json");
    router
        .get("/openapi.json")
        .handler(ctx -> ctx.response().putHeader("Content-Type", "application/json").end(openApi));
    CONSOLE.forEach((file, mediaType) -> {
      Buffer content = resource("console/" + file);
      // With and without a slash at the end; the page names its parts by their whole path.
      String path = file.equals("index.html") ? "/console" : "/console/" + file;
      router.get(path).handler(ctx -> page(ctx, content, mediaType));
    });
  }

  private static void page(RoutingContext ctx, Buffer content, String mediaType) {
    ctx.response()
        .putHeader("Content-Type", mediaType)
        .putHeader("Content-Security-Policy", CONTENT_POLICY)
        .putHeader("X-Content-Type-Options", "nosniff")
        .putHeader("Referrer-Policy", "no-referrer")
        .putHeader("Cache-Control", "no-cache")
        .end(content);
  }

  /** The console's figures, for operators. */
  static void registerConsole(Router router, ConsoleState console, BlockingWork work) {
    router
        .get("/v1/console")
        .handler(Access::operatorOnly)
        .handler(ctx -> Answers.json(ctx, work, console::picture));
  }

  /** The pool's figures and every slot, for operators. */
  static void registerPool(Router router, PoolState pool, BlockingWork work) {
    router
        .get("/v1/pool")
        .handler(Access::operatorOnly)
        .handler(ctx -> Answers.json(ctx, work, pool::toJson));
  }

  static Buffer resource(String name) {
    try (InputStream in = NodeRoutes.class.getClassLoader().getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the build has left out the resource " + name);
      }
      return Buffer.buffer(in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
