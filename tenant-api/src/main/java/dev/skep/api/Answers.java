package dev.skep.api;

import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.Callable;

/** Sends what a future brings. */
final class Answers {
  private Answers() {}

  /** Sends an object with the status that the response has by then, or fails the request. */
  static void json(RoutingContext ctx, Future<JsonObject> json) {
    json.onSuccess(object -> json(ctx, object)).onFailure(ctx::fail);
  }

  /**
   * Sends what a task makes that blocks. It is written where it is made: what may be large takes
   * too long for an event loop.
   */
  static void json(RoutingContext ctx, BlockingWork work, Callable<JsonObject> task) {
    work.run(() -> SafeJson.buffer(task.call()))
        .onSuccess(written -> json(ctx, written))
        .onFailure(ctx::fail);
  }

  static void json(RoutingContext ctx, JsonObject json) {
    json(ctx, SafeJson.buffer(json));
  }

  /** Sends an object that {@link SafeJson} has written. */
  static void json(RoutingContext ctx, Buffer written) {
    if (!ctx.response().closed()) {
      ctx.response()
          .putHeader("Content-Type", "application/json")
          .putHeader("X-Content-Type-Options", "nosniff")
          .end(written);
    }
  }
}
