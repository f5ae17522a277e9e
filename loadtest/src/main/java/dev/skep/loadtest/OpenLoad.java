package dev.skep.loadtest;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.HdrHistogram.Histogram;

/**
 * Load in an open loop: requests are due at a constant rate, whatever became of those before, and a
 * latency counts from when its request was due. A node that stalls is charged for all that should
 * have been answered meanwhile: no coordinated omission.
 */
final class OpenLoad {
  /** Requests under way; one that is due beyond them is not sent and counts as wrong. */
  private static final int MOST_UNDER_WAY = 20_000;

  /** What an answer may take after the last request was due. */
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  private final NodeClient client;
  private final Supplier<Future<NodeClient.Answer>> request;
  private final CheckedAnswers checked;
  private final Histogram nanos;
  private final Promise<Void> done = Promise.promise();
  private int underWay;
  private long notSent;
  private boolean allDue;

  /**
   * @param request sends one, on the event loop
   * @param checked judges the answers
   * @param nanos gets the latencies of right answers
   */
  OpenLoad(
      NodeClient client,
      Supplier<Future<NodeClient.Answer>> request,
      CheckedAnswers checked,
      Histogram nanos) {
    this.client = client;
    this.request = request;
    this.checked = checked;
    this.nanos = nanos;
  }

  /** Sends so many a second for so long, and waits for the answers. Blocks; once. */
  void run(double perSecond, Duration time) {
    long count = Math.max(1, Math.round(perSecond * time.toNanos() / 1e9));
    double everyNanos = 1e9 / perSecond;
    long startNanos = System.nanoTime();
    for (long i = 0; i < count; i++) {
      long dueNanos = startNanos + Math.round(i * everyNanos);
      for (long left = dueNanos - System.nanoTime();
          left > 0;
          left = dueNanos - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      client.loop().runOnContext(_ -> send(dueNanos));
    }
    client
        .loop()
        .runOnContext(_ -> {
          allDue = true;
          endIfLast();
        });
    NodeClient.await(done.future(), PATIENCE);
  }

  private void send(long dueNanos) {
    if (underWay >= MOST_UNDER_WAY) {
      notSent++;
      return;
    }
    underWay++;
    request
        .get()
        .onComplete(result -> {
          long nowNanos = System.nanoTime();
          if (checked.judge(result.result(), result.cause())) {
            Durations.record(nanos, nowNanos - dueNanos);
          }
          underWay--;
          endIfLast();
        });
  }

  private void endIfLast() {
    if (allDue && underWay == 0) {
      done.tryComplete();
    }
  }

  CheckedAnswers checked() {
    return checked;
  }

  /** Requests that were due when too many were under way. */
  long notSent() {
    return notSent;
  }
}
