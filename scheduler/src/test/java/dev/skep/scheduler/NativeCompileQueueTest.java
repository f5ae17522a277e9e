package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import com.github.benmanes.caffeine.cache.Ticker;
import dev.skep.engine.Artifact;
import dev.skep.engine.CompilerKey;
import dev.skep.engine.NativeBudget;
import dev.skep.engine.NativeCompiler;
import dev.skep.engine.NativeOutcome;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.PriceTable;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Versions are compiled to machine code once, for who asks, whatever becomes of nodes. */
@Timeout(120)
class NativeCompileQueueTest {
  private static final CompilerKey KEY = new CompilerKey("test-1", 1, "x86_64", "");
  private static final TenantId A = new TenantId("a");
  private static final TenantId B = new TenantId("b");
  private static final FunctionName HELLO = new FunctionName("hello");
  private static final NodeId OTHER = NodeId.random();
  private static final Duration LEASE = NativeConfig.DEFAULTS.lease();
  private static final NativeState READY = new NativeState.Ready();

  private final MemoryArtifacts store = new MemoryArtifacts();
  private final HandTimer timer = new HandTimer();
  private final Map<ModuleDigest, byte[]> modules = new ConcurrentHashMap<>();
  private final List<Receipt> receipts = new ArrayList<>();
  private final Map<ModuleDigest, Artifact> listened = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<String> compiled = new ConcurrentLinkedQueue<>();
  private final List<TenantId> looks = new ArrayList<>();
  private volatile boolean fits = true;
  private final AtomicInteger made = new AtomicInteger();
  private final AtomicInteger ended = new AtomicInteger();
  private final AtomicLong clock = new AtomicLong();
  private final List<NativeCompileQueue> queues = new ArrayList<>();

  /** What the compiler does with a module; code of one byte, unless a test says otherwise. */
  private volatile BiFunction<byte[], NativeBudget, NativeOutcome> compiling =
      (module, _) -> code(module);

  private static NativeOutcome code(byte[] module) {
    return new NativeOutcome.Compiled(
        new Artifact(
            ModuleDigest.of(module).hex(), KEY, new byte[] {(byte) 0xC3}, Map.of(), Map.of()));
  }

  private final class TestCompiler implements NativeCompiler {
    TestCompiler() {
      made.incrementAndGet();
    }

    @Override
    public CompilerKey key() {
      return KEY;
    }

    @Override
    public NativeOutcome compile(byte[] module, NativeBudget budget) {
      compiled.add(new String(module, StandardCharsets.US_ASCII));
      return compiling.apply(module, budget);
    }

    @Override
    public void close() {
      ended.incrementAndGet();
    }
  }

  private final class Listener implements NativeListener {
    @Override
    public boolean ready(ModuleDigest module, Artifact artifact) {
      listened.put(module, artifact);
      return fits;
    }

    @Override
    public void look(TenantId tenant, ModuleDigest version) {
      looks.add(tenant);
    }
  }

  private static NativeConfig config(int compilers, int capacity, int perTenant) {
    NativeConfig defaults = NativeConfig.DEFAULTS;
    return new NativeConfig(
        compilers,
        capacity,
        perTenant,
        3,
        1_000,
        defaults.budget(),
        defaults.budgetNanosPerByte(),
        defaults.mostBudget(),
        LEASE);
  }

  private NativeCompileQueue start(NativeConfig config) {
    ReceiptLog log =
        (receipt, done) -> {
          synchronized (receipts) {
            receipts.add(receipt);
          }
          done.appended(null);
        };
    CompileBilling billing = new CompileBilling(PriceTable.DEFAULTS, log, InstantSource.system());
    Ticker ticker = clock::get;
    NativeCompileQueue queue =
        new NativeCompileQueue(
            config,
            KEY,
            TestCompiler::new,
            (_, digest) -> Optional.ofNullable(modules.get(digest)),
            store,
            billing,
            new Listener(),
            timer,
            ticker);
    queues.add(queue);
    return queue;
  }

  private NativeCompileQueue start() {
    return start(config(1, 10, 5));
  }

  @AfterEach
  void end() {
    queues.forEach(NativeCompileQueue::close);
    assertThat(ended).hasValue(made.get());
  }

  private ModuleDigest module(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    ModuleDigest digest = ModuleDigest.of(bytes);
    modules.put(digest, bytes);
    store.module(digest, bytes.length);
    return digest;
  }

  private byte[] bytes(ModuleDigest module) {
    return Objects.requireNonNull(modules.get(module));
  }

  private static ArtifactKey key(ModuleDigest module) {
    return new ArtifactKey(module, KEY.text());
  }

  private static NativeState await(CompletableFuture<NativeState> future) throws Exception {
    return future.get(60, TimeUnit.SECONDS);
  }

  /** Keeps the compiler waiting until it is let go. */
  private final class Gate {
    final CountDownLatch reached = new CountDownLatch(1);
    final CountDownLatch open = new CountDownLatch(1);
    volatile NativeBudget budget = new NativeBudget(1, 1, () -> false);

    Gate() {
      compiling =
          (module, given) -> {
            budget = given;
            reached.countDown();
            while (open.getCount() > 0 && !given.cancelled().getAsBoolean()) {
              Thread.onSpinWait();
            }
            return given.cancelled().getAsBoolean()
                ? new NativeOutcome.Failed("cancelled")
                : code(module);
          };
    }
  }

  @Test
  void aVersionIsCompiledWhenItHasRunOftenEnough() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    queue.ran(A, HELLO, module, 1);
    queue.ran(A, HELLO, module, 1);
    queue.ran(B, HELLO, module, 1);
    assertThat(queue.ifKnown(A, module)).isEqualTo(new NativeState.Absent());
    queue.ran(A, HELLO, module, 1);
    assertThat(await(queue.ask(A, HELLO, module))).isEqualTo(READY);
    assertThat(queue.state(A, module)).isEqualTo(READY);
    assertThat(queue.state(B, module)).isEqualTo(new NativeState.Absent());
    assertThat(compiled).containsExactly("module");
    assertThat(listened.get(module)).extracting(Artifact::module).isEqualTo(module.hex());
    assertThat(queue.load(module)).isPresent();
    queue.ran(A, HELLO, module, 1_000_000);
    assertThat(queue.stats().compiled()).isEqualTo(1);
    assertThat(queue.stats().queued()).isZero();
  }

  @Test
  void aVersionIsCompiledWhenItHasUsedEnoughFuel() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    queue.ran(A, HELLO, module, 999);
    assertThat(queue.ifKnown(A, module)).isEqualTo(new NativeState.Absent());
    queue.ran(A, HELLO, module, 1);
    assertThat(queue.ifKnown(A, module)).isNotEqualTo(new NativeState.Absent());
    assertThat(await(queue.ask(A, HELLO, module))).isEqualTo(READY);
  }

  @Test
  void demandIsForgottenAfterAnHour() {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    queue.ran(A, HELLO, module, 1);
    queue.ran(A, HELLO, module, 1);
    clock.addAndGet(Duration.ofHours(1).toNanos() + 1);
    queue.ran(A, HELLO, module, 1);
    queue.ran(A, HELLO, module, 1);
    assertThat(queue.ifKnown(A, module)).isEqualTo(new NativeState.Absent());
    assertThat(compiled).isEmpty();
  }

  @Test
  void itIsCompiledOnceForAllAndPaidForOnceByEach() throws Exception {
    NativeCompileQueue queue = start(config(2, 10, 5));
    ModuleDigest module = module("module");
    CompletableFuture<NativeState> first = queue.ask(A, HELLO, module);
    CompletableFuture<NativeState> other = queue.ask(B, HELLO, module);
    assertThat(queue.ask(A, HELLO, module)).isSameAs(first);
    // Whichever of the two threads came second may have to look again later.
    CompletableFuture<NativeState> both = first.thenCombine(other, (one, _) -> one);
    while (!both.isDone()) {
      HandTimer.Later later = timer.poll();
      if (later != null) {
        later.task().run();
      }
    }
    assertThat(await(first)).isEqualTo(READY);
    assertThat(await(other)).isEqualTo(READY);
    assertThat(compiled).containsExactly("module");
    assertThat(store.settled()).isEqualTo(2);
    assertThat(receipts)
        .extracting(Receipt::tenant, Receipt::fuel, Receipt::kind)
        .containsExactlyInAnyOrder(
            tuple(A, FuelCosts.compilingNatively(6), Receipt.Kind.COMPILE),
            tuple(B, FuelCosts.compilingNatively(6), Receipt.Kind.COMPILE));
    // Another node of the cluster neither compiles nor bills it under another id.
    NativeCompileQueue second = start();
    assertThat(await(second.ask(A, HELLO, module))).isEqualTo(READY);
    assertThat(compiled).hasSize(1);
    assertThat(receipts).extracting(Receipt::run).hasSize(3);
    assertThat(receipts.stream().map(Receipt::run).distinct()).hasSize(2);
    assertThat(RunId.ofCompilingNatively(A, module)).isNotEqualTo(RunId.ofCompiling(A, module));
  }

  @Test
  void tenantsTakeTurns() throws Exception {
    Gate gate = new Gate();
    NativeCompileQueue queue = start();
    List<CompletableFuture<NativeState>> all = new ArrayList<>();
    all.add(queue.ask(A, HELLO, module("a0")));
    gate.reached.await();
    for (String text : new String[] {"a1", "a2", "a3"}) {
      all.add(queue.ask(A, HELLO, module(text)));
    }
    all.add(queue.ask(B, HELLO, module("b1")));
    gate.open.countDown();
    for (CompletableFuture<NativeState> each : all) {
      assertThat(await(each)).isEqualTo(READY);
    }
    assertThat(compiled).containsExactly("a0", "a1", "b1", "a2", "a3");
  }

  @Test
  void whatIsUnsupportedOrFailsIsRecordedWithItsReasonForAllNodes() throws Exception {
    compiling =
        (module, _) ->
            module[0] == 'u'
                ? new NativeOutcome.Unsupported("vector operators (SIMD)")
                : new NativeOutcome.Failed("it took\ntoo long");
    NativeCompileQueue queue = start();
    ModuleDigest simd = module("u");
    ModuleDigest slow = module("f");
    NativeState unsupported = new NativeState.Unsupported("vector operators (SIMD)");
    assertThat(await(queue.ask(A, HELLO, simd))).isEqualTo(unsupported);
    assertThat(await(queue.ask(A, HELLO, slow)))
        .isEqualTo(new NativeState.Failed("it took?too long"));
    assertThat(listened).isEmpty();
    assertThat(receipts).hasSize(2);
    NativeCompileQueue second = start();
    assertThat(second.state(A, simd)).isEqualTo(unsupported);
    assertThat(second.state(B, simd)).isEqualTo(new NativeState.Absent());
    assertThat(await(second.ask(B, HELLO, simd))).isEqualTo(unsupported);
    assertThat(compiled).hasSize(2);
    assertThat(queue.stats().unsupported()).isEqualTo(1);
    assertThat(queue.stats().failed()).isEqualTo(1);
  }

  @Test
  void aCompilerThatFailsHasFailedThatModuleOnly() throws Exception {
    compiling =
        (module, _) ->
            switch (module[0]) {
              case 's' -> throw new StackOverflowError();
              case 'r' -> throw new IllegalStateException("a bug");
              default -> code(module);
            };
    NativeCompileQueue queue = start();
    assertThat(await(queue.ask(A, HELLO, module("stack"))))
        .isEqualTo(new NativeState.Failed("the compiler failed: StackOverflowError"));
    assertThat(await(queue.ask(A, HELLO, module("runtime"))))
        .isEqualTo(new NativeState.Failed("the compiler failed: IllegalStateException"));
    assertThat(await(queue.ask(A, HELLO, module("good")))).isEqualTo(READY);
    // A compiler that has failed is not used again.
    assertThat(made).hasValue(3);
  }

  @Test
  void thatNobodyCouldCompileIsNotTheModulesFailure() throws Exception {
    AtomicInteger absences = new AtomicInteger(NativeWork.BACK_OFFS.size());
    compiling =
        (module, _) ->
            module[0] == 'm' && absences.getAndDecrement() > 0
                ? new NativeOutcome.Unavailable("the process has ended")
                : code(module);
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    CompletableFuture<NativeState> asked = queue.ask(A, HELLO, module);
    for (Duration backOff : NativeWork.BACK_OFFS) {
      HandTimer.Later later = timer.next();
      assertThat(later.delay()).isEqualTo(backOff);
      assertThat(asked).isNotDone();
      assertThat(queue.ifKnown(A, module)).isEqualTo(new NativeState.Queued());
      assertThat(queue.ask(A, HELLO, module)).isSameAs(asked);
      // The only compiler is free for others meanwhile, and so is the module for other nodes.
      assertThat(await(queue.ask(B, HELLO, module("other " + backOff)))).isEqualTo(READY);
      assertThat(store.claim(key(module), OTHER, LEASE)).isEqualTo(new ArtifactClaim.Granted(1));
      store.giveBack(key(module), OTHER);
      later.task().run();
    }
    assertThat(await(asked)).isEqualTo(READY);
    assertThat(queue.stats().failed()).isZero();
    assertThat(start().states(A, List.of(module))).containsExactly(READY);
  }

  @Test
  void thatNobodyCouldCompileIsRecordedInTheEnd() throws Exception {
    compiling = (_, _) -> new NativeOutcome.Unavailable("the process has ended");
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    CompletableFuture<NativeState> asked = queue.ask(A, HELLO, module);
    for (int i = 1; i < NativeWork.MOST_TRIES; i++) {
      timer.next().task().run();
    }
    NativeState failed =
        new NativeState.Failed(
            "what compiles was not there when the module was tried, 3 times, the last: the process"
                + " has ended");
    assertThat(await(asked)).isEqualTo(failed);
    assertThat(compiled).hasSize(NativeWork.MOST_TRIES);
    assertThat(timer.poll()).isNull();
    assertThat(start().states(A, List.of(module))).containsExactly(failed);
  }

  @Test
  void whatWaitsForACompilerIsToldWhenTheNodeCloses() throws Exception {
    compiling = (_, _) -> new NativeOutcome.Unavailable("the process has ended");
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    CompletableFuture<NativeState> asked = queue.ask(A, HELLO, module);
    timer.next();
    queue.close();
    assertThatThrownBy(() -> await(asked)).hasCauseInstanceOf(CompileRefusedException.class);
    assertThat(store.open(KEY.text(), 10)).containsExactly(new ArtifactAsk(A, HELLO, module));
  }

  @Test
  void codeOfAnotherCompilerIsNotKept() throws Exception {
    compiling =
        (module, _) ->
            new NativeOutcome.Compiled(
                new Artifact(
                    ModuleDigest.of(module).hex(),
                    new CompilerKey("test-2", 1, "x86_64", ""),
                    new byte[1],
                    Map.of(),
                    Map.of()));
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    assertThat(await(queue.ask(A, HELLO, module))).isInstanceOf(NativeState.Failed.class);
    assertThat(store.load(key(module))).isEmpty();
  }

  @Test
  void whatAnotherNodeCompilesIsWaitedForAndTakenOverWhenItDies() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    store.claim(key(module), OTHER, LEASE);
    CompletableFuture<NativeState> asked = queue.ask(A, HELLO, module);
    HandTimer.Later later = timer.next();
    assertThat(later.delay()).isEqualTo(NativeCompileQueue.MOST_WAIT);
    assertThat(queue.ifKnown(A, module)).isEqualTo(new NativeState.Compiling());
    // The other lives.
    store.renew(key(module), OTHER, LEASE);
    later.task().run();
    later = timer.next();
    assertThat(asked).isNotDone();
    assertThat(compiled).isEmpty();
    store.pass(LEASE);
    later.task().run();
    assertThat(await(asked)).isEqualTo(READY);
    assertThat(compiled).containsExactly("module");
    assertThat(queue.stats().takenOver()).isEqualTo(1);
  }

  @Test
  void whatAnotherNodeHasCompiledMeanwhileIsTaken() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    store.claim(key(module), OTHER, LEASE);
    CompletableFuture<NativeState> asked = queue.ask(A, HELLO, module);
    HandTimer.Later later = timer.next();
    NativeOutcome.Compiled theirs = (NativeOutcome.Compiled) code(bytes(module));
    store.ready(key(module), OTHER, theirs.artifact().toBytes());
    later.task().run();
    assertThat(await(asked)).isEqualTo(READY);
    assertThat(compiled).isEmpty();
    assertThat(listened).containsKey(module);
  }

  @Test
  void whatDeadNodesHaveLeftBehindIsSwept() throws Exception {
    ModuleDigest begun = module("begun");
    ModuleDigest waiting = module("waiting");
    store.ask(new ArtifactAsk(A, HELLO, begun), KEY.text());
    store.ask(new ArtifactAsk(B, HELLO, waiting), KEY.text());
    store.claim(key(begun), OTHER, LEASE);
    NativeCompileQueue queue = start();
    timer.tick(NativeCompileQueue.SWEEP);
    assertThat(await(queue.ask(B, HELLO, waiting))).isEqualTo(READY);
    assertThat(compiled).containsExactly("waiting");
    store.pass(LEASE);
    timer.tick(NativeCompileQueue.SWEEP);
    assertThat(await(queue.ask(A, HELLO, begun))).isEqualTo(READY);
    assertThat(store.settled()).isEqualTo(2);
    timer.tick(NativeCompileQueue.SWEEP);
    assertThat(compiled).hasSize(2);
  }

  @Test
  void leasesAreRenewedAndACompileThatLostItsLeaseIsCancelledAndNotKept() throws Exception {
    Gate gate = new Gate();
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    CompletableFuture<NativeState> asked = queue.ask(A, HELLO, module);
    gate.reached.await();
    assertThat(queue.ifKnown(A, module)).isEqualTo(new NativeState.Compiling());
    assertThat(queue.stats().compiling()).isEqualTo(1);
    for (int i = 0; i < 5; i++) {
      store.pass(LEASE.dividedBy(2));
      timer.tick(LEASE.dividedBy(3));
      assertThat(store.claim(key(module), OTHER, LEASE))
          .isInstanceOf(ArtifactClaim.Elsewhere.class);
    }
    // This node stands still for as long as its lease.
    store.pass(LEASE);
    assertThat(store.claim(key(module), OTHER, LEASE)).isEqualTo(new ArtifactClaim.Granted(2));
    assertThat(gate.budget.cancelled().getAsBoolean()).isFalse();
    timer.tick(LEASE.dividedBy(3));
    HandTimer.Later later = timer.next();
    assertThat(queue.stats().lost()).isEqualTo(1);
    assertThat(store.load(key(module))).isEmpty();
    assertThat(store.unsupported(key(module), OTHER, new NativeState.Unsupported("why"))).isTrue();
    later.task().run();
    assertThat(await(asked)).isEqualTo(new NativeState.Unsupported("why"));
  }

  @Test
  void anArtifactThatIsNotWholeIsThrownAwayAndMadeAgain() throws Exception {
    ModuleDigest module = module("module");
    byte[] bytes = ((NativeOutcome.Compiled) code(bytes(module))).artifact().toBytes();
    bytes[bytes.length / 2] ^= 1;
    store.put(key(module), bytes);
    NativeCompileQueue queue = start();
    CompletableFuture<NativeState> asked = queue.ask(A, HELLO, module);
    timer.next().task().run();
    assertThat(await(asked)).isEqualTo(READY);
    assertThat(queue.stats().refusedArtifacts()).isEqualTo(1);
    assertThat(compiled).containsExactly("module");
    assertThat(queue.load(module)).isPresent();
  }

  @Test
  void codeThatDoesNotFitItsModuleIsNotKept() throws Exception {
    fits = false;
    ModuleDigest module = module("module");
    NativeCompileQueue queue = start();
    assertThat(await(queue.ask(A, HELLO, module)))
        .isEqualTo(new NativeState.Failed("the machine code does not fit the module"));
    assertThat(queue.isReady(A, module)).isFalse();
    assertThat(store.load(key(module))).isEmpty();
    assertThat(queue.stats().failed()).isEqualTo(1);
    // Nothing was stored that would have to be thrown away, and no other node tries again.
    assertThat(queue.stats().refusedArtifacts()).isZero();
    assertThat(start().states(A, List.of(module)))
        .containsExactly(new NativeState.Failed("the machine code does not fit the module"));
  }

  @Test
  void aLookFindsWhatAnotherNodeHasMadeForTheSameTenant() throws Exception {
    ModuleDigest module = module("module");
    assertThat(await(start().ask(A, HELLO, module))).isEqualTo(READY);
    NativeCompileQueue second = start();
    assertThat(second.isReady(A, module)).isFalse();
    assertThat(second.states(A, List.of(module))).containsExactly(READY);
    assertThat(second.states(B, List.of(module))).containsExactly(new NativeState.Absent());
    assertThat(second.look(B, module)).isFalse();
    assertThat(second.look(A, module)).isTrue();
    assertThat(second.isReady(A, module)).isTrue();
    assertThat(second.isReady(B, module)).isFalse();
    // Thrown away, it is not found, and whoever had been answered with it has not.
    second.discard(module, "it does not fit");
    assertThat(second.find(A, module, false)).isEmpty();
    assertThat(second.isReady(A, module)).isFalse();
    assertThat(second.look(A, module)).isFalse();
    assertThat(store.open(KEY.text(), 10)).containsExactly(new ArtifactAsk(A, HELLO, module));
    assertThat(compiled).hasSize(1);
  }

  @Test
  void whatAFirstRunNeedsIsFoundInOneQuestion() throws Exception {
    ModuleDigest module = module("module");
    assertThat(await(start().ask(A, HELLO, module))).isEqualTo(READY);
    NativeCompileQueue second = start();
    assertThat(second.find(A, module, false))
        .hasValueSatisfying(found -> {
          assertThat(found.module()).hasSize("module".length());
          assertThat(found.artifact().module()).isEqualTo(module.hex());
        });
    assertThat(store.asked()).isEqualTo(1);
    assertThat(store.askedAnswered()).isZero();
    assertThat(second.isReady(A, module)).isTrue();
    // Once it is known, or was known to whoever asks, that is said to the store.
    assertThat(second.find(A, module, false)).isPresent();
    assertThat(store.askedAnswered()).isEqualTo(1);
    assertThat(start().find(A, module, true)).isPresent();
    assertThat(store.askedAnswered()).isEqualTo(2);
    assertThat(second.find(B, module, false)).isEmpty();
    assertThat(second.isReady(B, module)).isFalse();
    // A version that has gone to tier 1 is not asked for again by that run.
    second.ran(B, HELLO, module, 1);
    assertThat(looks).isEmpty();
    clock.addAndGet(Duration.ofMinutes(2).toNanos());
    second.ran(B, HELLO, module, 1);
    assertThat(looks).containsExactly(B);
  }

  @Test
  void whatIsReadyIsKnownForAsLongAsItIsUsed() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    assertThat(await(queue.ask(A, HELLO, module))).isEqualTo(READY);
    for (int i = 0; i < 5; i++) {
      clock.addAndGet(Duration.ofMinutes(50).toNanos());
      assertThat(queue.isReady(A, module)).isTrue();
    }
    clock.addAndGet(Duration.ofMinutes(61).toNanos());
    assertThat(queue.isReady(A, module)).isFalse();
  }

  @Test
  void runsOnTier1HaveTheStoreLookedAtOnceAMinute() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    queue.ran(A, HELLO, module, 1);
    queue.ran(A, HELLO, module, 1);
    assertThat(looks).containsExactly(A);
    assertThat(await(queue.ask(A, HELLO, module))).isEqualTo(READY);
    // It is there and not in use, for want of room: that may change.
    clock.addAndGet(Duration.ofMinutes(1).toNanos() + 1);
    queue.ran(A, HELLO, module, 1);
    queue.ran(A, HELLO, module, 1);
    assertThat(looks).containsExactly(A, A);
    assertThat(compiled).hasSize(1);
  }

  @Test
  void aFullQueueRefusesAndCanBeAskedAgain() throws Exception {
    Gate gate = new Gate();
    NativeCompileQueue queue = start(config(1, 3, 2));
    CompletableFuture<NativeState> first = queue.ask(A, HELLO, module("a0"));
    gate.reached.await();
    assertThat(queue.ask(A, HELLO, module("a1"))).isNotDone();
    assertThat(queue.ask(A, HELLO, module("a2"))).isNotDone();
    CompletableFuture<NativeState> tooMany = queue.ask(A, HELLO, module("a3"));
    assertThatThrownBy(() -> await(tooMany)).hasCauseInstanceOf(CompileRefusedException.class);
    assertThat(queue.ifKnown(A, module("a3"))).isEqualTo(new NativeState.Absent());
    assertThat(queue.ask(B, HELLO, module("b1"))).isNotDone();
    CompletableFuture<NativeState> inAll = queue.ask(B, HELLO, module("b2"));
    assertThatThrownBy(() -> await(inAll)).hasCauseInstanceOf(CompileRefusedException.class);
    assertThat(queue.stats().refusedOfTenant()).isEqualTo(1);
    assertThat(queue.stats().refusedInAll()).isEqualTo(1);
    assertThat(queue.stats().queued()).isEqualTo(3);
    gate.open.countDown();
    assertThat(await(first)).isEqualTo(READY);
    assertThat(await(queue.ask(A, HELLO, module("a2")))).isEqualTo(READY);
    assertThat(await(queue.ask(A, HELLO, module("a3")))).isEqualTo(READY);
  }

  @Test
  void whatCannotBeFoundOutCanBeAskedAgain() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    store.away(true);
    assertThatThrownBy(() -> await(queue.ask(A, HELLO, module)))
        .hasRootCauseMessage("the store is away");
    store.away(false);
    assertThat(await(queue.ask(A, HELLO, module))).isEqualTo(READY);
    ModuleDigest gone = ModuleDigest.of(new byte[] {1});
    assertThatThrownBy(() -> await(queue.ask(A, HELLO, gone))).hasMessageContaining("is gone");
    assertThat(receipts).hasSize(1);
  }

  @Test
  void closingTellsWhoWaitsAndGivesBackWhatIsUnderWay() throws Exception {
    Gate gate = new Gate();
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    CompletableFuture<NativeState> running = queue.ask(A, HELLO, module);
    gate.reached.await();
    CompletableFuture<NativeState> waiting = queue.ask(A, HELLO, module("next"));
    queue.close();
    assertThatThrownBy(() -> await(waiting)).hasCauseInstanceOf(CompileRefusedException.class);
    assertThatThrownBy(() -> await(running)).hasCauseInstanceOf(CompileRefusedException.class);
    assertThatThrownBy(() -> await(queue.ask(B, HELLO, module)))
        .hasCauseInstanceOf(CompileRefusedException.class);
    // Another node need not wait for a lease to end, and takes up what was asked for.
    assertThat(store.open(KEY.text(), 10)).containsExactly(new ArtifactAsk(A, HELLO, module));
    assertThat(store.claim(key(module), OTHER, LEASE)).isEqualTo(new ArtifactClaim.Granted(1));
  }

  @Test
  void aNodeWithoutCompilersAsksForNothing() {
    NativeCompileQueue queue = start(config(0, 10, 5));
    ModuleDigest module = module("module");
    for (int i = 0; i < 10; i++) {
      queue.ran(A, HELLO, module, 1_000_000);
    }
    assertThat(queue.ifKnown(A, module)).isEqualTo(new NativeState.Absent());
    assertThatThrownBy(() -> await(queue.ask(A, HELLO, module)))
        .hasCauseInstanceOf(CompileRefusedException.class);
    assertThat(queue.stats().queued()).isZero();
  }

  @Test
  void aModuleAtWhichNodesKeepDyingIsLeftAlone() throws Exception {
    NativeCompileQueue queue = start();
    ModuleDigest module = module("module");
    for (int i = 0; i < 3; i++) {
      store.claim(key(module), NodeId.random(), LEASE);
      store.pass(LEASE);
    }
    assertThat(await(queue.ask(A, HELLO, module))).isInstanceOf(NativeState.Failed.class);
    assertThat(compiled).isEmpty();
  }

  @Test
  void bounds() {
    NativeConfig defaults = NativeConfig.DEFAULTS;
    assertThat(defaults.compilers()).isEqualTo(1);
    assertThat(defaults.budgetOf(0)).isEqualTo(Duration.ofSeconds(20));
    assertThat(defaults.budgetOf(100_000)).isEqualTo(Duration.ofSeconds(40));
    assertThat(defaults.budgetOf(Integer.MAX_VALUE)).isEqualTo(Duration.ofMinutes(10));
    assertThatThrownBy(() -> config(65, 1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> config(1, 0, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ArtifactKey(ModuleDigest.of(new byte[0]), "ü"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ArtifactClaim.Done(new NativeState.Queued()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(new NativeState.Failed("é\0\ud83d" + "x".repeat(1_000)).reason())
        .startsWith("???x")
        .hasSize(NativeState.MOST_REASON_CHARS);
  }
}
