package dev.skep.scheduler;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * How much each tenant's versions are used on tier 1, and how far they are on their way to tier 2.
 * Bounded: what has not been used for longest is forgotten, and counted from 0 when it comes again.
 * Thread-safe; no method blocks, and counting takes no lock.
 */
final class NativeDemand {
  /** Versions that are counted: as many as a node has in use, and some 200 bytes each. */
  private static final int MOST_COUNTED = 100_000;

  /**
   * What has been found out is asked for again after this time: a module that failed may be tried
   * again then, on a node with another compiler an unsupported one may be supported.
   */
  private static final Duration COUNTED_FOR = Duration.ofHours(1);

  /** A tenant's version. */
  record Wish(TenantId tenant, ModuleDigest version) {}

  /** Of one wish. */
  static final class Interest {
    private final LongAdder runs = new LongAdder();
    private final LongAdder fuel = new LongAdder();
    private final AtomicReference<NativeState> state =
        new AtomicReference<>(new NativeState.Absent());

    /** What askers wait for; null while nobody has asked. */
    private final AtomicReference<@Nullable CompletableFuture<NativeState>> result =
        new AtomicReference<>();

    NativeState state() {
      return state.get();
    }

    void state(NativeState now) {
      state.set(now);
    }

    /** What others wait for already, or null if {@code mine} is what they wait for from now on. */
    @Nullable CompletableFuture<NativeState> asked(CompletableFuture<NativeState> mine) {
      return result.compareAndExchange(null, mine);
    }

    /** Ends the wait with a final state. */
    void settle(CompletableFuture<NativeState> mine, NativeState last) {
      state.set(last);
      mine.complete(last);
    }

    /** Ends the wait without one; it can be asked anew. */
    void fail(CompletableFuture<NativeState> mine, Throwable why) {
      state.set(new NativeState.Absent());
      result.compareAndSet(mine, null);
      mine.completeExceptionally(why);
    }
  }

  private final long afterRuns;
  private final long afterFuel;
  private final Cache<Wish, Interest> interests;

  NativeDemand(NativeConfig config, Ticker ticker) {
    this.afterRuns = config.afterRuns();
    this.afterFuel = config.afterFuel();
    this.interests =
        Caffeine.newBuilder()
            .maximumSize(MOST_COUNTED)
            .expireAfterWrite(COUNTED_FOR)
            .ticker(ticker)
            .build();
  }

  /** What is known of a wish, from now on. */
  Interest of(Wish wish) {
    return interests.get(wish, _ -> new Interest());
  }

  /** What is known of a wish, if anything. */
  @Nullable Interest known(Wish wish) {
    return interests.getIfPresent(wish);
  }

  /**
   * Counts a run.
   *
   * @return whether the version is wanted as machine code, and nobody has asked for it yet
   */
  boolean count(Wish wish, long usedFuel) {
    Interest interest = of(wish);
    if (interest.result.get() != null) {
      return false;
    }
    interest.runs.increment();
    interest.fuel.add(usedFuel);
    return interest.runs.sum() >= afterRuns || interest.fuel.sum() >= afterFuel;
  }
}
