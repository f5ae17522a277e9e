package dev.skep.scheduler;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.ModuleRefusedException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compiled modules by digest, compiled once and beside the threads that serve. Code is the same for
 * all tenants that hold the same bytes; what it runs on is not. Thread-safe; asking never blocks.
 */
public final class ModuleCache implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ModuleCache.class);

  /** Parsing nests as modules do; deep modules need more than the JVM's default. */
  private static final long COMPILER_STACK_BYTES = 64L << 20;

  /**
   * Modules known not to compile. A refusal is of the bytes and would come again, after all the
   * time that it took; but some depend on how fast the node was, so it is tried again one day.
   */
  private static final int MOST_REFUSED = 10_000;

  private static final Duration REFUSED_FOR = Duration.ofHours(1);

  private final Engine engine;
  private final ModuleSource source;
  private final Cache<ModuleDigest, CompiledModule> ready;
  private final Cache<ModuleDigest, ModuleRefusedException> refused;
  private final ConcurrentHashMap<ModuleDigest, CompletableFuture<CompiledModule>> pending =
      new ConcurrentHashMap<>();
  private final ThreadPoolExecutor compilers;

  public ModuleCache(Engine engine, ModuleSource source, SchedulerConfig config) {
    this(engine, source, config, Ticker.systemTicker());
  }

  /**
   * @param ticker by which refusals are forgotten
   */
  ModuleCache(Engine engine, ModuleSource source, SchedulerConfig config, Ticker ticker) {
    this.engine = engine;
    this.source = source;
    this.ready =
        Caffeine.newBuilder()
            .maximumWeight(config.codeCacheBytes())
            .weigher((ModuleDigest _, CompiledModule module) ->
                (int) Math.min(Integer.MAX_VALUE, module.codeBytes()))
            .recordStats()
            .build();
    this.refused =
        Caffeine.newBuilder()
            .maximumSize(MOST_REFUSED)
            .expireAfterWrite(REFUSED_FOR)
            .ticker(ticker)
            .build();
    // One thread: compiling must leave the workers their cores.
    this.compilers =
        new ThreadPoolExecutor(
            1,
            1,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(config.compileQueueCapacity()),
            task -> {
              Thread thread = new Thread(null, task, "skep-compiler", COMPILER_STACK_BYTES);
              thread.setDaemon(true);
              thread.setPriority(Thread.MIN_PRIORITY);
              return thread;
            });
  }

  /** The module if it is compiled, else null. */
  public @Nullable CompiledModule ifReady(ModuleDigest digest) {
    return ready.getIfPresent(digest);
  }

  /** Why the module does not compile, if that was found within the last hour, else null. */
  public @Nullable ModuleRefusedException ifRefused(ModuleDigest digest) {
    return refused.getIfPresent(digest);
  }

  /**
   * The module, compiled now or soon; or at once why it cannot be, if that is known.
   *
   * @param bytes of the module if the caller has them, else null
   * @return completes with the module; or exceptionally with {@link CompileRefusedException} if the
   *     queue is full, {@link ModuleRefusedException} if it does not compile, or whatever the
   *     source threw
   */
  public CompletableFuture<CompiledModule> get(
      TenantId tenant, ModuleDigest digest, byte @Nullable [] bytes) {
    CompiledModule module = ready.getIfPresent(digest);
    if (module != null) {
      return CompletableFuture.completedFuture(module);
    }
    ModuleRefusedException known = refused.getIfPresent(digest);
    if (known != null) {
      return CompletableFuture.failedFuture(known);
    }
    CompletableFuture<CompiledModule> mine = new CompletableFuture<>();
    CompletableFuture<CompiledModule> theirs = pending.putIfAbsent(digest, mine);
    if (theirs != null) {
      return theirs;
    }
    try {
      compilers.execute(() -> compile(tenant, digest, bytes, mine));
    } catch (RejectedExecutionException e) {
      pending.remove(digest, mine);
      mine.completeExceptionally(new CompileRefusedException(e));
    }
    return mine;
  }

  private void compile(
      TenantId tenant,
      ModuleDigest digest,
      byte @Nullable [] bytes,
      CompletableFuture<CompiledModule> result) {
    try {
      CompiledModule known = ready.getIfPresent(digest);
      if (known == null) {
        Optional<byte[]> found =
            bytes != null ? Optional.of(bytes) : source.moduleBytes(tenant, digest);
        known =
            engine.compile(
                found.orElseThrow(
                    () -> new IllegalStateException("the module " + digest + " is gone")));
        ready.put(digest, known);
        LOG.atInfo()
            .addKeyValue("module", digest)
            .addKeyValue("millis", known.compileNanos() / 1_000_000)
            .addKeyValue("interpretedFunctions", known.interpretedFunctions().size())
            .log("compiled");
      }
      pending.remove(digest, result);
      result.complete(known);
    } catch (ModuleRefusedException e) {
      refused.put(digest, e);
      LOG.atInfo()
          .addKeyValue("module", digest)
          .addKeyValue("because", e.getMessage())
          .log("does not compile");
      pending.remove(digest, result);
      result.completeExceptionally(e);
    } catch (RuntimeException e) {
      pending.remove(digest, result);
      result.completeExceptionally(e);
    } catch (Error e) {
      // A compiler that ran out of stack or memory has failed this module only.
      pending.remove(digest, result);
      result.completeExceptionally(e);
      LOG.atError().setCause(e).addKeyValue("module", digest).log("compiling failed");
    }
  }

  /** Modules waiting to be compiled. */
  public int queued() {
    return compilers.getQueue().size();
  }

  /** The cache itself, for its statistics. */
  public Cache<ModuleDigest, CompiledModule> cache() {
    return ready;
  }

  /**
   * Stops compiling; what waits is never compiled, and its askers are told. Waits for the one under
   * way, a minute at most.
   */
  @Override
  public void close() {
    compilers.shutdownNow();
    try {
      if (!compilers.awaitTermination(Duration.ofMinutes(1).toSeconds(), TimeUnit.SECONDS)) {
        LOG.atWarn().log("a module was still compiling");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (CompletableFuture<CompiledModule> waiting : pending.values()) {
      waiting.completeExceptionally(
          new CompileRefusedException(new CancellationException("the node is going down")));
    }
    pending.clear();
  }
}
