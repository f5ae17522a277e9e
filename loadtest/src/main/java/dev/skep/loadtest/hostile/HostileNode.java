package dev.skep.loadtest.hostile;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.Invocation;
import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.Printable;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.engine.WasiTree;
import dev.skep.engine.WasiWorld;
import dev.skep.engine.WasmFrame;
import dev.skep.limits.LimitOverrides;
import dev.skep.limits.StoreLimits;
import dev.skep.limits.TenantLimits;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.loadtest.machine.MachineCompiler;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolStats;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotClass;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleCache;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.Refusal;
import dev.skep.scheduler.RunCallback;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.RunListener;
import dev.skep.scheduler.RunRequest;
import dev.skep.scheduler.Scheduler;
import dev.skep.scheduler.SchedulerConfig;
import dev.skep.scheduler.TenantId;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A node's engine, compiler, pool and scheduler in this process, without HTTP and a database around
 * them, for kinds to be run on. Thread-safe.
 */
public final class HostileNode implements AutoCloseable {
  /** What host functions that need a grant need, so that their bodies are reached. */
  private static final WasiWorld GRANTED =
      new WasiWorld(
          WasiGrants.NONE
              .with(WasiGrant.CLOCK)
              .with(WasiGrant.MONOTONIC_CLOCK)
              .with(WasiGrant.RANDOM),
          WasiTree.EMPTY);

  /** No kind takes longer, compiling and all, on the slowest machine. */
  private static final int PATIENCE_SECONDS = 120;

  /** Of each class: two workers, their warm instances, and some besides. */
  private static final int SLOTS = 16;

  /** How often a kind runs: what the first run leaves is there for the second to find. */
  private static final int RUNS = 2;

  private static final TenantLimits TENANT =
      new TenantLimits(16, 1_000, 1_000, LimitOverrides.NONE);
  private static final FunctionName FUNCTION = new FunctionName("f");

  private final Engine engine = new Engine(EngineConfig.DEFAULTS);
  private final PoolingAllocator pool;
  private final Scheduler scheduler;
  private final ModuleCache modules;

  /** Null if everything runs on tier 1. */
  private final @Nullable MachineCompiler machine;

  private final Set<String> onMachineCode = new ConcurrentSkipListSet<>();
  private final Map<String, String> onTierOne = new ConcurrentSkipListMap<>();

  public HostileNode(int workers) {
    this(workers, false, null);
  }

  /**
   * A node on which kinds run as machine code, if they can.
   *
   * @param compilerCode as {@link MachineCompiler} takes it
   */
  public static HostileNode ofMachineCode(int workers, @Nullable Path compilerCode) {
    return new HostileNode(workers, true, compilerCode);
  }

  private HostileNode(int workers, boolean machineCode, @Nullable Path compilerCode) {
    machine = machineCode ? new MachineCompiler(engine, compilerCode) : null;
    SlotClass[] classes =
        PoolConfig.DEFAULTS.classes().stream()
            .map(each -> new SlotClass(each.memoryBytes(), SLOTS))
            .toArray(SlotClass[]::new);
    pool = new PoolingAllocator(PoolConfig.DEFAULTS.with().classes(classes).build());
    SchedulerConfig config = SchedulerConfig.DEFAULTS.withWorkers(workers);
    scheduler = new Scheduler(config, pool, (_, done) -> done.appended(null), RunListener.NONE);
    modules = new ModuleCache(engine, (_, _) -> Optional.empty(), config);
  }

  /**
   * Uploads a kind and runs it as often as it takes to see what it leaves behind.
   *
   * @return the outcome as declared, or the first that differs
   */
  public HostileOutcome attack(HostileKind kind) {
    TenantId tenant = new TenantId("tenant-" + kind.group());
    byte[] bytes = kind.module().get();
    CompiledModule module;
    try {
      ModuleDescription description = engine.check(bytes);
      refuseMinima(description, kind.regime().limits());
      module = compiled(tenant, bytes);
      runOnMachineCode(kind, bytes, module);
    } catch (ModuleRefusedException e) {
      return refused(e);
    } catch (MinimaException e) {
      return HostileOutcome.refused(Reason.LIMIT);
    } catch (RuntimeException | Error e) {
      return new HostileOutcome.HostFailure("at upload: " + e);
    }
    HostileOutcome outcome = kind.outcome();
    for (int i = 0; i < RUNS && outcome.equals(kind.outcome()); i++) {
      outcome = run(tenant, bytes, module, kind.invocation(), kind.regime().limits());
      if (machine != null && module.description().initializer().isPresent()) {
        // The first instance runs its initialiser on tier 1, and stays there.
        scheduler.forget(tenant, FUNCTION);
      }
    }
    // A tenant that replaces its function: the next kind must not find this one's instances.
    scheduler.forget(tenant, FUNCTION);
    return outcome;
  }

  private void runOnMachineCode(HostileKind kind, byte[] bytes, CompiledModule module) {
    if (machine == null) {
      return;
    }
    // Kinds that differ in how they are called share a module.
    Optional<String> whyNot =
        module.isMachineCode() ? Optional.empty() : machine.compile(bytes, module);
    if (whyNot.isPresent()) {
      onTierOne.put(kind.id(), whyNot.get());
    } else {
      onMachineCode.add(kind.id());
    }
  }

  /** Kinds that have run as machine code so far. */
  public Set<String> onMachineCode() {
    return Set.copyOf(onMachineCode);
  }

  /** Kinds that have stayed on tier 1 though they compile there, and why. */
  public Map<String, String> onTierOne() {
    return Map.copyOf(onTierOne);
  }

  /** What the service refuses at upload besides. */
  private static final class MinimaException extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private static void refuseMinima(ModuleDescription description, StoreLimits limits)
      throws MinimaException {
    if (description.memoryMinBytes() > limits.memoryBytes()
        || description.tableMinElements() > limits.tableElements()) {
      throw new MinimaException();
    }
  }

  private static HostileOutcome refused(ModuleRefusedException e) {
    String message = e.getMessage();
    if (message == null || message.isBlank() || !isPrintable(message)) {
      return new HostileOutcome.HostFailure("a refusal says " + message);
    }
    return HostileOutcome.refused(e.reason());
  }

  /** What tenants and logs are shown has no character that acts on them. */
  private static boolean isPrintable(String message) {
    for (int i = 0; i < message.length(); i += 100) {
      String part = message.substring(i, Math.min(message.length(), i + 100));
      if (!Printable.of(part).equals(part)) {
        return false;
      }
    }
    return true;
  }

  private CompiledModule compiled(TenantId tenant, byte[] bytes) throws ModuleRefusedException {
    try {
      return modules
          .get(tenant, ModuleDigest.of(bytes), bytes)
          .get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ModuleRefusedException refused) {
        throw refused;
      }
      throw new IllegalStateException("compiling failed: " + e.getCause(), e);
    } catch (InterruptedException | TimeoutException e) {
      throw new IllegalStateException("compiling did not end", e);
    }
  }

  /** Runs once, through the scheduler. */
  public HostileOutcome run(
      TenantId tenant,
      byte[] bytes,
      CompiledModule module,
      Invocation invocation,
      StoreLimits limits) {
    Answer answer = new Answer();
    scheduler.submit(
        new RunRequest(
            RunId.at(System.currentTimeMillis()),
            tenant,
            FUNCTION,
            ModuleDigest.of(bytes),
            module,
            invocation,
            limits,
            TENANT,
            GRANTED,
            true),
        answer);
    return answer.await();
  }

  private static final class Answer implements RunCallback {
    private final CompletableFuture<HostileOutcome> outcome = new CompletableFuture<>();

    @Override
    public void ended(RunReport report, Receipt receipt, @Nullable Throwable receiptFailure) {
      outcome.complete(
          isShowable(report.result())
              ? HostileOutcome.of(report.result())
              : new HostileOutcome.HostFailure("the answer shows " + report.result()));
    }

    @Override
    public void refused(Refusal refusal) {
      outcome.complete(new HostileOutcome.HostFailure("the run was refused: " + refusal.word()));
    }

    private static boolean isShowable(RunResult result) {
      return switch (result) {
        case RunResult.Trapped trapped ->
            isPrintable(trapped.message()) && namesArePrintable(trapped.frames());
        case RunResult.LimitReached reached ->
            isPrintable(reached.message()) && namesArePrintable(reached.frames());
        default -> true;
      };
    }

    private static boolean namesArePrintable(List<WasmFrame> frames) {
      return frames.stream().allMatch(frame -> isPrintable(frame.toString()));
    }

    HostileOutcome await() {
      try {
        return outcome.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException | ExecutionException | TimeoutException e) {
        return new HostileOutcome.HostFailure("the run did not end: " + e);
      }
    }
  }

  /** Compiles a module that is no attack, to machine code if the node is one of that. */
  public CompiledModule compile(byte[] bytes) {
    try {
      var _ = engine.check(bytes);
      CompiledModule module = engine.compile(bytes);
      if (machine != null && machine.compile(bytes, module).isPresent()) {
        throw new IllegalStateException("a good module cannot be machine code");
      }
      return module;
    } catch (ModuleRefusedException e) {
      throw new IllegalStateException("a good module was refused", e);
    }
  }

  public PoolingAllocator pool() {
    return pool;
  }

  public PoolStats stats() {
    return pool.stats();
  }

  /** Idle instances, each of which holds a slot. */
  public int warm() {
    return scheduler.stats().warm();
  }

  /** Runs under way or waiting. */
  public int busy() {
    return scheduler.stats().running() + scheduler.stats().queued();
  }

  /** Forgets all compiled modules, so that their code and images can go. */
  public void forgetModules() {
    modules.cache().invalidateAll();
    modules.cache().cleanUp();
  }

  /**
   * Ends the scheduler, then checks nothing: the pool is closed by whoever has counted its slots.
   */
  public void stop() {
    modules.close();
    scheduler.close();
    if (machine != null) {
      machine.close();
    }
  }

  @Override
  public void close() {
    stop();
    pool.close();
  }
}
