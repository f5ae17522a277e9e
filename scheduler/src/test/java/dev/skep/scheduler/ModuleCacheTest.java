package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.limits.PriceTable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Modules are compiled once, beside those who ask, and only refusals are kept. */
@Timeout(120)
class ModuleCacheTest {
  private static final TenantId TENANT = new TenantId("t");
  private static final byte[] ADD = Node.guest("add");
  private static final ModuleDigest DIGEST = ModuleDigest.of(ADD);

  private final Engine engine = new Engine(EngineConfig.DEFAULTS);

  private static SchedulerConfig config(int compileQueue) {
    return new SchedulerConfig(1, 1, 10, compileQueue, compileQueue, 1 << 20, PriceTable.DEFAULTS);
  }

  /** A source that keeps the compiler waiting until it is let go. */
  private static final class Gate implements ModuleSource {
    final CountDownLatch reached = new CountDownLatch(1);
    final CountDownLatch open = new CountDownLatch(1);
    final AtomicInteger asked = new AtomicInteger();

    @Override
    public Optional<byte[]> moduleBytes(TenantId tenant, ModuleDigest digest) {
      asked.incrementAndGet();
      reached.countDown();
      try {
        open.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      return Optional.of(ADD);
    }
  }

  private static CompiledModule await(CompletableFuture<CompiledModule> future) throws Exception {
    return future.get(60, TimeUnit.SECONDS);
  }

  @Test
  void concurrentAskersGetOneCompilation() throws Exception {
    Gate gate = new Gate();
    try (ModuleCache cache = new ModuleCache(engine, gate, config(10))) {
      ConcurrentLinkedQueue<CompletableFuture<CompiledModule>> futures =
          new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 8; t++) {
        threads.add(Thread.ofPlatform().start(() -> futures.add(cache.get(TENANT, DIGEST, null))));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(cache.ifReady(DIGEST)).isNull();
      gate.open.countDown();
      CompiledModule module = await(cache.get(TENANT, DIGEST, null));
      for (CompletableFuture<CompiledModule> future : futures) {
        assertThat(await(future)).isSameAs(module);
      }
      assertThat(gate.asked).hasValue(1);
      assertThat(engine.stats().compiled()).isEqualTo(1);
      assertThat(cache.ifReady(DIGEST)).isSameAs(module);
      assertThat(cache.get(TENANT, DIGEST, null)).isCompletedWithValue(module);
    }
  }

  @Test
  void bytesAtHandAreNotFetched() throws Exception {
    Gate gate = new Gate();
    try (ModuleCache cache = new ModuleCache(engine, gate, config(10))) {
      assertThat(await(cache.get(TENANT, DIGEST, ADD)).description().bytes()).isEqualTo(ADD.length);
      assertThat(gate.asked).hasValue(0);
    }
  }

  @Test
  void aForgottenModuleIsCompiledAgain() throws Exception {
    try (ModuleCache cache = new ModuleCache(engine, (_, _) -> Optional.of(ADD), config(10))) {
      CompiledModule module = await(cache.get(TENANT, DIGEST, null));
      cache.forget(DIGEST);
      assertThat(cache.ifReady(DIGEST)).isNull();
      assertThat(await(cache.get(TENANT, DIGEST, null))).isNotSameAs(module);
    }
  }

  @Test
  void aFullQueueRefusesAndForgetsTheAsker() throws Exception {
    Gate gate = new Gate();
    try (ModuleCache cache = new ModuleCache(engine, gate, config(1))) {
      CompletableFuture<CompiledModule> compiling = cache.get(TENANT, DIGEST, null);
      gate.reached.await();
      CompletableFuture<CompiledModule> waiting = cache.get(TENANT, digest(1), ADD);
      assertThat(cache.queued()).isEqualTo(1);
      CompletableFuture<CompiledModule> refused = cache.get(TENANT, digest(2), ADD);
      assertThatThrownBy(() -> await(refused)).hasCauseInstanceOf(CompileRefusedException.class);
      gate.open.countDown();
      await(compiling);
      await(waiting);
      await(cache.get(TENANT, digest(2), ADD));
    }
  }

  /** Which modules are compiled in which order, asked for by whom while another is compiled. */
  private static final class Order implements AutoCloseable {
    final Gate gate = new Gate();
    final ConcurrentLinkedQueue<String> compiled = new ConcurrentLinkedQueue<>();
    final List<CompletableFuture<?>> asked = new ArrayList<>();
    final ModuleCache cache;

    Order(Engine engine, int tenantCapacity) throws InterruptedException {
      cache =
          new ModuleCache(
              engine,
              gate,
              new SchedulerConfig(1, 1, 10, 1_000, tenantCapacity, 1 << 20, PriceTable.DEFAULTS));
      var _ = cache.get(TENANT, DIGEST, null);
      gate.reached.await();
    }

    CompletableFuture<CompiledModule> ask(String tenant, int module) {
      CompletableFuture<CompiledModule> future =
          cache.get(new TenantId(tenant), digest(module), ADD);
      asked.add(future.thenAccept(_ -> compiled.add(tenant + module)));
      return future;
    }

    List<String> run() throws Exception {
      gate.open.countDown();
      for (CompletableFuture<?> future : asked) {
        var _ = future.get(60, TimeUnit.SECONDS);
      }
      return List.copyOf(compiled);
    }

    @Override
    public void close() {
      gate.open.countDown();
      cache.close();
    }
  }

  @Test
  void aHundredModulesOfOneTenantDelayAnothersByOneCompile() throws Exception {
    try (Order order = new Order(engine, 100)) {
      for (int i = 0; i < 100; i++) {
        var _ = order.ask("many", i);
      }
      var _ = order.ask("one", 100);
      assertThat(order.cache.queued()).isEqualTo(101);
      assertThat(order.run()).startsWith("many0", "one100", "many1").hasSize(101);
    }
  }

  @Test
  void aModuleThatWaitsForAnotherTenantHasATurnWithEachOfThem() throws Exception {
    try (Order order = new Order(engine, 100)) {
      for (int i = 0; i < 5; i++) {
        var _ = order.ask("many", i);
      }
      var _ = order.ask("one", 4);
      // Whoever asked first is told first.
      assertThat(order.run())
          .containsExactlyInAnyOrder("many0", "many1", "many2", "many3", "many4", "one4");
      assertThat(List.copyOf(order.compiled).subList(0, 3)).contains("many0", "many4", "one4");
      assertThat(engine.stats().compiled()).isEqualTo(6);
      // What waits for the tenant that was late is dropped, and costs nothing.
      while (order.cache.queued() > 0) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void aTenantsPlacesAreItsOwnAndRefusalsAreCounted() throws Exception {
    try (Order order = new Order(engine, 2)) {
      var _ = order.ask("many", 0);
      var _ = order.ask("many", 1);
      CompletableFuture<CompiledModule> refused =
          order.cache.get(new TenantId("many"), digest(2), ADD);
      assertThatThrownBy(() -> await(refused)).hasCauseInstanceOf(CompileRefusedException.class);
      assertThat(order.cache.refusedOfTenant()).isEqualTo(1);
      assertThat(order.cache.refusedInAll()).isZero();
      var _ = order.ask("one", 2);
      // It waits with the other, so it is not refused.
      var _ = order.ask("many", 2);
      assertThat(order.cache.refusedOfTenant()).isEqualTo(1);
      assertThat(order.run()).startsWith("many0").hasSize(4);
    }
  }

  private static ModuleDigest digest(int number) {
    return ModuleDigest.of(new byte[] {(byte) number});
  }

  @Test
  void aModuleThatIsGoneIsAskedForAgain() throws Exception {
    AtomicReference<Optional<byte[]>> source = new AtomicReference<>(Optional.empty());
    try (ModuleCache cache = new ModuleCache(engine, (_, _) -> source.get(), config(10))) {
      assertThatThrownBy(() -> await(cache.get(TENANT, DIGEST, null)))
          .hasCauseInstanceOf(IllegalStateException.class)
          .hasMessageContaining("is gone");
      assertThat(cache.ifRefused(DIGEST)).isNull();
      source.set(Optional.of(ADD));
      assertThat(await(cache.get(TENANT, DIGEST, null)).interpretedFunctions()).isEmpty();
    }
  }

  @Test
  void aRefusalIsKeptForAnHourAndNotCompiledAgain() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    AtomicLong nanos = new AtomicLong();
    ModuleSource source =
        (_, _) -> {
          asked.incrementAndGet();
          return Optional.of(new byte[] {1, 2, 3});
        };
    try (ModuleCache cache = new ModuleCache(engine, source, config(10), _ -> {}, nanos::get)) {
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(() -> await(cache.get(TENANT, DIGEST, null)))
            .hasCauseInstanceOf(ModuleRefusedException.class);
      }
      assertThat(asked).hasValue(1);
      ModuleRefusedException known = cache.ifRefused(DIGEST);
      assertThat(known).hasMessageContaining("00 61 73 6d");
      nanos.addAndGet(Duration.ofHours(1).toNanos());
      assertThat(cache.ifRefused(DIGEST)).isNull();
      assertThatThrownBy(() -> await(cache.get(TENANT, DIGEST, null)))
          .hasCauseInstanceOf(ModuleRefusedException.class);
      assertThat(asked).hasValue(2);
    }
  }

  @Test
  void aCompileTellsHowLongItHasWaitedSinceItWasFirstAskedFor() throws Exception {
    Gate gate = new Gate();
    AtomicLong nanos = new AtomicLong();
    List<Long> waits = new CopyOnWriteArrayList<>();
    try (ModuleCache cache = new ModuleCache(engine, gate, config(10), waits::add, nanos::get)) {
      CompletableFuture<CompiledModule> first = cache.get(TENANT, DIGEST, null);
      gate.reached.await();
      nanos.addAndGet(5);
      byte[] other = Node.guest("fib");
      CompletableFuture<CompiledModule> second = cache.get(TENANT, ModuleDigest.of(other), other);
      nanos.addAndGet(70);
      var _ = cache.get(new TenantId("another"), ModuleDigest.of(other), other);
      gate.open.countDown();
      await(first);
      await(second);
    }
    assertThat(waits).containsExactly(0L, 70L);
  }

  @Test
  void aSourceThatThrowsFailsItsAskersOnly() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    ModuleSource source =
        (_, _) -> {
          if (asked.incrementAndGet() == 1) {
            throw new IllegalStateException("no database");
          }
          return Optional.of(ADD);
        };
    try (ModuleCache cache = new ModuleCache(engine, source, config(10))) {
      assertThatThrownBy(() -> await(cache.get(TENANT, DIGEST, null)))
          .hasMessageContaining("no database");
      await(cache.get(TENANT, DIGEST, null));
    }
  }

  @Test
  void closingFailsWhatWaitsRatherThanForgettingIt() throws Exception {
    Gate gate = new Gate();
    ModuleCache cache = new ModuleCache(engine, gate, config(10));
    CompletableFuture<CompiledModule> compiling = cache.get(TENANT, DIGEST, null);
    gate.reached.await();
    CompletableFuture<CompiledModule> waiting = cache.get(TENANT, digest(1), ADD);
    cache.close();
    assertThat(compiling).isDone();
    assertThatThrownBy(() -> await(waiting)).hasCauseInstanceOf(CompileRefusedException.class);
    assertThatThrownBy(() -> await(cache.get(TENANT, digest(2), ADD)))
        .hasCauseInstanceOf(CompileRefusedException.class);
  }
}
