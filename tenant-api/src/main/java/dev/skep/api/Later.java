package dev.skep.api;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.concurrent.CompletionStage;

/** Brings what completes on other threads back to the event loop. */
final class Later {
  private Later() {}

  /** A future of {@code stage} that completes on the caller's event loop. */
  static <T> Future<T> on(Vertx vertx, CompletionStage<T> stage) {
    return Future.fromCompletionStage(stage, vertx.getOrCreateContext());
  }
}
