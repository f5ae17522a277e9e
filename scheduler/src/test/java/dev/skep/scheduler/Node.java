package dev.skep.scheduler;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.Invocation;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.RunReport;
import dev.skep.limits.LimitOverrides;
import dev.skep.limits.StoreLimits;
import dev.skep.limits.TenantLimits;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A scheduler over a real pool, with the repository's guests and receipts kept in memory. */
final class Node implements AutoCloseable {
  /** One worker, which a run keeps to its end. */
  static final SchedulerConfig ONE_WORKER =
      SchedulerConfig.DEFAULTS
          .withWorkers(1)
          .withQueueCapacity(2_000)
          .withTurnNanos(3_600_000_000_000L);

  static final StoreLimits LIMITS =
      StoreLimits.DEFAULTS.withFuel(StoreLimits.MAX_FUEL).withDeadlineNanos(60_000_000_000L);

  static final CompiledModule TRAP;
  static final CompiledModule ADD;

  static {
    Engine engine = new Engine(EngineConfig.DEFAULTS);
    try {
      TRAP = engine.compile(guest("trap"));
      ADD = engine.compile(guest("add"));
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
  }

  static byte[] guest(String name) {
    try {
      return Files.readAllBytes(
          Path.of(System.getProperty("skep.root"), "guests", "wasm", name + ".wasm"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What a run's callback has heard. */
  static final class Answer implements RunCallback {
    final AtomicInteger calls = new AtomicInteger();
    private final CompletableFuture<Answer> heard = new CompletableFuture<>();
    volatile @Nullable Refusal refusal;
    volatile @Nullable RunReport report;
    volatile @Nullable Receipt receipt;
    volatile @Nullable Throwable failure;

    @Override
    public void ended(RunReport report, Receipt receipt, @Nullable Throwable receiptFailure) {
      this.report = report;
      this.receipt = receipt;
      failure = receiptFailure;
      calls.incrementAndGet();
      heard.complete(this);
    }

    @Override
    public void refused(Refusal refusal) {
      this.refusal = refusal;
      calls.incrementAndGet();
      heard.complete(this);
    }

    Answer await() {
      try {
        return heard.get(60, TimeUnit.SECONDS);
      } catch (InterruptedException | ExecutionException | TimeoutException e) {
        throw new AssertionError("no callback", e);
      }
    }

    boolean isHeard() {
      return heard.isDone();
    }

    Receipt awaitReceipt() {
      await();
      Receipt known = receipt;
      if (known == null) {
        throw new AssertionError("refused: " + refusal);
      }
      return known;
    }

    Receipt.Outcome outcome() {
      return awaitReceipt().outcome();
    }

    Refusal awaitRefusal() {
      await();
      Refusal known = refusal;
      if (known == null) {
        throw new AssertionError("it ran: " + receipt);
      }
      return known;
    }
  }

  /** Receipts in memory, made durable on a thread of its own. */
  static class Receipts implements ReceiptLog {
    final Queue<Receipt> all = new ConcurrentLinkedQueue<>();
    final ExecutorService thread =
        Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().factory());

    @Override
    public void append(Receipt receipt, Done done) {
      all.add(receipt);
      thread.execute(() -> done.appended(null));
    }
  }

  /** Who started in which order, and who waits for a start. */
  static class Listener implements RunListener {
    final Queue<TenantId> started = new ConcurrentLinkedQueue<>();
    final Queue<Refusal> refused = new ConcurrentLinkedQueue<>();
    volatile CountDownLatch starts = new CountDownLatch(1);

    @Override
    public void started(TenantId tenant, long waitedNanos) {
      started.add(tenant);
      starts.countDown();
    }

    @Override
    public void ended(Receipt receipt) {}

    @Override
    public void refused(TenantId tenant, Refusal refusal) {
      refused.add(refusal);
    }
  }

  final PoolingAllocator pool;
  final Receipts receipts;
  final Listener listener;
  final Scheduler scheduler;

  Node(SchedulerConfig config, int slots) {
    this(config, slots, new Receipts(), new Listener());
  }

  Node(SchedulerConfig config, int slots, Receipts receipts, Listener listener) {
    pool = new PoolingAllocator(PoolConfig.of(slots, 17L << 20, 12_000, 65_536));
    this.receipts = receipts;
    this.listener = listener;
    scheduler = new Scheduler(config, pool, receipts, listener);
  }

  /** A run that can be changed before it is asked for. */
  static final class Ask {
    TenantId tenant = new TenantId("t");
    FunctionName function = new FunctionName("f");
    ModuleDigest version = ModuleDigest.of(new byte[0]);
    CompiledModule module = TRAP;
    Invocation invocation;
    StoreLimits limits = LIMITS;
    TenantLimits tenantLimits = Node.tenantLimits(16, 2_000);

    Ask(String export, long... args) {
      invocation = new Invocation.TypedCall(export, args);
    }

    Ask tenant(String value) {
      tenant = new TenantId(value);
      return this;
    }

    Ask function(String value) {
      function = new FunctionName(value);
      return this;
    }

    Ask version(int value) {
      version = ModuleDigest.of(new byte[] {(byte) value});
      return this;
    }

    Ask limits(StoreLimits value) {
      limits = value;
      return this;
    }

    Ask tenantLimits(TenantLimits value) {
      tenantLimits = value;
      return this;
    }

    RunRequest request() {
      return new RunRequest(
          RunId.at(System.currentTimeMillis()),
          tenant,
          function,
          version,
          module,
          invocation,
          limits,
          tenantLimits);
    }
  }

  static TenantLimits tenantLimits(int concurrency, int queueDepth) {
    return new TenantLimits(concurrency, queueDepth, 1_000, LimitOverrides.NONE);
  }

  /** A run that comes back at once. */
  static Ask quick() {
    return new Ask("grow_all").limits(LIMITS.withMemoryBytes(65_536));
  }

  /** A run that only a cancel ends. */
  static Ask endless() {
    return new Ask("spin");
  }

  Answer submit(Ask ask) {
    Answer answer = new Answer();
    scheduler.submit(ask.request(), answer);
    return answer;
  }

  /** A worker kept busy until it is released. */
  final class Busy {
    final Answer answer = new Answer();
    final RunTicket ticket;

    Busy(Ask ask) {
      CountDownLatch begins = new CountDownLatch(1);
      listener.starts = begins;
      ticket = scheduler.submit(ask.request(), answer);
      try {
        if (!begins.await(60, TimeUnit.SECONDS)) {
          throw new AssertionError("it did not start");
        }
        // It is told of before it has a slot.
        TenantId tenant = ask.request().tenant();
        while (scheduler.activity().stream()
            .noneMatch(each -> each.tenant().equals(tenant) && each.slots() > 0)) {
          Thread.onSpinWait();
        }
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    void release() {
      ticket.cancel();
      answer.await();
    }
  }

  Busy busy() {
    return new Busy(endless().tenant("busy"));
  }

  List<Receipt> receiptList() {
    return List.copyOf(receipts.all);
  }

  @Override
  public void close() {
    scheduler.close();
    receipts.thread.shutdown();
    // Refuses if a lease is open.
    pool.close();
  }
}
