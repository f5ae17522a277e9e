package dev.skep.scheduler;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import com.github.benmanes.caffeine.cache.Ticker;
import dev.skep.engine.Artifact;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.pool.Backstage;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compiled modules by digest, compiled once and beside the threads that serve. Code is the same for
 * all tenants that hold the same bytes; what it runs on is not. Thread-safe; asking never blocks.
 *
 * <p>What waits to be compiled is taken by tenants in turn ({@link CompileQueue}). A module that
 * two tenants ask for waits in both their queues, and is compiled when the first of them has its
 * turn.
 *
 * <p><b>Machine code.</b> A module is there with its classes for tier 1, with machine code, or with
 * both. Only a tenant whose own wish for machine code has been answered runs it: for another the
 * classes are made beside it. A version that is not in memory, and whose machine code is stored, is
 * loaded ({@link MachineLoads}) rather than compiled.
 */
public final class ModuleCache implements NativeListener, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ModuleCache.class);

  /** Parsing nests as modules do; deep modules need more than the JVM's default. */
  private static final long COMPILER_STACK_BYTES = 64L << 20;

  private static final Duration CLOSE_PATIENCE = Duration.ofMinutes(1);

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
  private final ConcurrentHashMap<ModuleDigest, Pending> pending = new ConcurrentHashMap<>();
  private final CompileQueue<Asked> queue;
  private final LongAdder refusedOfTenant = new LongAdder();
  private final LongAdder refusedInAll = new LongAdder();
  private final Ticker ticker;
  private final LongConsumer waits;
  private final Thread compiler;
  private final SchedulerConfig config;
  private volatile @Nullable MachineLoads loads;
  private volatile MachineCodeSource machineCode = MachineCodeSource.NONE;

  /** A module that is not compiled yet, and those that have asked for it. */
  private static final class Pending {
    final CompletableFuture<CompiledModule> result;
    final AtomicBoolean begun = new AtomicBoolean();

    /** When it was first asked for, by the cache's ticker. */
    final long askedNanos;

    /** Those in whose queue it is; guarded by its place in the map. */
    final Set<TenantId> askers = new HashSet<>();

    Pending(CompletableFuture<CompiledModule> result, long askedNanos) {
      this.result = result;
      this.askedNanos = askedNanos;
    }
  }

  /** One tenant's wish for a module, with the bytes if it has brought them. */
  private record Asked(
      Pending pending, TenantId tenant, ModuleDigest digest, byte @Nullable [] bytes) {}

  public ModuleCache(Engine engine, ModuleSource source, SchedulerConfig config) {
    this(engine, source, config, _ -> {});
  }

  /**
   * @param waits hears of each compile that begins how many nanoseconds ago it was first asked for;
   *     must neither block nor throw
   */
  public ModuleCache(
      Engine engine, ModuleSource source, SchedulerConfig config, LongConsumer waits) {
    this(engine, source, config, waits, Ticker.systemTicker());
  }

  /**
   * @param ticker by which refusals are forgotten and waits are measured
   */
  ModuleCache(
      Engine engine,
      ModuleSource source,
      SchedulerConfig config,
      LongConsumer waits,
      Ticker ticker) {
    this.engine = engine;
    this.config = config;
    this.source = source;
    this.waits = waits;
    this.ticker = ticker;
    this.ready =
        Caffeine.newBuilder()
            .maximumWeight(config.codeCacheBytes())
            .weigher(ModuleCache::weight)
            .removalListener(ModuleCache::removed)
            .recordStats()
            .build();
    this.refused =
        Caffeine.newBuilder()
            .maximumSize(MOST_REFUSED)
            .expireAfterWrite(REFUSED_FOR)
            .ticker(ticker)
            .build();
    this.queue =
        new CompileQueue<>(
            config.compileQueueCapacity(),
            config.compilesPerTenant(),
            asked -> !asked.pending.begun.get());
    // One thread: a compile takes up to seconds of a core that workers would otherwise have, and
    // nobody's run waits for it but those of the module itself. Modules come rarely and stay, so a
    // second thread would shorten few waits and lengthen many runs.
    this.compiler = new Thread(null, this::compileAll, "skep-compiler", COMPILER_STACK_BYTES);
    compiler.setDaemon(true);
    compiler.start();
  }

  private static int weight(ModuleDigest digest, CompiledModule module) {
    return (int) Math.min(Integer.MAX_VALUE, module.heldBytes());
  }

  private static void removed(
      @Nullable ModuleDigest digest, @Nullable CompiledModule module, RemovalCause cause) {
    if (module != null) {
      module.retire();
    }
  }

  /**
   * Has machine code loaded from a source from now on. Called once, before anybody asks.
   *
   * @param from which knows what each tenant has asked for
   */
  public void loadFrom(MachineCodeSource from) {
    machineCode = from;
    loads =
        new MachineLoads(
            engine,
            from,
            new MachineLoads.Shelf() {
              @Override
              public @Nullable CompiledModule known(ModuleDigest digest) {
                return ready.getIfPresent(digest);
              }

              @Override
              public CompiledModule keep(ModuleDigest digest, CompiledModule module) {
                CompiledModule before = ready.asMap().putIfAbsent(digest, module);
                return before == null ? module : before;
              }

              @Override
              public void reweigh(ModuleDigest digest, CompiledModule module) {
                ready.asMap().replace(digest, module, module);
              }
            },
            config);
  }

  @Override
  public boolean ready(ModuleDigest digest, Artifact artifact) {
    CompiledModule known = ready.getIfPresent(digest);
    MachineLoads loader = loads;
    // What is not in memory is loaded when it is run.
    return known == null
        || loader == null
        || known.isMachineCode()
        || loader.use(digest, known, artifact) != MachineLoads.Use.UNFIT;
  }

  @Override
  public void look(TenantId tenant, ModuleDigest version) {
    MachineLoads loader = loads;
    if (loader != null) {
      var _ = loader.load(tenant, version, false);
    }
  }

  /** The module if it is there, whatever it can run on, else null. */
  public @Nullable CompiledModule ifReady(ModuleDigest digest) {
    return ready.getIfPresent(digest);
  }

  /**
   * The module if a run of the tenant's can have it as it is, else null. What another tenant has
   * had loaded as machine code only is not for those who have not.
   */
  public @Nullable CompiledModule ifReady(
      TenantId tenant, ModuleDigest digest, boolean mayBeMachineCode) {
    CompiledModule module = ready.getIfPresent(digest);
    return module != null
            && (module.hasTierOne() || (mayBeMachineCode && machineCode.isReady(tenant, digest)))
        ? module
        : null;
  }

  /**
   * The module for a run, compiled or loaded now or soon; or at once why it cannot be, if that is
   * known.
   *
   * @param mayBeMachineCode whether what comes may run as machine code only; without, it runs on
   *     tier 1 too
   * @param answered whether the tenant's ask for its machine code is known to have been answered;
   *     if not, that is asked
   * @return as {@link #get(TenantId, ModuleDigest, byte[])}
   */
  public CompletableFuture<CompiledModule> get(
      TenantId tenant, ModuleDigest digest, boolean mayBeMachineCode, boolean answered) {
    CompiledModule module = ifReady(tenant, digest, mayBeMachineCode);
    if (module != null) {
      return CompletableFuture.completedFuture(module);
    }
    MachineLoads loader = loads;
    return mayBeMachineCode && loader != null
        ? loader
            .load(tenant, digest, answered)
            .thenCompose(loaded ->
                loaded.isPresent()
                    ? CompletableFuture.completedFuture(loaded.get())
                    : get(tenant, digest, null))
        : get(tenant, digest, null);
  }

  /**
   * Has a version's machine code loaded whose run is on its way, if it is not there: {@link #get}
   * then finds it there, or on its way. For whoever knows of the run before it can ask for it, on a
   * thread that may block, as the store of machine code does, and has the stack of {@link
   * Engine#COMPILER_STACK_BYTES}.
   *
   * @param answered as in {@link #get}; nothing is loaded ahead for those whose ask may not be
   */
  public void loadAhead(TenantId tenant, ModuleDigest digest, boolean answered) {
    MachineLoads loader = loads;
    if (answered && loader != null && ifReady(tenant, digest, true) == null) {
      loader.loadHere(tenant, digest, true);
    }
  }

  /** Why the module does not compile, if that was found within the last hour, else null. */
  public @Nullable ModuleRefusedException ifRefused(ModuleDigest digest) {
    return refused.getIfPresent(digest);
  }

  /**
   * The module for tier 1, compiled now or soon; or at once why it cannot be, if that is known.
   *
   * @param bytes of the module if the caller has them, else null
   * @return completes with the module; or exceptionally with {@link CompileRefusedException} if the
   *     queue is full, {@link ModuleRefusedException} if it does not compile, or whatever the
   *     source threw
   */
  public CompletableFuture<CompiledModule> get(
      TenantId tenant, ModuleDigest digest, byte @Nullable [] bytes) {
    CompiledModule module = ready.getIfPresent(digest);
    if (module != null && module.hasTierOne()) {
      return CompletableFuture.completedFuture(module);
    }
    ModuleRefusedException why = refused.getIfPresent(digest);
    if (why != null) {
      return CompletableFuture.failedFuture(why);
    }
    CompletableFuture<CompiledModule> result = new CompletableFuture<>();
    Pending asked =
        pending.compute(digest, (_, known) -> ask(known, result, tenant, digest, bytes));
    return asked != null ? asked.result : result;
  }

  /** What is pending after a tenant has asked, one asker of a module at a time. */
  private @Nullable Pending ask(
      @Nullable Pending known,
      CompletableFuture<CompiledModule> result,
      TenantId tenant,
      ModuleDigest digest,
      byte @Nullable [] bytes) {
    if (known != null && (known.begun.get() || known.askers.contains(tenant))) {
      return known;
    }
    Pending asked = known != null ? known : new Pending(result, ticker.read());
    CompileQueue.Offer offer = queue.offer(tenant, new Asked(asked, tenant, digest, bytes));
    if (offer == CompileQueue.Offer.QUEUED) {
      asked.askers.add(tenant);
      return asked;
    }
    if (known != null) {
      // It waits in another tenant's queue, and comes when that one has its turn.
      return known;
    }
    switch (offer) {
      case TENANT_FULL -> refusedOfTenant.increment();
      case FULL -> refusedInAll.increment();
      case QUEUED, CLOSED -> {}
    }
    result.completeExceptionally(
        new CompileRefusedException(new CancellationException("compile queue: " + offer)));
    return null;
  }

  private void compileAll() {
    // With those who wait for it: what takes long is behind all, in the compiler's process.
    Backstage.LONG_RUNS.enter();
    while (true) {
      try {
        Asked asked = queue.take();
        if (asked == null) {
          return;
        }
        if (asked.pending.begun.compareAndSet(false, true)) {
          waits.accept(ticker.read() - asked.pending.askedNanos);
          compile(asked.tenant, asked.digest, asked.bytes, asked.pending);
        }
      } catch (InterruptedException e) {
        // Closing interrupts what the compiler may wait for; the queue says when it is over.
      }
    }
  }

  private void compile(
      TenantId tenant, ModuleDigest digest, byte @Nullable [] bytes, Pending asked) {
    CompletableFuture<CompiledModule> result = asked.result;
    try {
      CompiledModule known = ready.getIfPresent(digest);
      if (known == null || !known.hasTierOne()) {
        Optional<byte[]> found =
            bytes != null ? Optional.of(bytes) : source.moduleBytes(tenant, digest);
        known =
            engine.compile(
                found.orElseThrow(
                    () -> new IllegalStateException("the module " + digest + " is gone")));
        put(digest, known);
        LOG.atInfo()
            .addKeyValue("module", digest)
            .addKeyValue("millis", known.compileNanos() / 1_000_000)
            .addKeyValue("interpretedFunctions", known.interpretedFunctions().size())
            .log("compiled");
      }
      pending.remove(digest, asked);
      result.complete(known);
    } catch (ModuleRefusedException e) {
      refused.put(digest, e);
      LOG.atInfo()
          .addKeyValue("module", digest)
          .addKeyValue("because", e.getMessage())
          .log("does not compile");
      pending.remove(digest, asked);
      result.completeExceptionally(e);
    } catch (RuntimeException e) {
      pending.remove(digest, asked);
      result.completeExceptionally(e);
    } catch (Error e) {
      // A compiler that ran out of stack or memory has failed this module only.
      pending.remove(digest, asked);
      result.completeExceptionally(e);
      LOG.atError().setCause(e).addKeyValue("module", digest).log("compiling failed");
    }
  }

  /** Keeps classes, with machine code if what they replace had some. */
  private void put(ModuleDigest digest, CompiledModule compiled) {
    CompiledModule before = ready.asMap().put(digest, compiled);
    MachineLoads loader = loads;
    if (loader != null && before != null && before.isMachineCode()) {
      try {
        machineCode.load(digest).ifPresent(code -> loader.use(digest, compiled, code));
      } catch (RuntimeException e) {
        LOG.atWarn().setCause(e).addKeyValue("module", digest).log("machine code was not loaded");
      }
    }
  }

  /**
   * Drops a module that no tenant has any more. Runs that have it go on; if a tenant has brought it
   * back meanwhile, it is compiled or loaded again. What was refused stays so: that is of the
   * bytes.
   */
  public void forget(ModuleDigest digest) {
    ready.invalidate(digest);
  }

  /** Modules waiting to be compiled. */
  public int queued() {
    return queue.size();
  }

  /** Compiles refused because the tenant had as many waiting as it may. */
  public long refusedOfTenant() {
    return refusedOfTenant.sum();
  }

  /** Compiles refused because the node had. */
  public long refusedInAll() {
    return refusedInAll.sum();
  }

  /** Times that stored machine code was loaded for a module. */
  public long machineLoads() {
    MachineLoads loader = loads;
    return loader == null ? 0 : loader.loads();
  }

  /** Loads of machine code refused because as many waited as may. */
  public long machineLoadsRefused() {
    MachineLoads loader = loads;
    return loader == null ? 0 : loader.refused();
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
    queue.close();
    MachineLoads loader = loads;
    if (loader != null) {
      loader.close();
    }
    compiler.interrupt();
    try {
      if (!compiler.join(CLOSE_PATIENCE)) {
        LOG.atWarn().log("a module was still compiling");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (Pending waiting : pending.values()) {
      waiting.result.completeExceptionally(
          new CompileRefusedException(new CancellationException("the node is going down")));
    }
    pending.clear();
    ready.invalidateAll();
  }
}
