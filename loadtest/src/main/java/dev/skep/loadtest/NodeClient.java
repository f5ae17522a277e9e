package dev.skep.loadtest;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Speaks to a node over HTTP/1.1 with the operator's token. Everything completes on one event loop,
 * so that whoever counts there needs no lock and the client takes one thread of the machine.
 */
final class NodeClient implements AutoCloseable {
  private static final int REQUEST_SECONDS = 30;

  /**
   * What came back.
   *
   * @param guestNanos time of the guest alone, from the header, or −1
   * @param tier that the run was on, from the header, or −1
   */
  record Answer(int status, Buffer body, long guestNanos, long tier) {
    /** One that names no tier. */
    Answer(int status, Buffer body, long guestNanos) {
      this(status, body, guestNanos, -1);
    }

    boolean isOk() {
      return status >= 200 && status < 300;
    }

    String explained() {
      String text = body.toString();
      return status + " " + (text.length() > 300 ? text.substring(0, 300) + "…" : text);
    }
  }

  private final Vertx vertx = Vertx.vertx();
  private final Context loop = vertx.getOrCreateContext();
  private final HttpClient http;
  private final URI node;
  private final String token;

  NodeClient(URI node, String token, int connections) {
    this.node = node;
    this.token = token;
    this.http =
        vertx.createHttpClient(
            new HttpClientOptions().setTcpNoDelay(true),
            new PoolOptions().setHttp1MaxSize(connections).setEventLoopSize(0));
  }

  Future<Answer> send(HttpMethod method, String path, @Nullable Buffer body) {
    RequestOptions options =
        new RequestOptions()
            .setMethod(method)
            .setHost(node.getHost())
            .setPort(node.getPort() < 0 ? 80 : node.getPort())
            .setURI(path)
            .setTimeout(TimeUnit.SECONDS.toMillis(REQUEST_SECONDS))
            .putHeader("Authorization", "Bearer " + token);
    return http.request(options)
        .compose(request -> body == null ? request.send() : request.send(body))
        .compose(response -> {
          long guestNanos = number(response.getHeader("Skep-Duration-Nanos"));
          long tier = number(response.getHeader("Skep-Tier"));
          return response
              .body()
              .map(content -> new Answer(response.statusCode(), content, guestNanos, tier));
        });
  }

  private static long number(@Nullable String header) {
    return header == null ? -1 : Long.parseLong(header);
  }

  /** A request of the control plane, which must succeed. Blocks. */
  JsonObject control(HttpMethod method, String path, @Nullable Buffer body) {
    Answer answer = await(onLoop(() -> send(method, path, body)), Duration.ofSeconds(60));
    if (!answer.isOk()) {
      throw new IllegalStateException(method + " " + path + " answered " + answer.explained());
    }
    return answer.body().length() == 0 ? new JsonObject() : answer.body().toJsonObject();
  }

  /** The node's metrics now. Blocks. */
  MetricSamples metrics() {
    Answer answer =
        await(onLoop(() -> send(HttpMethod.GET, "/metrics", null)), Duration.ofSeconds(60));
    return MetricSamples.parse(answer.body().toString());
  }

  /** Whether the node says it is ready. Blocks for some seconds at most. */
  boolean isReady() {
    try {
      Answer answer =
          await(onLoop(() -> send(HttpMethod.GET, "/readyz", null)), Duration.ofSeconds(5));
      return answer.status() == 200;
    } catch (IllegalStateException e) {
      return false;
    }
  }

  /**
   * Does {@code step} for 0 to {@code count} − 1, {@code concurrency} at a time, on the event loop.
   * The first failure ends it.
   */
  Future<Void> each(int count, int concurrency, IntFunction<Future<?>> step) {
    Promise<Void> done = Promise.promise();
    int[] state = {0, 0};
    Runnable[] next = new Runnable[1];
    next[0] =
        () -> {
          if (state[0] == count) {
            return;
          }
          step.apply(state[0]++)
              .onComplete(result -> {
                if (result.failed()) {
                  done.tryFail(result.cause());
                } else if (++state[1] == count) {
                  done.tryComplete();
                } else {
                  // Not from within: a chain of answers must not become a stack.
                  loop.runOnContext(_ -> next[0].run());
                }
              });
        };
    if (count == 0) {
      done.complete();
    }
    loop.runOnContext(_ -> {
      for (int i = 0; i < concurrency; i++) {
        next[0].run();
      }
    });
    return done.future();
  }

  /** Starts {@code step} on the event loop. */
  <T> Future<T> onLoop(Supplier<Future<T>> step) {
    Promise<T> done = Promise.promise();
    loop.runOnContext(_ -> step.get().onComplete(done));
    return done.future();
  }

  /** The event loop's context. */
  Context loop() {
    return loop;
  }

  /** Waits for a future; its failure becomes the cause of an {@link IllegalStateException}. */
  static <T> T await(Future<T> future, Duration patience) {
    try {
      return future
          .toCompletionStage()
          .toCompletableFuture()
          .get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("a request to the node failed: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  @Override
  public void close() {
    await(vertx.close(), Duration.ofSeconds(30));
  }
}
