package dev.skep.loadtest;

import static java.nio.charset.StandardCharsets.UTF_8;

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
import dev.skep.pool.SlotClass;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.Receipt.Outcome;
import dev.skep.scheduler.Refusal;
import dev.skep.scheduler.RunCallback;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.RunListener;
import dev.skep.scheduler.RunRequest;
import dev.skep.scheduler.RunTicket;
import dev.skep.scheduler.Scheduler;
import dev.skep.scheduler.SchedulerConfig;
import dev.skep.scheduler.TenantId;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * How long a run goes on after it has been asked to stop, or after its deadline: for loops of every
 * shape, on a scheduler whose workers are all kept busy by others.
 *
 * <p>Half the stops are of code that has just been compiled to bytecode, which the JVM interprets;
 * half of code that has run before.
 */
@Command(
    name = "stopping",
    mixinStandardHelpOptions = true,
    description = "Measures from cancel, and from the deadline, to the end of hostile runs.")
final class StoppingBench implements Callable<Integer> {
  private static final int WORKERS = 2;
  private static final double NANOS_PER_MILLI = 1e6;
  private static final double P99_MILLIS = 50;
  private static final double WORST_MILLIS = 250;
  private static final int MOST_RUN_MILLIS = 30;
  private static final int PATIENCE_SECONDS = 60;

  @Option(names = "--stops", defaultValue = "1500", description = "Stops in all, 1500.")
  private int stops;

  @Option(names = "--seed", description = "Of when the runs are stopped.")
  private long seed = System.nanoTime();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private final Engine engine = new Engine(EngineConfig.DEFAULTS);
  private final byte[] bytes = StoppingGuest.bytes();
  private final Histogram cancels = Durations.create();
  private final Histogram deadlines = Durations.create();
  private final Histogram fresh = Durations.create();
  private final Histogram warm = Durations.create();
  private String worstOf = "";
  private long worstNanos;
  private int wrong;
  private int number;

  /** A run's end, and when it came. */
  private static final class End implements RunCallback {
    private final CompletableFuture<Receipt> receipt = new CompletableFuture<>();
    private volatile long endNanos;

    @Override
    public void ended(RunReport report, Receipt result, @Nullable Throwable failure) {
      endNanos = System.nanoTime();
      receipt.complete(result);
    }

    @Override
    public void refused(Refusal refusal) {
      receipt.completeExceptionally(new IllegalStateException("refused: " + refusal.word()));
    }
  }

  @Override
  public Integer call() throws Exception {
    PoolConfig pool = PoolConfig.DEFAULTS.with().classes(new SlotClass(128L << 20, 16)).build();
    Random random = new Random(seed);
    try (PoolingAllocator allocator = new PoolingAllocator(pool);
        Scheduler scheduler =
            new Scheduler(
                SchedulerConfig.DEFAULTS.withWorkers(WORKERS),
                allocator,
                (_, done) -> done.appended(null),
                RunListener.NONE)) {
      CompiledModule shared = compile();
      List<RunTicket> load = new ArrayList<>();
      for (int i = 0; i < WORKERS; i++) {
        load.add(
            scheduler.submit(
                request(shared, "load" + i, "loop_arithmetic", StoreLimits.MAX_DEADLINE_NANOS),
                new End()));
      }
      List<String> shapes = StoppingGuest.exports();
      Progress progress = new Progress("stops", stops);
      for (int i = 0; i < stops; i++) {
        String shape = shapes.get(i % shapes.size());
        int round = i / shapes.size();
        boolean isFresh = round % 2 == 0;
        CompiledModule module = isFresh ? compile() : shared;
        stop(scheduler, module, shape, isFresh, round / 2 % 2 == 0, random);
        progress.step();
      }
      load.forEach(RunTicket::cancel);
      return print(scheduler);
    }
  }

  private CompiledModule compile() throws ModuleRefusedException {
    return engine.compile(bytes);
  }

  private RunRequest request(
      CompiledModule module, String tenant, String shape, long deadlineNanos) {
    return new RunRequest(
        RunId.at(System.currentTimeMillis()),
        new TenantId(tenant),
        new FunctionName("stopping"),
        // Each module is another version, so that no run finds an instance of another's code.
        ModuleDigest.of(Integer.toString(System.identityHashCode(module)).getBytes(UTF_8)),
        module,
        new Invocation.TypedCall(shape, new long[0]),
        StoreLimits.DEFAULTS
            .withFuel(StoreLimits.MAX_FUEL)
            .withMemoryBytes(128L << 20)
            .withDeadlineNanos(deadlineNanos),
        new TenantLimits(16, 100, 1_000, LimitOverrides.NONE));
  }

  private void stop(
      Scheduler scheduler,
      CompiledModule module,
      String shape,
      boolean isFresh,
      boolean cancel,
      Random random)
      throws Exception {
    End end = new End();
    long runNanos = 1 + random.nextLong(MOST_RUN_MILLIS * 1_000_000L);
    String tenant = "tenant" + number++ % 8;
    long deadlineNanos = cancel ? StoreLimits.MAX_DEADLINE_NANOS : runNanos;
    RunTicket ticket = scheduler.submit(request(module, tenant, shape, deadlineNanos), end);
    long stopNanos = 0;
    if (cancel) {
      TimeUnit.NANOSECONDS.sleep(runNanos);
      stopNanos = System.nanoTime();
      ticket.cancel();
    }
    Receipt receipt = end.receipt.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    // Of a deadline, the run's own time: what it was aside does not count.
    long took = cancel ? end.endNanos - stopNanos : receipt.durationNanos() - deadlineNanos;
    if (receipt.outcome() != (cancel ? Outcome.CANCELLED : Outcome.DEADLINE) && wrong++ == 0) {
      System.err.println("first wrong outcome: " + shape + " ended as " + receipt.outcome());
    }
    Durations.record(cancel ? cancels : deadlines, took);
    Durations.record(isFresh ? fresh : warm, took);
    if (took > worstNanos) {
      worstNanos = took;
      worstOf = shape + (isFresh ? ", fresh" : ", warm") + (cancel ? ", cancel" : ", deadline");
    }
  }

  private int print(Scheduler scheduler) {
    ResultTable table = new ResultTable("skep bench stopping: " + stops + " stops");
    rows(table, "cancel", "from cancel to the end", cancels);
    rows(table, "deadline", "from the deadline to the end", deadlines);
    rows(table, "fresh", "both, code just compiled", fresh);
    rows(table, "warm", "both, code that has run", warm);
    Histogram all = cancels.copy();
    all.add(deadlines);
    rows(table, "all", "all", all);
    table
        .add("yields", "turns that runs gave up", (double) scheduler.stats().yields(), "")
        .add("errors", "wrong outcomes", (double) wrong, "", "must be 0")
        .note("Worst: " + worstOf + ".")
        .note(
            "Shapes: "
                + String.join(", ", StoppingGuest.exports())
                + "; in turn, "
                + WORKERS
                + " workers kept busy by two endless loops of other tenants.")
        .note("A cancel's time holds the wait for the turn in which the run ends.")
        .note("Run again with seed " + seed + ".")
        .print(json);
    boolean holds =
        all.getValueAtPercentile(99) < P99_MILLIS * NANOS_PER_MILLI
            && all.getMaxValue() < WORST_MILLIS * NANOS_PER_MILLI;
    return wrong == 0 && holds ? 0 : 1;
  }

  private static void rows(ResultTable table, String key, String what, Histogram nanos) {
    table
        .add(
            key + "_p50_ms", what + ", p50", nanos.getValueAtPercentile(50) / NANOS_PER_MILLI, "ms")
        .add(
            key + "_p99_ms",
            "  p99",
            nanos.getValueAtPercentile(99) / NANOS_PER_MILLI,
            "ms",
            "must be under 50 ms")
        .add(
            key + "_worst_ms",
            "  worst",
            nanos.getMaxValue() / NANOS_PER_MILLI,
            "ms",
            "must be under 250 ms");
  }
}
