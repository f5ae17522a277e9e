package dev.skep.api;

import com.github.benmanes.caffeine.cache.AsyncLoadingCache;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import dev.skep.limits.StoreLimits;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.FunctionRecord;
import dev.skep.storage.FunctionStore;
import dev.skep.storage.PresentedToken;
import dev.skep.storage.Principal;
import dev.skep.storage.TenantRecord;
import dev.skep.storage.TokenStore;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What the invoke path must know of tokens, tenants and functions, from memory while it is warm.
 *
 * <p>A change made through this node is seen at once; one made through another node after {@link
 * #REFRESH} or {@link #REFRESH_TOKENS} and the time of a question, when an entry is in use, and
 * {@link #EXPIRE} when it is not or the database does not answer. Unknown names are remembered too,
 * so that asking for them does not reach the database each time. Thread-safe.
 */
final class Catalog {
  /** How old a function may be before a use of it fetches it anew, beside the use. */
  static final Duration REFRESH = Duration.ofSeconds(2);

  /**
   * The same of a token. Not only when it expires: then all who use it would wait for the database,
   * and it may be long in answering.
   */
  static final Duration REFRESH_TOKENS = Duration.ofSeconds(10);

  /** How old an entry may be at all. */
  static final Duration EXPIRE = Duration.ofSeconds(30);

  private static final int MOST_PRINCIPALS = 100_000;
  private static final int MOST_TARGETS = 200_000;

  /** A function by its full name. */
  record Key(TenantId tenant, FunctionName function) {}

  /**
   * A function that can be run.
   *
   * @param tenant its owner
   * @param function itself
   * @param limits what its stores may use: the defaults, the tenant's over them, the function's
   *     within those
   * @param answered whether the tenant's ask for machine code of the current version has been
   *     answered
   */
  record Target(
      TenantRecord tenant, FunctionRecord function, StoreLimits limits, boolean answered) {}

  private final AsyncLoadingCache<Key, Optional<Target>> targets;

  private final AsyncLoadingCache<PresentedToken, Optional<Principal>> principals;

  /**
   * @param compiler of the machine code that this node runs
   * @param loader runs the look-ups, which block
   * @param ahead what can be done for a run of a function that was just looked up, on the same
   *     thread and before its request goes on; may block, must not throw
   */
  Catalog(
      TokenStore tokens,
      FunctionStore functions,
      String compiler,
      Executor loader,
      Consumer<Target> ahead) {
    this(
        tokens::authenticate,
        key -> {
          Optional<Target> found = load(functions, compiler, key);
          found.ifPresent(ahead);
          return found;
        },
        loader,
        Ticker.systemTicker());
  }

  /** With look-ups and a clock of the caller's. */
  Catalog(
      Function<PresentedToken, Optional<Principal>> tokens,
      Function<Key, Optional<Target>> functions,
      Executor loader,
      Ticker ticker) {
    this.targets =
        Caffeine.newBuilder()
            .maximumSize(MOST_TARGETS)
            .refreshAfterWrite(REFRESH)
            .expireAfterWrite(EXPIRE)
            .executor(loader)
            .ticker(ticker)
            .recordStats()
            .buildAsync(functions::apply);
    this.principals =
        Caffeine.newBuilder()
            .maximumSize(MOST_PRINCIPALS)
            .refreshAfterWrite(REFRESH_TOKENS)
            .expireAfterWrite(EXPIRE)
            .executor(loader)
            .ticker(ticker)
            .recordStats()
            .buildAsync(tokens::apply);
  }

  private static Optional<Target> load(FunctionStore functions, String compiler, Key key) {
    return functions
        .findOwned(key.tenant(), key.function(), compiler)
        .map(owned ->
            new Target(
                owned.tenant(),
                owned.function(),
                owned.function().settings().limits().within(limitsOf(owned.tenant())),
                owned.answered()));
  }

  /** What a tenant's stores may use. */
  static StoreLimits limitsOf(TenantRecord tenant) {
    return tenant.limits().overrides().over(StoreLimits.DEFAULTS);
  }

  /** A function and what it may use. */
  CompletableFuture<Optional<Target>> target(TenantId tenant, FunctionName function) {
    return targets.get(new Key(tenant, function));
  }

  /** Whom a token stands for. */
  CompletableFuture<Optional<Principal>> principal(PresentedToken token) {
    return principals.get(token);
  }

  /** Forgets a function, after it was changed. */
  void forget(TenantId tenant, FunctionName function) {
    targets.synchronous().invalidate(new Key(tenant, function));
  }

  /** Forgets all functions of a tenant, after it was changed. */
  void forget(TenantId tenant) {
    targets.synchronous().asMap().keySet().removeIf(key -> key.tenant().equals(tenant));
  }

  /** Forgets a tenant's token, after it was revoked. */
  void forgetToken(String tokenId) {
    principals.synchronous().asMap().keySet().removeIf(token -> token.carries(tokenId));
  }

  /** The caches by name, for their statistics. */
  Map<String, Cache<?, ?>> caches() {
    return Map.of("functions", targets.synchronous(), "tokens", principals.synchronous());
  }
}
