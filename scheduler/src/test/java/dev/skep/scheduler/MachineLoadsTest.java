package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Artifact;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.CompilerShelf;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.MachineCompilers;
import dev.skep.engine.NativeBudget;
import dev.skep.engine.NativeCompiler;
import dev.skep.engine.NativeOutcome;
import dev.skep.limits.ModuleBudgets;
import dev.skep.pool.CodeSpace;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Stored machine code is loaded for who has asked for it, and what does not fit is not run. */
@Timeout(120)
class MachineLoadsTest {
  private static final TenantId HAS = new TenantId("has");
  private static final TenantId HAS_NOT = new TenantId("has-not");

  /** {@code f} answers a constant. */
  private static byte[] module(int constant) {
    return HexFormat.of()
        .parseHex(
            "0061736d01000000" // magic, version
                + "0105016000017f" // type 0: () -> i32
                + "03020100" // function 0 has type 0
                + "07050101660000" // export f
                + "0a06010400" // one body of four bytes without locals
                + "41%02x0b".formatted(constant)); // i32.const
  }

  private static final byte[] MODULE = module(7);
  private static final ModuleDigest VERSION = ModuleDigest.of(MODULE);

  /** The same module without its export, so that nothing of it is entered. */
  private static final byte[] OTHER =
      HexFormat.of().parseHex("0061736d01000000" + "0105016000017f");

  private static Artifact artifact;
  private static Artifact unfit;

  /** Compiled once: it takes a second. */
  @BeforeAll
  static void compile() throws Exception {
    artifact = onDeepStack(() -> compiled(MODULE));
    Artifact small = onDeepStack(() -> compiled(OTHER));
    // Whole, and by its name of the module, whose function it has not.
    unfit =
        new Artifact(
            VERSION.hex(),
            small.compiler(),
            small.code(),
            Map.of(Artifact.Table.FIGURES, small.table(Artifact.Table.FIGURES)),
            Map.of());
  }

  private static Artifact compiled(byte[] module) {
    Engine engine = new Engine(EngineConfig.DEFAULTS);
    try (MachineCompilers compilers = new MachineCompilers(engine, CompilerShelf.NONE, false);
        NativeCompiler compiler = compilers.open()) {
      NativeOutcome outcome =
          compiler.compile(module, new NativeBudget(Long.MAX_VALUE, 1 << 20, () -> false));
      assertThat(outcome).isInstanceOf(NativeOutcome.Compiled.class);
      return ((NativeOutcome.Compiled) outcome).artifact();
    }
  }

  private static <T> T onDeepStack(Callable<T> work) throws Exception {
    FutureTask<T> task = new FutureTask<>(work);
    new Thread(null, task, "deep", Engine.COMPILER_STACK_BYTES).start();
    return task.get();
  }

  /** Has one artifact, that one tenant has asked for. */
  private static final class Source implements MachineCodeSource {
    final Map<ModuleDigest, Artifact> stored = new ConcurrentHashMap<>();
    final List<String> discarded = new ArrayList<>();
    volatile boolean looked;
    volatile @Nullable Thread lookedOn;

    /** What the first question waits for. */
    volatile @Nullable Callable<?> slow;

    @Override
    public boolean isReady(TenantId tenant, ModuleDigest version) {
      return looked && tenant.equals(HAS);
    }

    @Override
    public boolean look(TenantId tenant, ModuleDigest version) {
      looked = true;
      return tenant.equals(HAS);
    }

    @Override
    public Optional<Found> find(TenantId tenant, ModuleDigest version, boolean answered) {
      lookedOn = Thread.currentThread();
      Callable<?> wait = slow;
      slow = null;
      if (wait != null) {
        try {
          var _ = wait.call();
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      }
      Optional<Found> found =
          tenant.equals(HAS)
              ? load(version).map(artifact -> new Found(MODULE, artifact))
              : Optional.empty();
      looked = found.isPresent();
      return found;
    }

    @Override
    public Optional<Artifact> load(ModuleDigest version) {
      return Optional.ofNullable(stored.get(version));
    }

    @Override
    public synchronized void discard(ModuleDigest version, String because) {
      stored.remove(version);
      discarded.add(because);
    }
  }

  private final Source source = new Source();
  private final List<ModuleCache> caches = new ArrayList<>();

  private ModuleCache cache(Engine engine) {
    ModuleCache cache =
        new ModuleCache(engine, (_, _) -> Optional.of(MODULE), SchedulerConfig.DEFAULTS);
    cache.loadFrom(source);
    caches.add(cache);
    return cache;
  }

  private ModuleCache cache() {
    return cache(new Engine(EngineConfig.DEFAULTS));
  }

  @AfterEach
  void close() {
    caches.forEach(ModuleCache::close);
  }

  private static CompiledModule get(ModuleCache cache, TenantId tenant, boolean mayBeMachineCode)
      throws Exception {
    return cache.get(tenant, VERSION, mayBeMachineCode, false).get(60, TimeUnit.SECONDS);
  }

  @Test
  void whatIsStoredIsLoadedAndNotCompiled() throws Exception {
    source.stored.put(VERSION, artifact);
    Engine engine = new Engine(EngineConfig.DEFAULTS);
    ModuleCache cache = cache(engine);
    CompiledModule module = get(cache, HAS, true);
    assertThat(module.isMachineCode()).isTrue();
    assertThat(module.hasTierOne()).isFalse();
    assertThat(engine.stats().compiled()).isZero();
    assertThat(cache.machineLoads()).isEqualTo(1);
    assertThat(get(cache, HAS, true)).isSameAs(module);
    assertThat(engine.codeSpace().stats().mappings()).isEqualTo(1);
  }

  @Test
  void aheadOfItsRunItIsLoadedByWhoeverKnowsOfIt() {
    source.stored.put(VERSION, artifact);
    ModuleCache cache = cache();
    // Whose ask may not have been answered would be asked for: not ahead.
    cache.loadAhead(HAS, VERSION, false);
    assertThat(cache.machineLoads()).isZero();
    cache.loadAhead(HAS, VERSION, true);
    assertThat(source.lookedOn).isSameAs(Thread.currentThread());
    CompiledModule module = Objects.requireNonNull(cache.ifReady(HAS, VERSION, true));
    assertThat(module.isMachineCode()).isTrue();
    cache.loadAhead(HAS, VERSION, true);
    assertThat(cache.machineLoads()).isEqualTo(1);
  }

  @Test
  void oneLoadHoldsUpACallerAndOthersAreLoadedBeside() throws Exception {
    source.stored.put(VERSION, artifact);
    ModuleCache cache = cache();
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    source.slow =
        () -> {
          asked.countDown();
          goOn.await();
          return null;
        };
    FutureTask<?> first = new FutureTask<>(() -> cache.loadAhead(HAS, VERSION, true), null);
    Thread caller = Thread.ofPlatform().start(first);
    asked.await();
    // The next is not held up, and has an answer before the first.
    Thread me = Thread.currentThread();
    cache.loadAhead(HAS_NOT, VERSION, true);
    CompletableFuture<CompiledModule> second = cache.get(HAS_NOT, VERSION, true, true);
    assertThat(second.get(60, TimeUnit.SECONDS).hasTierOne()).isTrue();
    assertThat(source.lookedOn).isNotSameAs(me).isNotSameAs(caller);
    goOn.countDown();
    first.get(60, TimeUnit.SECONDS);
    assertThat(Objects.requireNonNull(cache.ifReady(VERSION)).isMachineCode()).isTrue();
  }

  @Test
  void whoHasNotAskedOrIsHeldGetsTheClassesBesideIt() throws Exception {
    source.stored.put(VERSION, artifact);
    ModuleCache cache = cache();
    assertThat(get(cache, HAS, true).hasTierOne()).isFalse();
    CompiledModule both = get(cache, HAS_NOT, true);
    assertThat(both.hasTierOne()).isTrue();
    // Nobody's machine code is lost by it.
    assertThat(both.isMachineCode()).isTrue();
    assertThat(get(cache, HAS, false)).isSameAs(both);
    assertThat(get(cache, HAS, true)).isSameAs(both);
  }

  @Test
  void aModuleThatRunsOnTier1TakesMachineCodeWhenItComes() throws Exception {
    ModuleCache cache = cache();
    CompiledModule module = get(cache, HAS, true);
    assertThat(module.isMachineCode()).isFalse();
    assertThat(cache.ready(VERSION, artifact)).isTrue();
    assertThat(module.isMachineCode()).isTrue();
    assertThat(cache.ifReady(VERSION)).isSameAs(module);
    // Of what is not in memory there is nothing to do.
    assertThat(cache.ready(ModuleDigest.of(OTHER), artifact)).isTrue();
  }

  @Test
  void whatDoesNotFitIsThrownAwayAndTheModuleCompiled() throws Exception {
    source.stored.put(VERSION, unfit);
    ModuleCache cache = cache();
    CompiledModule module = get(cache, HAS, true);
    assertThat(module.hasTierOne()).isTrue();
    assertThat(module.isMachineCode()).isFalse();
    assertThat(source.discarded).hasSize(1);
    assertThat(cache.ready(VERSION, unfit)).isFalse();
    assertThat(module.isMachineCode()).isFalse();
  }

  @Test
  void withoutRoomTheModuleStaysOnTier1() throws Exception {
    source.stored.put(VERSION, artifact);
    CodeSpace room = new CodeSpace(4_096);
    ModuleCache cache = cache(new Engine(EngineConfig.DEFAULTS, ModuleBudgets.DEFAULTS, room));
    Object taken = room.map(4_096, _ -> {});
    assertThat(taken).isNotNull();
    CompiledModule module = get(cache, HAS, true);
    assertThat(module.hasTierOne()).isTrue();
    assertThat(module.isMachineCode()).isFalse();
    assertThat(source.discarded).isEmpty();
    assertThat(room.stats().refused()).isPositive();
  }

  @Test
  void whatIsTakenOutOfTheCacheIsUnmapped() throws Exception {
    Engine engine = new Engine(EngineConfig.DEFAULTS);
    ModuleCache cache = cache(engine);
    CompiledModule module = get(cache, HAS, true);
    assertThat(cache.ready(VERSION, artifact)).isTrue();
    assertThat(engine.codeSpace().stats().mappings()).isEqualTo(1);
    module.retire();
    assertThat(engine.codeSpace().stats().mappings()).isZero();
    assertThat(Objects.requireNonNull(cache.ifReady(VERSION)).hasTierOne()).isTrue();
  }
}
