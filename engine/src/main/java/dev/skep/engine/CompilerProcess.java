package dev.skep.engine;

import dev.skep.engine.CompilerMessages.Answer;
import dev.skep.engine.CompilerMessages.Request;
import dev.skep.engine.CompilerMessages.Task;
import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.limits.ModuleBudgets;
import dev.skep.limits.ModuleLimits;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks and compiles untrusted modules in a JVM of its own, behind everything else of the machine.
 *
 * <p>What a validator and a compiler hold for a module is many times its bytes. In the node's heap
 * the collector copied it while everybody's run waited, and a module that brings the compiler down
 * would have brought the node down. The child's heap is its own and bounded; the node takes over
 * classes and figures.
 *
 * <p>The child is started ahead, and again by the next module if it has ended. What it was at is
 * asked again once. It ends by itself when the node ends, in whatever way.
 *
 * <p>Thread-safe.
 */
public final class CompilerProcess implements TierOneCompiler, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CompilerProcess.class);

  /**
   * Mebibytes of modules that the child has at once, begun ones counted: one of the largest, or as
   * many small ones. One more waits.
   */
  static final int MOST_MEBIBYTES = 16;

  /** How often a request is made: a child that ends may have been brought down by another's. */
  private static final int ATTEMPTS = 2;

  /**
   * How many times its budget of CPU time a request may take on the clock: the child has the least
   * share of a busy machine.
   */
  private static final int PATIENCE = 20;

  private static final long STOP_SECONDS = 5;

  private final long heapBytes;
  private final ModuleBudgets budgets = ModuleBudgets.DEFAULTS;
  private final Semaphore room = new Semaphore(MOST_MEBIBYTES, true);
  private final AtomicInteger numbers = new AtomicInteger();
  private final LongAdder started = new LongAdder();
  private final LongAdder lost = new LongAdder();

  /** CPU time of checks in children that are gone. */
  private final LongAdder checkedBefore = new LongAdder();

  private volatile @Nullable Child child;
  private boolean closed;

  /** The child has ended while a request was with it. */
  private static final class EndedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    EndedException(String message) {
      super(message);
    }
  }

  private CompilerProcess(long heapBytes) {
    this.heapBytes = heapBytes;
  }

  /**
   * Starts the child; it is ready as soon as a JVM is, and nobody waits for that here.
   *
   * @param heapBytes most heap of the child, 64 MiB or more
   */
  public static CompilerProcess start(long heapBytes) {
    if (heapBytes < 64L << 20) {
      throw new IllegalArgumentException("heapBytes is " + heapBytes + "; at least 64 MiB");
    }
    CompilerProcess process = new CompilerProcess(heapBytes);
    var _ = process.child();
    return process;
  }

  /** Throws if a node with such a configuration would judge modules otherwise than the child. */
  void mustServe(EngineConfig config) {
    if (!config.moduleLimits().equals(ModuleLimits.DEFAULTS)
        || !config.metering()
        || config.methodBytes() != EngineConfig.DEFAULTS.methodBytes()) {
      throw new IllegalArgumentException("the compiler's process has the default limits");
    }
  }

  // ── What is asked of it ───────────────────────────────────────────────────────────────────

  @Override
  public OversizedFunctions check(byte[] bytes) throws ModuleRefusedException {
    return CompilerMessages.oversized(
        ask(Task.CHECK, bytes, "checking", budgets.checkNanos(bytes.length)));
  }

  @Override
  public TierOneCode compile(byte[] bytes) throws ModuleRefusedException {
    return CompilerMessages.code(
        ask(Task.COMPILE, bytes, "compiling", budgets.compileNanos(bytes.length)));
  }

  private byte[] ask(Task task, byte[] bytes, String doing, long budgetNanos)
      throws ModuleRefusedException {
    int mebibytes = Math.clamp(((long) bytes.length + (1 << 20) - 1) >> 20, 1, MOST_MEBIBYTES);
    boolean acquired = false;
    try {
      room.acquire(mebibytes);
      acquired = true;
      for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        Child asked = child();
        Request request = new Request(numbers.incrementAndGet(), task, bytes);
        try {
          return content(asked.ask(request).get(PATIENCE * budgetNanos, TimeUnit.NANOSECONDS));
        } catch (ExecutionException e) {
          LOG.atWarn()
              .addKeyValue("task", task)
              .addKeyValue("module", CraneliftCompiler.digest(bytes))
              .log("the compiler's process ended while it had a module");
        } catch (TimeoutException e) {
          asked.end();
          throw new ModuleRefusedException(
              Reason.LIMIT,
              doing
                  + " the module did not end in "
                  + PATIENCE * budgetNanos / 1_000_000_000
                  + " s; make it smaller",
              e);
        } finally {
          asked.forget(request);
        }
      }
      throw new RejectedExecutionException(
          "the compiler's process ended twice while it was " + doing + " the module; try again");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RejectedExecutionException("interrupted while " + doing + " a module", e);
    } finally {
      if (acquired) {
        room.release(mebibytes);
      }
    }
  }

  private static byte[] content(Answer answer) throws ModuleRefusedException {
    return switch (answer.status()) {
      case DONE -> answer.content();
      case REFUSED -> throw CompilerMessages.refusal(answer.content());
      case BUSY -> throw new RejectedExecutionException(CompilerMessages.text(answer.content()));
      case FAILED ->
          throw new IllegalStateException(
              "the compiler failed: " + CompilerMessages.text(answer.content()));
    };
  }

  // ── The child ─────────────────────────────────────────────────────────────────────────────

  private synchronized Child child() {
    Child known = child;
    if (known != null && !known.ended.get()) {
      return known;
    }
    if (closed) {
      throw new RejectedExecutionException("the node is going down");
    }
    try {
      Child made = new Child(new ProcessBuilder(command()).redirectError(INHERIT).start());
      child = made;
      started.increment();
      return made;
    } catch (IOException e) {
      throw new RejectedExecutionException("the compiler's process does not start", e);
    }
  }

  private static final ProcessBuilder.Redirect INHERIT = ProcessBuilder.Redirect.INHERIT;

  private List<String> command() {
    return List.of(
        System.getProperty("java.home") + "/bin/java",
        "--enable-native-access=ALL-UNNAMED",
        // One thread that collects, and gives back what it no longer needs; nobody minds pauses.
        "-XX:+UseSerialGC",
        "-XX:MinHeapFreeRatio=10",
        "-XX:MaxHeapFreeRatio=30",
        "-Xmx" + heapBytes,
        "-XX:-UsePerfData",
        "-cp",
        System.getProperty("java.class.path"),
        CompilerProcessMain.class.getName());
  }

  /** One JVM and what is asked of it. */
  private final class Child {
    private final Process process;
    private final DataOutputStream out;
    private final Map<Integer, CompletableFuture<Answer>> asked = new ConcurrentHashMap<>();
    private final AtomicBoolean ended = new AtomicBoolean();
    private volatile long checkCpuNanos;

    Child(Process process) {
      this.process = process;
      this.out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), 1 << 16));
      Thread reader = new Thread(this::read, "skep-compiler-answers");
      reader.setDaemon(true);
      reader.start();
    }

    CompletableFuture<Answer> ask(Request request) {
      CompletableFuture<Answer> answer = new CompletableFuture<>();
      asked.put(request.number(), answer);
      try {
        synchronized (out) {
          CompilerMessages.send(out, request);
        }
      } catch (IOException e) {
        end();
      }
      // Whoever ends it looks at what is asked after it has said so.
      if (ended.get()) {
        failAll();
      }
      return answer;
    }

    void forget(Request request) {
      asked.remove(request.number());
    }

    private void read() {
      try (DataInputStream in =
          new DataInputStream(new BufferedInputStream(process.getInputStream(), 1 << 16))) {
        while (true) {
          Answer answer = CompilerMessages.readAnswer(in);
          checkCpuNanos = answer.checkCpuNanos();
          CompletableFuture<Answer> waiting = asked.remove(answer.number());
          if (waiting != null) {
            waiting.complete(answer);
          }
        }
      } catch (IOException | RuntimeException e) {
        end();
      } finally {
        checkedBefore.add(checkCpuNanos);
        checkCpuNanos = 0;
      }
    }

    /** Idempotent. */
    void end() {
      if (ended.compareAndSet(false, true) && !isClosed()) {
        lost.increment();
        LOG.atWarn().addKeyValue("asked", asked.size()).log("the compiler's process has ended");
      }
      process.destroyForcibly();
      failAll();
    }

    private void failAll() {
      EndedException why = new EndedException("the compiler's process has ended");
      for (CompletableFuture<Answer> each : asked.values()) {
        each.completeExceptionally(why);
      }
    }
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  // ── Figures ───────────────────────────────────────────────────────────────────────────────

  @Override
  public long checkCpuNanos() {
    Child known = child;
    return checkedBefore.sum() + (known == null ? 0 : known.checkCpuNanos);
  }

  /** Figures since start. */
  public CompilerProcessStats stats() {
    Child known = child;
    return new CompilerProcessStats(
        started.sum(), lost.sum(), known == null || known.ended.get() ? 0 : known.process.pid());
  }

  /** The child's process id. */
  long pid() {
    return child().process.pid();
  }

  /** Requests that the child has now. */
  int underWay() {
    Child known = child;
    return known == null ? 0 : known.asked.size();
  }

  /** Ends the child; who waits for it is told. Waits some seconds at most. Idempotent. */
  @Override
  public void close() {
    Child last;
    synchronized (this) {
      closed = true;
      last = child;
    }
    if (last == null) {
      return;
    }
    last.end();
    try {
      if (!last.process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        LOG.atWarn().log("the compiler's process has not ended yet");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
