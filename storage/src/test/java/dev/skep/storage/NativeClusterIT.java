package dev.skep.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Artifact;
import dev.skep.engine.CompilerKey;
import dev.skep.engine.NativeBudget;
import dev.skep.engine.NativeCompiler;
import dev.skep.engine.NativeOutcome;
import dev.skep.limits.PriceTable;
import dev.skep.scheduler.ArtifactClaim;
import dev.skep.scheduler.ArtifactKey;
import dev.skep.scheduler.CompileBilling;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.NativeCompileQueue;
import dev.skep.scheduler.NativeConfig;
import dev.skep.scheduler.NativeState;
import dev.skep.scheduler.NodeId;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Several nodes' queues on one database: each module is compiled once, whoever dies. */
@Timeout(180)
final class NativeClusterIT {
  private static final AtomicInteger COMPILERS = new AtomicInteger();
  private static final NativeState READY = new NativeState.Ready();

  private final CompilerKey compiler =
      new CompilerKey("cluster-" + COMPILERS.incrementAndGet(), 1, "x86_64", "");
  private final SharedArtifacts shared = new SharedArtifacts(TestDatabase.database());
  private final FunctionStore functions = new FunctionStore(TestDatabase.database());
  private final ConcurrentHashMap<ModuleDigest, AtomicInteger> compiled = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<Receipt> receipts = new ConcurrentLinkedQueue<>();
  private final List<AutoCloseable> nodes = new ArrayList<>();

  @TempDir Path temp;

  private final class CountingCompiler implements NativeCompiler {
    @Override
    public CompilerKey key() {
      return compiler;
    }

    @Override
    public NativeOutcome compile(byte[] module, NativeBudget budget) {
      ModuleDigest digest = ModuleDigest.of(module);
      compiled.computeIfAbsent(digest, _ -> new AtomicInteger()).incrementAndGet();
      byte[] code = new byte[10_000];
      code[0] = (byte) 0xC3;
      return new NativeOutcome.Compiled(
          new Artifact(digest.hex(), compiler, code, Map.of(), Map.of()));
    }

    @Override
    public void close() {}
  }

  private NativeCompileQueue node(Duration lease) {
    ArtifactDirectory directory =
        ArtifactDirectory.open(
            temp.resolve("node-" + nodes.size()), 1 << 20, InstantSource.system());
    nodes.add(directory);
    NativeConfig defaults = NativeConfig.DEFAULTS;
    NativeConfig config =
        new NativeConfig(
            2,
            1_000,
            1_000,
            1,
            1,
            defaults.budget(),
            defaults.budgetNanosPerByte(),
            defaults.mostBudget(),
            lease);
    CompileBilling billing =
        new CompileBilling(
            PriceTable.DEFAULTS,
            (receipt, done) -> {
              receipts.add(receipt);
              done.appended(null);
            },
            InstantSource.system());
    CachedArtifacts cached = new CachedArtifacts(shared, directory);
    nodes.add(cached);
    NativeCompileQueue queue =
        new NativeCompileQueue(
            config,
            compiler,
            CountingCompiler::new,
            functions::moduleBytes,
            cached,
            billing,
            (_, _) -> true);
    nodes.add(queue);
    return queue;
  }

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : nodes.reversed()) {
      each.close();
    }
  }

  private ModuleDigest upload(TenantId tenant, String name) {
    byte[] bytes = (compiler.text() + name).getBytes(UTF_8);
    ModuleDigest digest = ModuleDigest.of(bytes);
    functions.putVersion(tenant, new FunctionName(name), digest, bytes, "{}", 100);
    return digest;
  }

  @Test
  void threeNodesCompileEachModuleOnceAndBillEachTenantForIt() throws Exception {
    List<NativeCompileQueue> queues =
        List.of(
            node(Duration.ofMinutes(1)), node(Duration.ofMinutes(1)), node(Duration.ofMinutes(1)));
    List<TenantId> tenants = List.of(TestDatabase.newTenant(), TestDatabase.newTenant());
    List<CompletableFuture<NativeState>> asked = new ArrayList<>();
    Set<ModuleDigest> modules = ConcurrentHashMap.newKeySet();
    for (int i = 0; i < 20; i++) {
      String name = "f" + i;
      for (TenantId tenant : tenants) {
        modules.add(upload(tenant, name));
        for (NativeCompileQueue queue : queues) {
          asked.add(queue.ask(tenant, new FunctionName(name), upload(tenant, name)));
        }
      }
    }
    for (CompletableFuture<NativeState> each : asked) {
      assertThat(each.get(120, TimeUnit.SECONDS)).isEqualTo(READY);
    }
    assertThat(compiled.keySet()).isEqualTo(modules);
    assertThat(compiled.values()).allMatch(count -> count.get() == 1);
    // As the ledger keeps them: one for each tenant and module, whichever node billed it.
    Set<RunId> bills = ConcurrentHashMap.newKeySet();
    receipts.forEach(receipt -> bills.add(receipt.run()));
    assertThat(bills).hasSize(2 * modules.size());
    for (NativeCompileQueue queue : queues) {
      for (ModuleDigest module : modules) {
        assertThat(queue.load(module)).isPresent();
        assertThat(queue.state(tenants.getFirst(), module)).isEqualTo(READY);
      }
    }
    assertThat(shared.open(compiler.text(), 100)).isEmpty();
  }

  @Test
  void whatANodeDiedOverIsTakenOver() throws Exception {
    TenantId tenant = TestDatabase.newTenant();
    ModuleDigest module = upload(tenant, "f");
    ArtifactKey key = new ArtifactKey(module, compiler.text());
    // A process that has begun, and is killed: it says nothing any more.
    assertThat(shared.claim(key, NodeId.random(), Duration.ofSeconds(1)))
        .isEqualTo(new ArtifactClaim.Granted(1));
    NativeCompileQueue queue = node(Duration.ofSeconds(30));
    assertThat(queue.ask(tenant, new FunctionName("f"), module).get(120, TimeUnit.SECONDS))
        .isEqualTo(READY);
    assertThat(compiled.get(module)).hasValue(1);
    assertThat(queue.stats().takenOver()).isEqualTo(1);
  }
}
