package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.storage.PresentedToken;
import dev.skep.storage.Principal;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CatalogTest {
  private static final PresentedToken TOKEN =
      PresentedToken.of("correct horse battery staple").orElseThrow();
  private static final Optional<Principal> OPERATOR =
      Optional.of(new Principal.Operator("configured"));

  private final AtomicLong nowNanos = new AtomicLong();
  private final ArrayDeque<Runnable> waiting = new ArrayDeque<>();
  private Optional<Principal> stored = OPERATOR;
  private int asked;

  private final Catalog catalog =
      new Catalog(
          _ -> {
            asked++;
            return stored;
          },
          _ -> Optional.empty(),
          waiting::add,
          nowNanos::get);

  private void after(Duration time) {
    nowNanos.addAndGet(time.toNanos());
  }

  /** Has the database answer what it has been asked. */
  private void answer() {
    while (!waiting.isEmpty()) {
      waiting.remove().run();
    }
  }

  private void known() {
    CompletableFuture<Optional<Principal>> first = catalog.principal(TOKEN);
    assertThat(first).isNotDone();
    answer();
    assertThat(first).isCompletedWithValue(OPERATOR);
  }

  @Test
  void nobodyWhoseTokenIsInUseWaitsForTheDatabase() {
    known();
    // It has been asked, and does not answer.
    for (int i = 0; i < 2; i++) {
      after(Catalog.REFRESH_TOKENS);
      after(Duration.ofSeconds(1));
      assertThat(catalog.principal(TOKEN)).isCompletedWithValue(OPERATOR);
    }
    answer();
    assertThat(asked).isEqualTo(2);
    after(Catalog.REFRESH_TOKENS.plusSeconds(1));
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(OPERATOR);
  }

  @Test
  void whatAnotherNodeHasRevokedIsRefusedOnceTheDatabaseHasSaidSo() {
    known();
    stored = Optional.empty();
    after(Catalog.REFRESH_TOKENS.plusSeconds(1));
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(OPERATOR);
    answer();
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(Optional.empty());
  }

  @Test
  void aTokenThatTheDatabaseDoesNotConfirmExpires() {
    known();
    after(Catalog.REFRESH_TOKENS.plusSeconds(1));
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(OPERATOR);
    after(Catalog.EXPIRE);
    assertThat(catalog.principal(TOKEN)).isNotDone();
  }
}
