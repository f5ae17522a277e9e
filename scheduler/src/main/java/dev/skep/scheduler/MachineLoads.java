package dev.skep.scheduler;

import dev.skep.engine.Artifact;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.MachineLoad;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.pool.Backstage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads machine code that is there already, for first runs and for modules that run on tier 1. Not
 * behind compiles: a load takes a question to the store and a fraction of a millisecond of work for
 * a small module. Tenants take turns here too.
 *
 * <p>Thread-safe; {@link #load} never blocks, {@link #loadHere} may.
 */
final class MachineLoads implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MachineLoads.class);

  /** While one waits for the store the other can map. */
  private static final int THREADS = 2;

  private static final Duration CLOSE_PATIENCE = Duration.ofMinutes(1);

  /** Parsing nests as modules do; deep modules need more than the JVM's default. */
  private static final long STACK_BYTES = 64L << 20;

  /** Where modules are kept. */
  interface Shelf {
    /** What is there now, or null. */
    @Nullable CompiledModule known(ModuleDigest digest);

    /** Keeps a module, unless there is one; answers the one that is there. */
    CompiledModule keep(ModuleDigest digest, CompiledModule module);

    /** A module that is there has become heavier. */
    void reweigh(ModuleDigest digest, CompiledModule module);
  }

  private record Wish(TenantId tenant, ModuleDigest version) {}

  private record Load(
      Wish wish, boolean answered, CompletableFuture<Optional<CompiledModule>> result) {
    static Load of(TenantId tenant, ModuleDigest version, boolean answered) {
      return new Load(new Wish(tenant, version), answered, new CompletableFuture<>());
    }
  }

  private final Engine engine;
  private final MachineCodeSource source;
  private final Shelf shelf;
  private final CompileQueue<Load> queue;
  private final ConcurrentHashMap<Wish, CompletableFuture<Optional<CompiledModule>>> pending =
      new ConcurrentHashMap<>();

  /** One load on a thread of others', so that loads hold up one such thread at most. */
  private final Semaphore here = new Semaphore(1);

  private final LongAdder loaded = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final List<Thread> threads = new ArrayList<>();

  MachineLoads(Engine engine, MachineCodeSource source, Shelf shelf, SchedulerConfig config) {
    this.engine = engine;
    this.source = source;
    this.shelf = shelf;
    this.queue =
        new CompileQueue<>(
            config.compileQueueCapacity(),
            config.compilesPerTenant(),
            load -> !load.result.isDone());
    for (int i = 0; i < THREADS; i++) {
      Thread thread = new Thread(null, this::loadAll, "skep-loader-" + i, STACK_BYTES);
      thread.setDaemon(true);
      threads.add(thread);
      thread.start();
    }
  }

  /**
   * Loads a version's machine code, if the tenant has asked for it and it is there.
   *
   * @param answered whether that ask is known to have been answered
   * @return completes with a module that runs as machine code; or with nothing, whatever the
   *     reason: then there is tier 1
   */
  CompletableFuture<Optional<CompiledModule>> load(
      TenantId tenant, ModuleDigest version, boolean answered) {
    Load mine = Load.of(tenant, version, answered);
    CompletableFuture<Optional<CompiledModule>> known = pending.putIfAbsent(mine.wish, mine.result);
    if (known != null) {
      return known;
    }
    enqueue(mine);
    return mine.result;
  }

  /**
   * The same on the calling thread, which spares its run two changes of threads. Blocks as the
   * source does; or not at all, if another does so already or anybody waits: then it waits for its
   * turn with them.
   */
  void loadHere(TenantId tenant, ModuleDigest version, boolean answered) {
    Load mine = Load.of(tenant, version, answered);
    if (pending.putIfAbsent(mine.wish, mine.result) != null) {
      return;
    }
    if (queue.size() > 0 || !here.tryAcquire()) {
      enqueue(mine);
      return;
    }
    try {
      end(mine, Optional.ofNullable(loaded(mine)));
    } finally {
      here.release();
    }
  }

  private void enqueue(Load load) {
    if (queue.offer(load.wish.tenant, load) != CompileQueue.Offer.QUEUED) {
      refused.increment();
      end(load, Optional.empty());
    }
  }

  private void end(Load load, Optional<CompiledModule> module) {
    pending.remove(load.wish, load.result);
    load.result.complete(module);
  }

  private void loadAll() {
    // A run waits for what is done here, as for what is done for it afterwards.
    Backstage.GUESTS.enter();
    while (true) {
      try {
        Load load = queue.take();
        if (load == null) {
          return;
        }
        end(load, Optional.ofNullable(loaded(load)));
      } catch (InterruptedException e) {
        // Closing interrupts what the store may wait for; the queue says when it is over.
      }
    }
  }

  private @Nullable CompiledModule loaded(Load load) {
    TenantId tenant = load.wish.tenant;
    ModuleDigest version = load.wish.version;
    try {
      CompiledModule known = shelf.known(version);
      if (known != null && known.isMachineCode()) {
        return source.look(tenant, version) ? known : null;
      }
      Optional<MachineCodeSource.Found> found = source.find(tenant, version, load.answered);
      if (found.isEmpty()) {
        return null;
      }
      CompiledModule module =
          known != null
              ? used(version, known, found.get().artifact())
              : fresh(version, found.get());
      if (module != null) {
        loaded.increment();
      }
      return module;
    } catch (RuntimeException | ModuleRefusedException | Error e) {
      LOG.atWarn()
          .setCause(e)
          .addKeyValue("tenant", tenant)
          .addKeyValue("module", version)
          .log("machine code was not loaded");
      return null;
    }
  }

  private @Nullable CompiledModule fresh(ModuleDigest version, MachineCodeSource.Found found)
      throws ModuleRefusedException {
    return switch (engine.load(found.module(), found.artifact())) {
      case MachineLoad.Loaded made -> {
        CompiledModule kept = shelf.keep(version, made.module());
        if (kept == made.module()) {
          yield kept;
        }
        made.module().close();
        yield kept.isMachineCode() ? kept : used(version, kept, found.artifact());
      }
      case MachineLoad.Refused why -> {
        if (note(version, why) == Use.UNFIT) {
          source.discard(version, why.message());
        }
        yield null;
      }
    };
  }

  private @Nullable CompiledModule used(
      ModuleDigest version, CompiledModule known, Artifact artifact) {
    Use use = use(version, known, artifact);
    if (use == Use.UNFIT) {
      source.discard(version, "it does not fit its module");
    }
    return use == Use.RUNS ? known : null;
  }

  /** What has become of machine code. */
  enum Use {
    /** Instances built from now on run it. */
    RUNS,
    /** There is no room for it; the module stays as it is. */
    NO_ROOM,
    /** It does not fit the module, and must not be run. */
    UNFIT
  }

  /** Has a module that is kept run as machine code; throws nothing away. */
  Use use(ModuleDigest version, CompiledModule known, Artifact artifact) {
    return switch (known.runOn(artifact)) {
      case MachineLoad.Loaded _ -> {
        shelf.reweigh(version, known);
        yield Use.RUNS;
      }
      case MachineLoad.Refused why -> note(version, why);
    };
  }

  private Use note(ModuleDigest version, MachineLoad.Refused why) {
    LOG.atWarn()
        .addKeyValue("module", version)
        .addKeyValue("reason", why.reason())
        .addKeyValue("because", why.message())
        .log("machine code is not run");
    return switch (why.reason()) {
      case NO_ROOM -> Use.NO_ROOM;
      case UNFIT -> Use.UNFIT;
    };
  }

  /** Times that machine code was loaded. */
  long loads() {
    return loaded.sum();
  }

  /** Loads refused because as many wait as may. */
  long refused() {
    return refused.sum();
  }

  /** Stops loading; what waits is told that there is nothing. */
  @Override
  public void close() {
    queue.close();
    threads.forEach(Thread::interrupt);
    try {
      for (Thread thread : threads) {
        if (!thread.join(CLOSE_PATIENCE)) {
          LOG.atWarn().log("machine code was still being loaded");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    pending.values().forEach(result -> result.complete(Optional.empty()));
    pending.clear();
  }
}
