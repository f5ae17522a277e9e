package dev.skep.api;

import dev.skep.pool.Backstage;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs what blocks beside the event loops, on a fixed number of threads with a bounded number of
 * tasks waiting. Thread-safe; asking never blocks.
 */
final class BlockingWork implements AutoCloseable {
  private static final long WARN_AFTER_MINUTES = 5;

  private final String name;
  private final Backstage place;
  private final WorkerExecutor executor;
  private final int most;
  private final AtomicInteger under = new AtomicInteger();

  /**
   * @param name of the threads
   * @param threads that work
   * @param most tasks under way or waiting; one more fails at once as unavailable
   * @param place where its threads stand when processors are short
   */
  BlockingWork(Vertx vertx, String name, int threads, int most, Backstage place) {
    this.name = name;
    this.place = place;
    this.executor =
        vertx.createSharedWorkerExecutor(name, threads, WARN_AFTER_MINUTES, TimeUnit.MINUTES);
    this.most = most;
  }

  /** Runs a task; the future completes on the caller's event loop. */
  <T> Future<T> run(Callable<T> task) {
    if (under.incrementAndGet() > most) {
      under.decrementAndGet();
      return Future.failedFuture(
          new ProblemException(
              Problem.Kind.UNAVAILABLE,
              "the node has " + most + " tasks of " + name + " under way; try again soon"));
    }
    Promise<T> result = Promise.promise();
    executor
        .executeBlocking(
            () -> {
              // Each time: the threads are Vert.x's, which ends those that are idle. 1 µs.
              place.enter();
              T value = task.call();
              return value;
            },
            false)
        .onComplete(ended -> {
          under.decrementAndGet();
          result.handle(ended);
        });
    return result.future();
  }

  @Override
  public void close() {
    executor.close();
  }
}
