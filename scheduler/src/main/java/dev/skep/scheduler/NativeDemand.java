package dev.skep.scheduler;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import com.github.benmanes.caffeine.cache.Ticker;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
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

  /** Between two looks into the store for what runs on tier 1. */
  private static final Duration LOOK_AGAIN = Duration.ofMinutes(1);

  /** A tenant's version. */
  record Wish(TenantId tenant, ModuleDigest version) {}

  /** Of one wish. */
  static final class Interest {
    private final LongAdder runs = new LongAdder();
    private final LongAdder fuel = new LongAdder();

    /** When the store may be asked again on its behalf, by the ticker; 0 if at once. */
    private final AtomicLong lookNanos = new AtomicLong();

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

    /** Whether the store is to be asked now: at first, and then once in {@link #LOOK_AGAIN}. */
    boolean mayLook(long nowNanos) {
      long next = lookNanos.get();
      return (next == 0 || nowNanos - next >= 0)
          && lookNanos.compareAndSet(next, nowNanos + LOOK_AGAIN.toNanos() | 1);
    }

    /** Notes that the store is being asked now, for whatever reason. */
    void looks(long nowNanos) {
      lookNanos.set(nowNanos + LOOK_AGAIN.toNanos() | 1);
    }

    /** Notes what the store knows of it, unless this node is at it. */
    void found(NativeState known) {
      NativeState before = state.get();
      if (before instanceof NativeState.Absent && known.isFinal()) {
        state.compareAndSet(before, known);
      }
    }

    /** Has it counted from 0 again, because what there was is gone. */
    void forget() {
      CompletableFuture<NativeState> last = result.get();
      if (last == null || last.isDone()) {
        state.set(new NativeState.Absent());
        result.compareAndSet(last, null);
        runs.reset();
        fuel.reset();
      }
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

  private final Ticker ticker;
  private final long afterRuns;
  private final long afterFuel;
  private final Cache<Wish, Interest> interests;

  NativeDemand(NativeConfig config, Ticker ticker) {
    this.ticker = ticker;
    this.afterRuns = config.afterRuns();
    this.afterFuel = config.afterFuel();
    this.interests =
        Caffeine.newBuilder()
            .maximumSize(MOST_COUNTED)
            .expireAfter(new Forgetting())
            .ticker(ticker)
            .build();
  }

  /** Forgets what was found out, but what is ready and used. */
  private static final class Forgetting implements Expiry<Wish, Interest> {
    @Override
    public long expireAfterCreate(Wish wish, Interest interest, long nowNanos) {
      return COUNTED_FOR.toNanos();
    }

    @Override
    public long expireAfterUpdate(Wish wish, Interest interest, long nowNanos, long leftNanos) {
      return leftNanos;
    }

    @Override
    public long expireAfterRead(Wish wish, Interest interest, long nowNanos, long leftNanos) {
      return interest.state() instanceof NativeState.Ready ? COUNTED_FOR.toNanos() : leftNanos;
    }
  }

  /** What is known of a wish, from now on. */
  Interest of(Wish wish) {
    return interests.get(wish, _ -> new Interest());
  }

  /** What is known of a wish, if anything. */
  @Nullable Interest known(Wish wish) {
    return interests.getIfPresent(wish);
  }

  /** The store is being asked on its behalf, so that the next run need not have it asked again. */
  void looks(Interest interest) {
    interest.looks(ticker.read());
  }

  /** What a run on tier 1 has led to. */
  enum Counted {
    /** Nothing: too few runs yet, or somebody has asked. */
    NOTHING,
    /** The store may know more than this node. */
    LOOK,
    /** The version is wanted as machine code, and nobody has asked for it yet. */
    ASK
  }

  /** Counts a run on tier 1. */
  Counted count(Wish wish, long usedFuel) {
    Interest interest = of(wish);
    if (interest.state() instanceof NativeState.Ready) {
      // It is there, and not in use: it has just come, or there was no room for it.
      return interest.mayLook(ticker.read()) ? Counted.LOOK : Counted.NOTHING;
    }
    if (interest.result.get() != null) {
      return Counted.NOTHING;
    }
    interest.runs.increment();
    interest.fuel.add(usedFuel);
    if (interest.runs.sum() >= afterRuns || interest.fuel.sum() >= afterFuel) {
      return Counted.ASK;
    }
    return interest.mayLook(ticker.read()) ? Counted.LOOK : Counted.NOTHING;
  }
}
