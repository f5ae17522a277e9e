package dev.skep.api;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

/** Brings what completes on other threads back to the event loop. */
final class Later {
  private Later() {}

  /**
   * A future of {@code stage} that completes on the caller's event loop; fails with what went
   * wrong, whatever stages that has come through.
   */
  static <T> Future<T> on(Vertx vertx, CompletionStage<T> stage) {
    return Future.fromCompletionStage(stage, vertx.getOrCreateContext())
        .recover(failure -> Future.failedFuture(cause(failure)));
  }

  /** What went wrong, without what a chain of stages wraps it in. */
  static Throwable cause(Throwable failure) {
    Throwable cause = failure.getCause();
    return failure instanceof CompletionException && cause != null ? cause : failure;
  }
}
