package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class LaterTest {
  private static final Vertx VERTX = Vertx.vertx();

  @AfterAll
  static void close() throws Exception {
    await(VERTX.close());
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future.toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  @Test
  void whatWentWrongIsToldWhateverStagesItHasComeThrough() {
    IllegalStateException full = new IllegalStateException("full");
    CompletableFuture<String> direct = CompletableFuture.failedFuture(full);
    CompletableFuture<String> chained =
        CompletableFuture.completedFuture("module").thenCompose(_ -> direct);
    assertThatThrownBy(() -> await(Later.on(VERTX, direct))).hasCause(full);
    assertThatThrownBy(() -> await(Later.on(VERTX, chained))).hasCause(full);
    assertThatThrownBy(() -> await(Later.on(VERTX, chained.copy()))).hasCause(full);
  }

  @Test
  void whatWentWellIsHandedOn() throws Exception {
    assertThat(await(Later.on(VERTX, CompletableFuture.completedFuture("module"))))
        .isEqualTo("module");
  }
}
