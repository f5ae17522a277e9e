package dev.skep.scheduler;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Instantiation;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.LimitKind;
import dev.skep.limits.SliceListener;
import dev.skep.limits.TenantLimits;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.PoolStats;
import dev.skep.pool.SlotLease;
import dev.skep.scheduler.Receipt.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs guests: bounded queues, fair by tenant, over a fixed number of workers.
 *
 * <h2>Fairness</h2>
 *
 * Each tenant has a queue of its own. The queues that have something to run, and whose tenant has
 * fewer runs executing than it may, stand in a ring; a worker takes the first queue of the ring,
 * takes one run from it, and puts it at the end. So each turn gives every tenant one run, however
 * many it has sent; and tenants that have had less of the workers' time than the average go before
 * those that have had more ({@link FairRing}).
 *
 * <pre>
 *   submit ─▶ tenant's queue ─▶ ring of queues ─▶ worker ─▶ warm slot or new instance ─▶ run
 *                    ▲               │                 │                                  │
 *                    ├───────────────┘ if more waits   │              receipt ◀── settle ◀┘
 *                    └─────────────────────────────────┘ a long run, for others' turn
 * </pre>
 *
 * <p>A run that lasts longer than a turn gives up its worker when others wait, and queues again
 * behind its tenant's share: see {@link Workers}.
 *
 * <p>Bounds: {@link SchedulerConfig#queueCapacity} runs wait in all, {@link
 * dev.skep.limits.TenantLimits#queueDepth} of one tenant; more are refused at once.
 *
 * <p>Thread-safe. Submitting never blocks and takes no lock.
 */
public final class Scheduler implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Scheduler.class);

  /** Runs submitted but not yet ended that a drain looks at, in milliseconds between looks. */
  private static final long DRAIN_POLL_MILLIS = 10;

  /** How long a close lets runs go on that execute. */
  private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(1);

  /** How long a cancelled run may take to the end of its slice, on a machine that is overloaded. */
  private static final Duration CANCEL_PATIENCE = Duration.ofSeconds(30);

  private final SchedulerConfig config;
  private final InstanceAllocator pool;
  private final ReceiptLog receipts;
  private final RunListener listener;
  private final WarmSlots warm = new WarmSlots();
  private final ConcurrentHashMap<TenantId, TenantQueue> tenants = new ConcurrentHashMap<>();
  private final AtomicInteger queued = new AtomicInteger();
  private final AtomicInteger settling = new AtomicInteger();
  private final Workers workers;

  private volatile boolean draining;

  /** Workers begin no more runs. */
  private volatile boolean stopped;

  /** No worker will come for what waits. */
  private volatile boolean closed;

  public Scheduler(
      SchedulerConfig config, InstanceAllocator pool, ReceiptLog receipts, RunListener listener) {
    this.config = config;
    this.pool = pool;
    this.receipts = receipts;
    this.listener = listener;
    this.workers = new Workers(config, this::executeTicket, listener, this::newQueue);
    pool.reclaimWith(
        (owner, slotClass, ownOnly) -> warm.evict(warm.holder(owner), slotClass, ownOnly));
    workers.start();
  }

  // ── Admission ─────────────────────────────────────────────────────────────────────────────

  /**
   * Asks for a run. The callback hears of its end, or of its refusal, which may come before this
   * returns.
   *
   * @return a hand on the run, of no use if it was refused
   */
  public RunTicket submit(RunRequest request, RunCallback callback) {
    RunTicket ticket = new RunTicket(request, callback, System.nanoTime());
    TenantQueue queue = queueOf(request.tenant());
    Refusal refusal = null;
    if (draining) {
      refusal = Refusal.DRAINING;
    } else if (queued.incrementAndGet() > config.queueCapacity()) {
      queued.decrementAndGet();
      refusal = Refusal.QUEUE_FULL;
    } else if (!queue.offer(ticket)) {
      queued.decrementAndGet();
      refusal = Refusal.TENANT_QUEUE_FULL;
    }
    if (refusal != null) {
      refuse(queue, ticket, refusal);
    } else {
      workers.toRing(queue);
      if (closed) {
        // It came in beside the close, which may not have seen it.
        abandon(queue);
      }
    }
    return ticket;
  }

  private TenantQueue queueOf(TenantId tenant) {
    TenantQueue queue = tenants.get(tenant);
    return queue != null ? queue : tenants.computeIfAbsent(tenant, this::newQueue);
  }

  private TenantQueue newQueue(TenantId tenant) {
    return new TenantQueue(tenant, warm.holder(pool.newOwner()));
  }

  private void refuse(TenantQueue queue, RunTicket ticket, Refusal refusal) {
    ticket.settled = true;
    countRefusal(queue, refusal);
    try {
      ticket.callback.refused(refusal);
    } catch (RuntimeException e) {
      LOG.atError().setCause(e).addKeyValue("run", ticket.request.id()).log("a callback failed");
    }
  }

  /** Counts a refusal that was decided before a run could be submitted. */
  public void countRefusal(TenantId tenant, Refusal refusal) {
    countRefusal(queueOf(tenant), refusal);
  }

  private void countRefusal(TenantQueue queue, Refusal refusal) {
    queue.refused.increment();
    try {
      listener.refused(queue.tenant, refusal);
    } catch (RuntimeException e) {
      listenerFailed(e);
    }
  }

  private static void listenerFailed(RuntimeException e) {
    LOG.atError().setCause(e).log("a listener failed");
  }

  /** Refuses all that waits in a queue for which no worker comes any more. */
  private void abandon(TenantQueue queue) {
    for (RunTicket ticket = queue.abandon(); ticket != null; ticket = queue.abandon()) {
      queued.decrementAndGet();
      refuse(queue, ticket, Refusal.DRAINING);
    }
  }

  // ── Execution ─────────────────────────────────────────────────────────────────────────────

  private void executeTicket(TenantQueue queue, RunTicket ticket, SliceListener slices) {
    queued.decrementAndGet();
    try {
      if (stopped) {
        refuse(queue, ticket, Refusal.DRAINING);
      } else {
        execute(queue, ticket, slices);
      }
    } catch (RuntimeException | Error e) {
      LOG.atError().setCause(e).addKeyValue("run", ticket.request.id()).log("a run failed");
      if (!ticket.settled) {
        RunResult failed = new RunResult.HostFailed("the run failed in the host");
        settle(
            queue,
            ticket,
            new RunReport(failed, 0, 0, 0, new byte[0]),
            System.currentTimeMillis(),
            Receipt.TIER_1);
      }
    }
  }

  private void execute(TenantQueue queue, RunTicket ticket, SliceListener slices) {
    RunRequest request = ticket.request;
    try {
      listener.started(request.tenant(), System.nanoTime() - ticket.queuedNanos);
    } catch (RuntimeException e) {
      listenerFailed(e);
    }
    long startedEpochMillis = System.currentTimeMillis();
    WarmSlots.Key key = new WarmSlots.Key(request.tenant(), request.function(), request.version());
    CompiledModule module = request.module();
    // Read once: machine code may come while this run begins.
    boolean machineCode =
        module.isMachineCode() && (request.mayBeMachineCode() || !module.hasTierOne());
    WarmSlots.Entry entry = warm.take(key, machineCode);
    if (entry == null) {
      if (!(pool.take(module.slotFor(queue.slots.owner())) instanceof SlotLease lease)) {
        refuse(queue, ticket, Refusal.POOL_FULL);
        return;
      }
      switch (module.instantiate(lease, request.limits(), slices, machineCode)) {
        case Instantiation.Failed failed -> {
          RunReport report = new RunReport(failed.result(), failed.fuel(), 0, 0, new byte[0]);
          settle(queue, ticket, report, startedEpochMillis, tier(machineCode));
          return;
        }
        case GuestInstance instance -> entry = warm.add(key, instance, queue.slots);
      }
    }
    boolean reusable = false;
    try {
      ticket.starts(entry.instance);
      RunReport report =
          entry.instance.run(
              request.invocation(), request.world(), request.limits(), slices, queue.scratch);
      ticket.ended();
      reusable = reusable(report.result());
      // The answer need not wait for the slot to be cleared.
      settle(queue, ticket, report, startedEpochMillis, tier(entry.instance.isMachineCode()));
    } finally {
      release(entry, reusable);
    }
  }

  private static int tier(boolean machineCode) {
    return machineCode ? Receipt.TIER_2 : Receipt.TIER_1;
  }

  private void release(WarmSlots.Entry entry, boolean reusable) {
    if (reusable && !stopped) {
      try {
        entry.instance.reset();
        warm.put(entry);
        return;
      } catch (RuntimeException e) {
        LOG.atError()
            .setCause(e)
            .addKeyValue("slot", entry.instance.slot())
            .log("a slot could not be reset");
      }
    }
    warm.discard(entry);
  }

  /** A trap, a limit or any surprise ends the store for good. */
  private static boolean reusable(RunResult result) {
    return switch (result) {
      case RunResult.Values _, RunResult.Bytes _, RunResult.Refused _, RunResult.Exited _ -> true;
      case RunResult.Trapped _, RunResult.LimitReached _, RunResult.HostFailed _ -> false;
    };
  }

  // ── Settlement ────────────────────────────────────────────────────────────────────────────

  private void settle(
      TenantQueue queue, RunTicket ticket, RunReport report, long startedEpochMillis, int tier) {
    ticket.settled = true;
    RunRequest request = ticket.request;
    Outcome outcome = outcome(report.result());
    Receipt receipt =
        new Receipt(
            Receipt.Kind.RUN,
            request.id(),
            request.tenant(),
            request.function(),
            request.version(),
            startedEpochMillis,
            report.fuel(),
            FuelCosts.VERSION,
            config.prices().version(),
            config.prices().nanoDollars(report.fuel()),
            report.memoryPeakBytes(),
            report.durationNanos(),
            outcome,
            tier);
    queue.runs.increment();
    queue.fuel.add(receipt.fuel());
    queue.nanoDollars.add(receipt.nanoDollars());
    if (outcome != Outcome.COMPLETED) {
      queue.failed.increment();
    }
    try {
      listener.ended(receipt);
    } catch (RuntimeException e) {
      listenerFailed(e);
    }
    settling.incrementAndGet();
    Settlement settlement = new Settlement(ticket, report, receipt);
    try {
      receipts.append(receipt, settlement);
    } catch (RuntimeException e) {
      LOG.atError().setCause(e).addKeyValue("run", request.id()).log("a receipt was not appended");
      settlement.appended(e);
    }
  }

  /** Tells a run's callback its end, once, whatever the receipt log and the callback do. */
  private final class Settlement implements ReceiptLog.Done {
    private final RunTicket ticket;
    private final RunReport report;
    private final Receipt receipt;
    private final long endedNanos = System.nanoTime();
    private final AtomicBoolean told = new AtomicBoolean();

    private Settlement(RunTicket ticket, RunReport report, Receipt receipt) {
      this.ticket = ticket;
      this.report = report;
      this.receipt = receipt;
    }

    @Override
    public void appended(@Nullable Throwable failure) {
      if (!told.compareAndSet(false, true)) {
        return;
      }
      try {
        listener.recorded(System.nanoTime() - endedNanos);
      } catch (RuntimeException e) {
        listenerFailed(e);
      }
      try {
        ticket.callback.ended(report, receipt, failure);
      } catch (RuntimeException e) {
        LOG.atError().setCause(e).addKeyValue("run", receipt.run()).log("a callback failed");
      } finally {
        settling.decrementAndGet();
      }
    }
  }

  /** The word of a receipt for how a run ended. */
  public static Outcome outcome(RunResult result) {
    return switch (result) {
      case RunResult.Values _, RunResult.Bytes _ -> Outcome.COMPLETED;
      case RunResult.Refused _ -> Outcome.REFUSED;
      case RunResult.Exited exited -> exited.exitCode() == 0 ? Outcome.COMPLETED : Outcome.EXITED;
      case RunResult.Trapped _ -> Outcome.TRAPPED;
      case RunResult.LimitReached reached -> outcome(reached.kind());
      case RunResult.HostFailed _ -> Outcome.HOST_FAILURE;
    };
  }

  private static Outcome outcome(LimitKind kind) {
    return switch (kind) {
      case FUEL -> Outcome.OUT_OF_FUEL;
      case DEADLINE -> Outcome.DEADLINE;
      case CANCELLED -> Outcome.CANCELLED;
      case CALL_DEPTH, MEMORY, TABLE, INSTANCES, LIVE_MEMORY, LIVE_TABLE -> Outcome.LIMIT;
    };
  }

  // ── Control and figures ───────────────────────────────────────────────────────────────────

  /** Closes a function's idle instances, after it was changed or deleted. */
  public void forget(TenantId tenant, FunctionName function) {
    TenantQueue queue = tenants.get(tenant);
    if (queue != null) {
      warm.forget(queue.slots, function);
    }
  }

  /**
   * Holds a tenant to these limits from now on. Its runs bring its limits too; this is for a change
   * to take hold before the next one comes.
   */
  public void limits(TenantId tenant, TenantLimits limits) {
    // Without a floor, nothing of it matters before the tenant's first run.
    TenantQueue queue = limits.share().slotFloor() > 0 ? queueOf(tenant) : tenants.get(tenant);
    if (queue != null) {
      queue.limits(limits, System.nanoTime());
    }
  }

  /** How the pool keeps the tenants' floors. Linear in the tenants. */
  public FloorStats floors() {
    long notPromised = 0;
    long missingSlots = 0;
    for (TenantQueue queue : tenants.values()) {
      notPromised += queue.share.notPromised();
      missingSlots += queue.share.missingSlots();
    }
    return new FloorStats(notPromised, missingSlots);
  }

  /** Whether every slot that may be in use runs, so that a new function could not be given one. */
  public boolean isFull() {
    PoolStats stats = pool.stats();
    return (stats.free() == 0 || stats.leased() >= stats.instances()) && warm.warm() == 0;
  }

  public boolean isDraining() {
    return draining;
  }

  public SchedulerStats stats() {
    return new SchedulerStats(
        config.workers(),
        queued.get(),
        config.queueCapacity(),
        workers.running(),
        workers.aside(),
        workers.yields(),
        workers.yieldsRefused(),
        warm.warm(),
        warm.hits(),
        warm.misses(),
        warm.evictions());
  }

  /** What each tenant has done on this node since start. */
  public List<TenantActivity> activity() {
    List<TenantActivity> all = new ArrayList<>();
    for (TenantQueue queue : tenants.values()) {
      all.add(
          new TenantActivity(
              queue.tenant,
              queue.queued(),
              queue.running(),
              queue.aside(),
              queue.yields.sum(),
              queue.runs.sum(),
              queue.failed.sum(),
              queue.refused.sum(),
              queue.fuel.sum(),
              queue.nanoDollars.sum(),
              queue.slots.owner().leased(),
              queue.slots.owner().liveBytes(),
              queue.slots.owner().liveElements(),
              queue.slots.evictionsCaused(),
              queue.slots.evictionsSuffered()));
    }
    return all;
  }

  /** Shows every slot that holds an instance. Linear in the slots. */
  public void forEachSlot(SlotVisitor visitor) {
    warm.forEach(visitor);
  }

  /**
   * Refuses new runs and waits until all admitted ones have ended and been answered.
   *
   * @return whether they all did within {@code patience}
   */
  public boolean drain(Duration patience) throws InterruptedException {
    draining = true;
    long deadline = System.nanoTime() + patience.toNanos();
    while (queued.get() > 0 || workers.running() > 0 || settling.get() > 0) {
      if (System.nanoTime() - deadline >= 0) {
        return false;
      }
      Thread.sleep(DRAIN_POLL_MILLIS);
    }
    return true;
  }

  /**
   * Ends the workers and closes all instances. Runs that wait are refused, runs that execute have a
   * moment to end and are cancelled then; every callback is called. Whoever wants them to end by
   * themselves drains before.
   */
  @Override
  public void close() {
    draining = true;
    stopped = true;
    workers.end();
    workers.join(CLOSE_PATIENCE);
    workers.cancelAll();
    workers.join(CANCEL_PATIENCE);
    closed = true;
    for (TenantQueue queue : tenants.values()) {
      abandon(queue);
    }
    warm.closeAll();
  }

  /** Bytes of stack that runs aside are counted with. */
  long asideStackBytes() {
    return workers.asideStackBytes();
  }

  /** Threads of workers there are now, whatever they do. */
  int threads() {
    return workers.threads();
  }
}
