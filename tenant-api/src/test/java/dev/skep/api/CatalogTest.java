package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.scheduler.TenantId;
import dev.skep.storage.PresentedToken;
import dev.skep.storage.Principal;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CatalogTest {
  private static final String ID = "0123456789abcdef01234567";
  private static final PresentedToken TOKEN =
      PresentedToken.of("skep_" + ID + "_" + "A".repeat(43)).orElseThrow();
  private static final Optional<Principal> BEE =
      Optional.of(new Principal.TenantPrincipal(new TenantId("bee"), ID));

  private final AtomicLong nowNanos = new AtomicLong();
  private final ArrayDeque<Runnable> waiting = new ArrayDeque<>();
  private Optional<Principal> stored = BEE;
  private int asked;

  /** Runs when the database has read and its answer is on its way. */
  private Runnable onTheWay = () -> {};

  private final Catalog catalog =
      new Catalog(
          _ -> {
            asked++;
            Optional<Principal> found = stored;
            onTheWay.run();
            return found;
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
    assertThat(first).isCompletedWithValue(BEE);
  }

  @Test
  void nobodyWhoseTokenIsInUseWaitsForTheDatabase() {
    known();
    // It has been asked, and does not answer.
    for (int i = 0; i < 2; i++) {
      after(Catalog.REFRESH_TOKENS);
      after(Duration.ofSeconds(1));
      assertThat(catalog.principal(TOKEN)).isCompletedWithValue(BEE);
    }
    answer();
    assertThat(asked).isEqualTo(2);
    after(Catalog.REFRESH_TOKENS.plusSeconds(1));
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(BEE);
  }

  @Test
  void whatAnotherNodeHasRevokedIsRefusedOnceTheDatabaseHasSaidSo() {
    known();
    stored = Optional.empty();
    after(Catalog.REFRESH_TOKENS.plusSeconds(1));
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(BEE);
    answer();
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(Optional.empty());
  }

  @Test
  void aTokenThatTheDatabaseDoesNotConfirmExpires() {
    known();
    after(Catalog.REFRESH_TOKENS.plusSeconds(1));
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(BEE);
    after(Catalog.EXPIRE);
    assertThat(catalog.principal(TOKEN)).isNotDone();
  }

  private void revokeWhileAnAnswerIsOnTheWay() {
    onTheWay =
        () -> {
          stored = Optional.empty();
          catalog.forgetToken(ID);
          onTheWay = () -> {};
        };
    answer();
  }

  private void isRefused() {
    CompletableFuture<Optional<Principal>> next = catalog.principal(TOKEN);
    answer();
    assertThat(next).isCompletedWithValue(Optional.empty());
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(Optional.empty());
  }

  @Test
  void whatThisNodeHasRevokedIsRefusedThoughItWasBeingAskedAbout() {
    known();
    after(Catalog.REFRESH_TOKENS.plusSeconds(1));
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(BEE);
    revokeWhileAnAnswerIsOnTheWay();
    isRefused();
  }

  @Test
  void whatThisNodeHasRevokedIsRefusedThoughItWasBeingAskedAboutForTheFirstTime() {
    var _ = catalog.principal(TOKEN);
    revokeWhileAnAnswerIsOnTheWay();
    isRefused();
  }

  @Test
  void othersAreNotForgottenWithARevokedOne() {
    known();
    catalog.forgetToken("76543210fedcba9876543210");
    assertThat(catalog.principal(TOKEN)).isCompletedWithValue(BEE);
  }
}
