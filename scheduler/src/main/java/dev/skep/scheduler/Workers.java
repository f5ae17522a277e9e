package dev.skep.scheduler;

import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import dev.skep.limits.SliceListener;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.Backstage;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that execute runs, and who of them may.
 *
 * <h2>Two levels</h2>
 *
 * A run begins in front. One that has had its turn there while others wait goes on at the back, for
 * the rest of its life, on a thread that steps back behind those in front ({@link Backstage}). So a
 * short run waits for no long one, but for the rest of a slice, and the system's scheduler prefers
 * it to those at the back. What is at the back is not starved: a processor that is fought for is
 * shared by weight, of which the back has a seventh.
 *
 * <h2>Permits</h2>
 *
 * Each level has as many permits as the scheduler has workers, and a thread executes only while it
 * holds one. In front it takes with it the first queue of the ring, executes one run of it to its
 * end, and takes the next: as long as no run is long, there are as many threads as permits and
 * nothing is handed over.
 *
 * <p>A run that is to give way is put aside: its thread gives its permit to a spare thread of its
 * level, puts the run back into its tenant's queue, for the ring at the back, and parks, with the
 * guest's frames on its stack. Whoever takes the run from that queue later gives its own permit to
 * the parked thread, and is a spare itself.
 *
 * <pre>
 *             ┌──── takes the next run from the ring ◀────┐
 *   front     ▼                                           │
 *   [executes, with a permit] ── run ends ────────────────┘
 *             │ turn is over, others wait
 *             ▼
 *   back    [aside] ── given a permit ─▶ [executes] ── run ends ─▶ [looks for one aside] ─▶ [spare]
 *             ▲                              │
 *             └── turn is over, others wait ─┘
 * </pre>
 *
 * INVARIANT: permits are given, never made: to a thread that has none, which then is in no queue
 * any more. So at most {@code permits} threads of a level execute, and no permit is lost.
 *
 * <p>Thread-safe.
 */
final class Workers {
  /**
   * Most runs aside, each with a thread of the system: two mappings each, of the 4,096 that the
   * pool's plan leaves to the process.
   */
  static final int MOST_ASIDE = 1_024;

  /** Most bytes of the stacks of runs aside, counted by their call depth. */
  static final long MOST_ASIDE_STACK_BYTES = 1L << 30;

  /** Of both, what one tenant can hold before no run of it is begun: one part of so many. */
  static final int TENANT_PART = 8;

  /** Threads of each level kept for the next run that is put aside. */
  private static final int MOST_SPARE = 8;

  /** What a worker's host code needs of the stack, above what a guest may take. */
  private static final long RESERVE_BYTES = 2L << 20;

  private static final long STACK_BYTES =
      (long) StoreLimits.MAX_CALL_DEPTH * StoreLimits.STACK_BYTES_PER_CALL + RESERVE_BYTES;

  /**
   * Turns are of processor time: while a thread waits for a processor its run has had nothing. A
   * reading costs a system call, at a run's end and each slice's.
   */
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  /** What a run has at least of a turn: ten times what handing over a worker takes. */
  private static final long LEAST_TURN_NANOS = 100_000;

  private static final long JOIN_STEP_NANOS = 10_000_000;

  private static final Logger LOG = LoggerFactory.getLogger(Workers.class);

  /** What the scheduler does with a run that is begun. */
  interface Execution {
    /** Executes the run to its end and answers it. Must not throw. */
    void execute(TenantQueue queue, RunTicket ticket, SliceListener slices);
  }

  private final int permits;
  private final long turnNanos;
  private final Execution execution;
  private final RunListener listener;
  private final WorkShares shares = new WorkShares();

  /** Of runs that wait to begin. */
  private final Level front = new Level(Backstage.GUESTS);

  /** Of runs that are aside. */
  private final Level back = new Level(Backstage.LONG_RUNS);

  /** Runs aside that have been asked to stop; they go before the ring at the back. */
  private final ConcurrentLinkedQueue<RunTicket> urgent = new ConcurrentLinkedQueue<>();

  private final Set<Worker> all = ConcurrentHashMap.newKeySet();
  private final AtomicInteger names = new AtomicInteger();
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicInteger aside = new AtomicInteger();
  private final AtomicLong asideStackBytes = new AtomicLong();
  private final LongAdder yields = new LongAdder();
  private final LongAdder yieldsRefused = new LongAdder();

  /** Tells a worker to end. */
  private final TenantQueue end;

  /** Tells a worker to look at {@link #urgent}. */
  private final TenantQueue wake;

  private volatile boolean ending;

  /** Queues that wait for a permit of the level, and threads that wait for one and have no run. */
  private final class Level {
    private final Backstage place;
    private final FairRing ring = new FairRing(shares);
    private final ConcurrentLinkedDeque<Worker> spares = new ConcurrentLinkedDeque<>();
    private final AtomicInteger spareCount = new AtomicInteger();

    private Level(Backstage place) {
      this.place = place;
    }

    /** A thread without a permit and without a run. */
    private Worker spare() {
      Worker spare = spares.pollFirst();
      if (spare != null) {
        spareCount.decrementAndGet();
        return spare;
      }
      return new Worker(this);
    }

    /** Takes a thread in, if the spares are not enough. */
    private boolean keeps(Worker worker) {
      if (ending || spareCount.incrementAndGet() > MOST_SPARE) {
        spareCount.decrementAndGet();
        return false;
      }
      spares.addFirst(worker);
      return true;
    }

    private void dismissSpares() {
      for (Worker spare = spares.poll(); spare != null; spare = spares.poll()) {
        spareCount.decrementAndGet();
        spare.dismissed = true;
        LockSupport.unpark(spare.thread);
      }
    }
  }

  /**
   * @param marker makes queues that no tenant has
   */
  Workers(
      SchedulerConfig config,
      Execution execution,
      RunListener listener,
      Function<TenantId, TenantQueue> marker) {
    this.permits = config.workers();
    this.turnNanos = config.turnNanos();
    this.execution = execution;
    this.listener = listener;
    this.end = marker.apply(new TenantId("end"));
    this.wake = marker.apply(new TenantId("wake"));
  }

  void start() {
    for (int i = 0; i < permits; i++) {
      give(new Worker(front));
      give(new Worker(back));
    }
  }

  /** Puts a queue where it is waited for: into both rings, one or none. */
  void toRing(TenantQueue queue) {
    if (queue.entersFront()) {
      front.ring.add(queue);
    }
    if (queue.entersBack()) {
      back.ring.add(queue);
    }
  }

  // ── Aside ─────────────────────────────────────────────────────────────────────────────────

  /** A run that is aside: whose thread waits for a permit, and where it is queued. */
  final class Aside {
    private final Worker worker;
    private final TenantQueue queue;
    final long stackBytes;

    private Aside(Worker worker, TenantQueue queue, long stackBytes) {
      this.worker = worker;
      this.queue = queue;
      this.stackBytes = stackBytes;
    }

    /** Has the run go on soon, because it is to stop. Of no effect if it goes on already. */
    void hurry(RunTicket ticket) {
      if (queue.takeBack(ticket)) {
        urgent.add(ticket);
        back.ring.add(wake);
      }
    }
  }

  /** Counts one more as aside, unless that is too many. */
  private boolean reserve(long stackBytes, boolean hurried) {
    int count = aside.incrementAndGet();
    long bytes = asideStackBytes.addAndGet(stackBytes);
    // For one that is to stop, and leaves as this one comes, there is room.
    if (hurried || (count <= MOST_ASIDE && bytes <= MOST_ASIDE_STACK_BYTES)) {
      return true;
    }
    release(stackBytes);
    return false;
  }

  private void release(long stackBytes) {
    asideStackBytes.addAndGet(-stackBytes);
    aside.decrementAndGet();
  }

  private static void give(Worker worker) {
    worker.permit = true;
    LockSupport.unpark(worker.thread);
  }

  // ── Threads ───────────────────────────────────────────────────────────────────────────────

  /** A thread, and the run it has if it has one. */
  private final class Worker implements Runnable, SliceListener {
    private final Thread thread;
    private volatile boolean permit;
    private volatile boolean dismissed;
    private volatile @Nullable RunTicket ticket;

    /** The ticket's; of this thread only. */
    private @Nullable TenantQueue queue;

    /** This thread's processor time when the run's turn began; of this thread only. */
    private long turnBeganCpuNanos;

    /** Up to which processor time it has been counted as its tenant's; of this thread only. */
    private long countedCpuNanos;

    /** Never again in front once it is at the back; of this thread only. */
    private Level level;

    private Worker(Level level) {
      this.level = level;
      thread = new Thread(null, this, "skep-worker-" + names.getAndIncrement(), STACK_BYTES);
      thread.setDaemon(true);
      all.add(this);
      boolean started = false;
      try {
        thread.start();
        started = true;
      } finally {
        if (!started) {
          all.remove(this);
        }
      }
    }

    @Override
    public void run() {
      level.place.enter();
      beginTurn();
      try {
        while (awaitPermit() && executeAll() && level.keeps(this)) {
          // Until it is dismissed.
        }
      } finally {
        all.remove(this);
      }
    }

    /** Answers false if it has been dismissed. */
    private boolean awaitPermit() {
      while (!permit && !dismissed) {
        LockSupport.park(Workers.this);
        // Nobody interrupts workers; guests are stopped through their meters.
        var _ = Thread.interrupted();
      }
      boolean given = permit;
      permit = false;
      return given;
    }

    /** Executes runs until its permit is given to another, or, answering false, at the end. */
    @SuppressWarnings("ReferenceEquality") // markers
    private boolean executeAll() {
      while (true) {
        RunTicket stopping = level == back ? urgent.poll() : null;
        if (stopping != null) {
          resume(stopping);
          return true;
        }
        TenantQueue next;
        try {
          next = level.ring.take();
        } catch (InterruptedException e) {
          continue;
        }
        if (next == end) {
          if (level == front || aside.get() == 0) {
            return false;
          }
          // Who is aside needs this permit first.
          level.ring.add(end);
        } else if (level == front) {
          executeFrom(next);
        } else if (next != wake && resumeFrom(next)) {
          return true;
        }
      }
    }

    /** Begins what is next in a queue and executes it to its end, wherever that is. */
    private void executeFrom(TenantQueue next) {
      // Before the ticket leaves its queue, so that a drain never sees it in neither place.
      running.incrementAndGet();
      RunTicket first = next.begin();
      if (first != null) {
        toRing(next);
        queue = next;
        ticket = first;
        // What it had when the run before ended: one reading a run serves both.
        turnBeganCpuNanos = countedCpuNanos;
        execution.execute(next, first, this);
        count(next, System.nanoTime(), THREADS.getCurrentThreadCpuTime());
        ticket = null;
        queue = null;
        next.ended();
      }
      running.decrementAndGet();
      toRing(next);
    }

    /** Answers whether it has given its permit away. */
    private boolean resumeFrom(TenantQueue next) {
      RunTicket first = next.goOn();
      toRing(next);
      if (first == null) {
        return false;
      }
      resume(first);
      return true;
    }

    /** Gives this thread's permit to a run that is aside and has been taken out of its queue. */
    private void resume(RunTicket other) {
      Aside place = other.aside();
      if (place == null) {
        throw new IllegalStateException("the run " + other.request.id() + " is not aside");
      }
      release(place.stackBytes);
      give(place.worker);
    }

    @Override
    public long sliceEnded(int callDepth, long nowNanos) {
      RunTicket mine = ticket;
      TenantQueue home = queue;
      if (mine == null || home == null) {
        return 0;
      }
      if (mine.isCancelled()) {
        // An initialiser runs before its instance, and its meter, is known to the ticket.
        throw new LimitExceededException(
            LimitKind.CANCELLED, 0, "the run was cancelled because its caller went away");
      }
      long cpuNanos = THREADS.getCurrentThreadCpuTime();
      count(home, nowNanos, cpuNanos);
      boolean hurried = level == back && !urgent.isEmpty();
      if (!hurried && !isTurnOver(home, nowNanos, cpuNanos)) {
        return 0;
      }
      if (ending && !hurried && (level == front || aside.get() == 0)) {
        return 0; // The ring holds the end only.
      }
      long stackBytes = (long) callDepth * StoreLimits.STACK_BYTES_PER_CALL;
      if (!reserve(stackBytes, hurried)) {
        yieldsRefused.increment();
        turnBeganCpuNanos = cpuNanos;
        return 0;
      }
      Worker next;
      try {
        next = level.spare();
      } catch (OutOfMemoryError e) {
        // The system has no thread left, which says nothing of the heap.
        release(stackBytes);
        yieldsRefused.increment();
        turnBeganCpuNanos = cpuNanos;
        LOG.atWarn().setCause(e).log("no thread for a run's turn; it keeps its worker");
        return 0;
      }
      yields.increment();
      home.yields.increment();
      tell(home, true);
      Aside place = new Aside(this, home, stackBytes);
      mine.putAside(place);
      home.addAside(mine, place);
      toRing(home);
      give(next);
      if (level == front) {
        // Behind the gift: whoever waits in front is not to wait for this.
        level = back;
        level.place.enter();
      }
      if (mine.isCancelled()) {
        // It came too early to find the run aside.
        place.hurry(mine);
      }
      var _ = awaitPermit();
      mine.putAside(null);
      tell(home, false);
      beginTurn();
      return System.nanoTime() - nowNanos;
    }

    @Override
    public long waits(long nowNanos) {
      // Its turn is of no use to it.
      turnBeganCpuNanos = THREADS.getCurrentThreadCpuTime() - turnNanos;
      return sliceEnded(0, nowNanos);
    }

    /** Leaves out what the thread itself has had in between. */
    private void beginTurn() {
      countedCpuNanos = THREADS.getCurrentThreadCpuTime();
      turnBeganCpuNanos = countedCpuNanos;
    }

    /**
     * Whether the run is to give up its worker: its turn is over and others wait, or, at the back,
     * one of those waits who have had less than the average, and this run's tenant has had more. In
     * front it has its whole turn, or a tenant whose many short runs make up a large share would
     * see them put aside by each stranger.
     */
    private boolean isTurnOver(TenantQueue home, long nowNanos, long cpuNanos) {
      long hadNanos = cpuNanos - turnBeganCpuNanos;
      return (hadNanos >= turnNanos && !level.ring.isEmpty())
          || (level == back
              && hadNanos >= LEAST_TURN_NANOS
              && level.ring.hasFirst()
              && shares.isAboveAverage(home.worked, nowNanos));
    }

    private void count(TenantQueue home, long nowNanos, long cpuNanos) {
      shares.add(home.worked, cpuNanos - countedCpuNanos, nowNanos);
      countedCpuNanos = cpuNanos;
    }

    private void tell(TenantQueue home, boolean yielded) {
      try {
        if (yielded) {
          listener.yielded(home.tenant);
        } else {
          listener.resumed(home.tenant);
        }
      } catch (RuntimeException e) {
        LOG.atError().setCause(e).log("a listener failed");
      }
    }
  }

  // ── The end, and figures ──────────────────────────────────────────────────────────────────

  /** Asks the workers to end when nothing is aside any more. */
  void end() {
    ending = true;
    for (int i = 0; i < permits; i++) {
      front.ring.add(end);
      back.ring.add(end);
    }
  }

  /** Asks every run that has begun to stop. */
  void cancelAll() {
    for (Worker worker : all) {
      RunTicket ticket = worker.ticket;
      if (ticket != null) {
        ticket.cancel();
      }
    }
  }

  /**
   * Waits for all workers to end, for as long as {@code patience} in all, once {@link #end} has
   * been called.
   */
  void join(Duration patience) {
    long deadline = System.nanoTime() + patience.toNanos();
    for (Worker worker = any(); worker != null; worker = any()) {
      front.dismissSpares();
      back.dismissSpares();
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        LOG.atWarn().addKeyValue("workers", all.size()).log("workers are still running");
        return;
      }
      try {
        // In short steps: a spare may have become one behind the look above.
        if (worker.thread.getState() == Thread.State.NEW) {
          Thread.onSpinWait();
          continue;
        }
        var _ = worker.thread.join(Duration.ofNanos(Math.min(left, JOIN_STEP_NANOS)));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private @Nullable Worker any() {
    var workers = all.iterator();
    return workers.hasNext() ? workers.next() : null;
  }

  /** Runs that have begun and not ended. */
  int running() {
    return running.get();
  }

  /** Of those, the ones that are aside. */
  int aside() {
    return aside.get();
  }

  /** Bytes of stack that those are counted with. */
  long asideStackBytes() {
    return asideStackBytes.get();
  }

  /** Times that a run was put aside. */
  long yields() {
    return yields.sum();
  }

  /** Times that a run kept its worker because as many were aside as may. */
  long yieldsRefused() {
    return yieldsRefused.sum();
  }

  /** Threads, whatever they do. */
  int threads() {
    return all.size();
  }
}
