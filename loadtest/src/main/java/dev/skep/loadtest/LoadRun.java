package dev.skep.loadtest;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.function.Supplier;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Load in a closed loop: each of so many callers sends its next request when its last is answered.
 * A slow node is therefore asked less often, and the latencies are those of the requests that were
 * sent, not of a constant rate.
 */
final class LoadRun {
  private final NodeClient client;
  private final Supplier<Future<NodeClient.Answer>> request;
  private final CheckedAnswers checked;
  private final Histogram httpNanos = Durations.create();
  private final Histogram guestNanos = Durations.create();
  private final Promise<Void> done = Promise.promise();
  private long measureFromNanos;
  private long endNanos;
  private int callers;

  /**
   * @param request sends one, on the event loop
   * @param checked judges the answers
   */
  LoadRun(NodeClient client, Supplier<Future<NodeClient.Answer>> request, CheckedAnswers checked) {
    this.client = client;
    this.request = request;
    this.checked = checked;
  }

  /** Loads for {@code warmUp}, then measures for {@code time}. Blocks. */
  void run(int concurrency, Duration warmUp, Duration time) {
    callers = concurrency;
    client
        .loop()
        .runOnContext(_ -> {
          measureFromNanos = System.nanoTime() + warmUp.toNanos();
          endNanos = measureFromNanos + time.toNanos();
          for (int i = 0; i < concurrency; i++) {
            call();
          }
        });
    NodeClient.await(done.future(), warmUp.plus(time).plusSeconds(60));
  }

  private void call() {
    long startNanos = System.nanoTime();
    if (startNanos - endNanos >= 0) {
      if (--callers == 0) {
        done.complete();
      }
      return;
    }
    request
        .get()
        .onComplete(result -> {
          long nowNanos = System.nanoTime();
          NodeClient.@Nullable Answer answer = result.result();
          boolean right = checked.judge(answer, result.cause());
          if (right && answer != null && startNanos - measureFromNanos >= 0) {
            Durations.record(httpNanos, nowNanos - startNanos);
            Durations.record(guestNanos, answer.guestNanos());
          }
          client.loop().runOnContext(_ -> call());
        });
  }

  CheckedAnswers checked() {
    return checked;
  }

  /** From sending to the last byte of the answer. */
  Histogram httpNanos() {
    return httpNanos;
  }

  /** The guest's part of it, as the node says. */
  Histogram guestNanos() {
    return guestNanos;
  }
}
