package dev.skep.api;

import io.vertx.core.Future;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;

/** Sends what a future brings. */
final class Answers {
  private Answers() {}

  /** Sends an object with the status that the response has by then, or fails the request. */
  static void json(RoutingContext ctx, Future<JsonObject> json) {
    json.onSuccess(object -> json(ctx, object)).onFailure(ctx::fail);
  }

  static void json(RoutingContext ctx, JsonObject json) {
    if (!ctx.response().closed()) {
      ctx.response()
          .putHeader("Content-Type", "application/json")
          .putHeader("X-Content-Type-Options", "nosniff")
          .end(SafeJson.buffer(json));
    }
  }
}
