package dev.skep.scheduler;

import com.github.benmanes.caffeine.cache.Ticker;
import dev.skep.engine.Artifact;
import dev.skep.engine.CompilerKey;
import dev.skep.engine.NativeCompiler;
import dev.skep.pool.Backstage;
import dev.skep.scheduler.NativeDemand.Interest;
import dev.skep.scheduler.NativeDemand.Wish;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compiles versions to machine code in the background, when they are used enough. Nobody's run
 * waits for it.
 *
 * <pre>
 *   ran ─▶ demand ─▶ ask ─▶ queue, by tenants in turn ─▶ claim ─▶ compile ─▶ store ─▶ listener
 *                     ▲                                    │
 *                     ├────── later ◀── another is at it ──┤
 *                     ├── back off ◀── compiler is gone ───┘
 *                     └────── sweep ◀── what nodes that have died left behind
 * </pre>
 *
 * <p><b>Once.</b> A module is compiled once in a cluster for each compiler, by whoever holds its
 * lease in the {@link ArtifactStore}; a lease that is not renewed, because its node has died, ends,
 * and another node takes over. Two nodes may still compile the same when one was only slow: the
 * store keeps one result.
 *
 * <p><b>Fair.</b> What waits is taken by tenants in turn ({@link CompileQueue}). A tenant's ask is
 * answered in its own turn even if another tenant's has had the module compiled already, and costs
 * the same: it does not see what others have.
 *
 * <p><b>Again.</b> That what compiles was gone, which another's module may have brought down, is
 * not a module's failure: it is tried again later, a few times. Nobody holds its lease meanwhile,
 * so another node may take it up.
 *
 * <p>Thread-safe; {@link #ran} and {@link #ask} never block.
 */
public final class NativeCompileQueue implements MachineCodeSource, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NativeCompileQueue.class);

  /** Compilers build up code as deep as modules nest. */
  private static final long COMPILER_STACK_BYTES = 64L << 20;

  private static final Duration CLOSE_PATIENCE = Duration.ofMinutes(1);

  /** Before a module is looked at again that another node compiles. */
  static final Duration MOST_WAIT = Duration.ofSeconds(5);

  private static final Duration LEAST_WAIT = Duration.ofMillis(100);

  /** Between two looks for what was left behind. */
  static final Duration SWEEP = Duration.ofSeconds(30);

  /** Asks taken up by one look. */
  private static final int SWEPT = 100;

  /** Sweeps between two that purge: an hour. */
  private static final int PURGE_EVERY = 120;

  private static final Duration PURGE_AGE = Duration.ofDays(30);

  private static final int MOST_PURGED = 100;

  /** One tenant's ask, until it is answered. */
  static final class Task {
    private final ArtifactAsk ask;
    private final Interest interest;
    private final CompletableFuture<NativeState> result;

    /** Of whichever compiler has the task: the queue hands it on. */
    private int tries;

    private Task(ArtifactAsk ask, Interest interest, CompletableFuture<NativeState> result) {
      this.ask = ask;
      this.interest = interest;
      this.result = result;
    }

    ArtifactAsk ask() {
      return ask;
    }

    Interest interest() {
      return interest;
    }

    /** Counts a try for which there was no compiler, and says how many there have been. */
    int countTry() {
      return ++tries;
    }
  }

  private final NativeConfig config;
  private final ArtifactStore store;
  private final String compilerText;
  private final NativeTimer timer;
  private final NativeDemand demand;
  private final CompileQueue<Task> queue;
  private final NativeWork work;
  private final NativeLeases leases;
  private final ArtifactLoader loader;
  private final NativeListener listener;
  private final List<Thread> compilers = new ArrayList<>();

  /** All that is asked and not answered, wherever it waits. */
  private final Set<Task> open = ConcurrentHashMap.newKeySet();

  private final LongAdder refusedOfTenant = new LongAdder();
  private final LongAdder refusedInAll = new LongAdder();
  private int sweeps;
  private volatile boolean closed;

  /**
   * Starts the threads that compile.
   *
   * @param key of all compilers that {@code compilers} makes
   * @param compilers makes a compiler, on the thread that will use it, when there is work
   */
  public NativeCompileQueue(
      NativeConfig config,
      CompilerKey key,
      Supplier<NativeCompiler> compilers,
      ModuleSource modules,
      ArtifactStore store,
      CompileBilling billing,
      NativeListener listener) {
    this(
        config,
        key,
        compilers,
        modules,
        store,
        billing,
        listener,
        NativeTimer.start(),
        Ticker.systemTicker());
  }

  /**
   * @param ticker by which demand is forgotten
   */
  NativeCompileQueue(
      NativeConfig config,
      CompilerKey key,
      Supplier<NativeCompiler> compilers,
      ModuleSource modules,
      ArtifactStore store,
      CompileBilling billing,
      NativeListener listener,
      NativeTimer timer,
      Ticker ticker) {
    this.config = config;
    this.store = store;
    this.compilerText = key.text();
    this.timer = timer;
    this.listener = listener;
    this.demand = new NativeDemand(config, ticker);
    this.loader = new ArtifactLoader(store, key);
    NodeId node = NodeId.random();
    this.leases = new NativeLeases(store, node, config.lease());
    this.work =
        new NativeWork(config, key, node, modules, store, leases, loader, billing, listener);
    this.queue =
        new CompileQueue<>(
            config.queueCapacity(), config.perTenant(), task -> !task.result.isDone());
    for (int i = 0; i < config.compilers(); i++) {
      Thread thread =
          new Thread(
              null, () -> compileAll(compilers), "skep-native-compiler-" + i, COMPILER_STACK_BYTES);
      thread.setDaemon(true);
      this.compilers.add(thread);
      thread.start();
    }
    if (config.compilers() > 0) {
      timer.every(config.lease().dividedBy(3), leases::renewAll);
      timer.every(SWEEP, this::sweep);
    }
  }

  /**
   * Counts a run on tier 1 of a function that is not held there, and asks for machine code when
   * there have been enough.
   *
   * @param fuel that the run has used, 0 or more
   */
  public void ran(TenantId tenant, FunctionName function, ModuleDigest version, long fuel) {
    if (config.compilers() == 0) {
      return;
    }
    switch (demand.count(new Wish(tenant, version), fuel)) {
      case NOTHING -> {}
      case LOOK -> listener.look(tenant, version);
      case ASK -> {
        var _ = ask(tenant, function, version);
      }
    }
  }

  /**
   * Asks for machine code of a version, whatever the demand.
   *
   * @return completes with a final state; or exceptionally with {@link CompileRefusedException} if
   *     the queue is full or the node has no compiler or goes down, or with whatever the store or
   *     the module's source threw: then it may be asked again
   */
  public CompletableFuture<NativeState> ask(
      TenantId tenant, FunctionName function, ModuleDigest version) {
    Interest interest = demand.of(new Wish(tenant, version));
    CompletableFuture<NativeState> mine = new CompletableFuture<>();
    CompletableFuture<NativeState> known = interest.asked(mine);
    if (known != null) {
      return known;
    }
    Task task = new Task(new ArtifactAsk(tenant, function, version), interest, mine);
    open.add(task);
    offer(task);
    return mine;
  }

  private void offer(Task task) {
    task.interest.state(new NativeState.Queued());
    CompileQueue.Offer offer =
        closed || config.compilers() == 0
            ? CompileQueue.Offer.CLOSED
            : queue.offer(task.ask.tenant(), task);
    switch (offer) {
      case QUEUED -> {
        if (closed) {
          // It came in beside the close, which may not have seen it.
          refuse(task, CompileQueue.Offer.CLOSED);
        }
      }
      case TENANT_FULL -> {
        refusedOfTenant.increment();
        refuse(task, offer);
      }
      case FULL -> {
        refusedInAll.increment();
        refuse(task, offer);
      }
      case CLOSED -> refuse(task, offer);
    }
  }

  private void refuse(Task task, CompileQueue.Offer offer) {
    end(
        task,
        new NativeWork.Broken(
            new CompileRefusedException(new CancellationException("compile queue: " + offer))));
  }

  private void end(Task task, NativeWork.Step step) {
    switch (step) {
      case NativeWork.Settled settled -> {
        open.remove(task);
        task.interest.settle(task.result, settled.state());
      }
      case NativeWork.Broken broken -> {
        open.remove(task);
        task.interest.fail(task.result, broken.why());
      }
      case NativeWork.Wait wait -> {
        task.interest.state(new NativeState.Compiling());
        timer.after(clamp(wait.left()), () -> offer(task));
      }
      case NativeWork.Again again -> {
        task.interest.state(new NativeState.Queued());
        timer.after(again.backOff(), () -> offer(task));
      }
    }
  }

  private static Duration clamp(Duration left) {
    if (left.compareTo(MOST_WAIT) > 0) {
      return MOST_WAIT;
    }
    return left.compareTo(LEAST_WAIT) < 0 ? LEAST_WAIT : left;
  }

  private void compileAll(Supplier<NativeCompiler> makers) {
    Backstage.COMPILES.enter();
    try (NativeWork.Compiler compiler = new NativeWork.Compiler(makers, () -> closed)) {
      while (true) {
        try {
          Task task = queue.take();
          if (task == null) {
            return;
          }
          end(task, work.on(task, compiler));
        } catch (InterruptedException e) {
          // Closing interrupts what the compiler may wait for; the queue says when it is over.
        }
      }
    }
  }

  /** Takes up what was asked for and is nobody's any more, and purges now and then. */
  private void sweep() {
    try {
      for (ArtifactAsk ask : store.open(compilerText, SWEPT)) {
        var _ = ask(ask.tenant(), ask.function(), ask.version());
      }
      if (sweeps++ % PURGE_EVERY == 0) {
        int purged = store.purge(compilerText, PURGE_AGE, MOST_PURGED);
        if (purged > 0) {
          LOG.atInfo().addKeyValue("artifacts", purged).log("purged");
        }
      }
    } catch (RuntimeException e) {
      LOG.atWarn().setCause(e).log("what other nodes have left behind is not known");
    }
  }

  /** How far a version of a tenant's is, as far as this node knows without asking anybody. */
  public NativeState ifKnown(TenantId tenant, ModuleDigest version) {
    Interest interest = demand.known(new Wish(tenant, version));
    return interest == null ? new NativeState.Absent() : interest.state();
  }

  /**
   * How far a version of a tenant's is. Blocks on the store, unless this node knows.
   *
   * @throws RuntimeException as the store does
   */
  public NativeState state(TenantId tenant, ModuleDigest version) {
    NativeState known = ifKnown(tenant, version);
    return known instanceof NativeState.Absent ? store.state(tenant, loader.key(version)) : known;
  }

  /**
   * The same of several versions. Blocks on the store.
   *
   * @param versions at most 1,000
   * @return one for each, in their order
   */
  public List<NativeState> states(TenantId tenant, List<ModuleDigest> versions) {
    Map<ModuleDigest, NativeState> stored = store.states(tenant, versions, compilerText);
    List<NativeState> states = new ArrayList<>();
    for (ModuleDigest version : versions) {
      NativeState known = ifKnown(tenant, version);
      states.add(known instanceof NativeState.Absent ? stored.getOrDefault(version, known) : known);
    }
    return states;
  }

  // ── For the cache of modules ──────────────────────────────────────────────────────────────

  @Override
  public boolean isReady(TenantId tenant, ModuleDigest version) {
    return ifKnown(tenant, version) instanceof NativeState.Ready;
  }

  @Override
  public boolean look(TenantId tenant, ModuleDigest version) {
    if (config.compilers() == 0) {
      return false;
    }
    Interest interest = demand.of(new Wish(tenant, version));
    if (interest.state() instanceof NativeState.Absent) {
      demand.looks(interest);
      interest.found(store.state(tenant, loader.key(version)));
    }
    return interest.state() instanceof NativeState.Ready;
  }

  @Override
  public Optional<Found> find(TenantId tenant, ModuleDigest version, boolean answered) {
    if (config.compilers() == 0) {
      return Optional.empty();
    }
    Interest interest = demand.of(new Wish(tenant, version));
    NativeState known = interest.state();
    if (!(known instanceof NativeState.Absent) && !(known instanceof NativeState.Ready)) {
      return Optional.empty();
    }
    demand.looks(interest);
    StoredCode stored =
        store.find(tenant, loader.key(version), answered || known instanceof NativeState.Ready);
    interest.found(stored.state());
    Optional<Artifact> artifact = stored.artifact().flatMap(bytes -> loader.read(version, bytes));
    Optional<Found> found =
        stored.module().flatMap(module -> artifact.map(code -> new Found(module, code)));
    if (found.isEmpty() && interest.state() instanceof NativeState.Ready) {
      interest.forget();
    }
    return found;
  }

  @Override
  public Optional<Artifact> load(ModuleDigest version) {
    return loader.load(version);
  }

  @Override
  public void discard(ModuleDigest version, String because) {
    loader.discard(version, because);
  }

  /** Whether this node compiles to machine code, and runs it. */
  public boolean isOpen() {
    return config.compilers() > 0 && !closed;
  }

  public NativeStats stats() {
    return work.stats(
        queue.size(), leases.size(), refusedOfTenant.sum(), refusedInAll.sum(), loader.refused());
  }

  /**
   * Stops compiling; what waits is never compiled, and its askers are told. A module under way is
   * given back for other nodes. Waits for the compilers, a minute at most.
   */
  @Override
  public void close() {
    closed = true;
    timer.close();
    queue.close();
    for (Thread thread : compilers) {
      thread.interrupt();
    }
    try {
      for (Thread thread : compilers) {
        if (!thread.join(CLOSE_PATIENCE)) {
          LOG.atWarn().log("a module was still being compiled to machine code");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (Task task : List.copyOf(open)) {
      refuse(task, CompileQueue.Offer.CLOSED);
    }
  }
}
