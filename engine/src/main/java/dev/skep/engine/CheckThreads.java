package dev.skep.engine;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.pool.Backstage;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;

/**
 * Threads that uploads are checked on, each with a budget of CPU time.
 *
 * <p>The limits of a module bound what the engine's parser and validator can take; this is for what
 * we do not know of them. They cannot be interrupted: the parser reads all bytes first, and the
 * validator asks nobody. So a check that is past its budget is answered with a refusal, and its
 * thread goes on beside; it is one of few, and no other takes its place until it ends.
 *
 * <p>Thread-safe. {@link #run} blocks.
 */
final class CheckThreads {
  /** Checks under way, those included that nobody waits for any more. */
  static final int MOST = 4;

  /** How long a check waits for one of the threads. */
  private static final long PATIENCE_SECONDS = 30;

  /** How often the clock of a long check is looked at. */
  private static final long POLL_MILLIS = 50;

  /** The parser and validator recurse little, but the default is the JVM's to choose. */
  private static final long STACK_BYTES = 8L << 20;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final LongAdder cpuNanos = new LongAdder();
  private final Semaphore free = new Semaphore(MOST);

  /**
   * A thread that has just released its permit may not be idle yet, and not for long where
   * processors are short; what the permit was for then waits here.
   */
  private final ThreadPoolExecutor executor =
      new ThreadPoolExecutor(
          MOST,
          MOST,
          1,
          TimeUnit.SECONDS,
          new ArrayBlockingQueue<>(MOST),
          task -> {
            Runnable behind =
                () -> {
                  Backstage.CHECKS.enter();
                  task.run();
                };
            Thread thread = new Thread(null, behind, "skep-check", STACK_BYTES);
            thread.setDaemon(true);
            return thread;
          });

  CheckThreads() {
    executor.allowCoreThreadTimeOut(true);
  }

  /** A task that says how much CPU time it has used. */
  private final class Check<T> implements Callable<T> {
    private final Callable<T> task;
    private volatile long thread = -1;
    private volatile long startNanos;

    Check(Callable<T> task) {
      this.task = task;
    }

    @Override
    public T call() throws Exception {
      startNanos = cpuNanosOfThisThread();
      thread = Thread.currentThread().threadId();
      try {
        return task.call();
      } finally {
        cpuNanos.add(cpuNanosOfThisThread() - startNanos);
      }
    }

    long usedNanos() {
      long id = thread;
      return id < 0 ? 0 : THREADS.getThreadCpuTime(id) - startNanos;
    }
  }

  static long cpuNanosOfThisThread() {
    return THREADS.getCurrentThreadCpuTime();
  }

  /** CPU time of all checks that have ended, in nanoseconds. */
  long cpuNanos() {
    return cpuNanos.sum();
  }

  /**
   * Runs a check on a thread of its own.
   *
   * @param cpuNanos most CPU time that is waited for
   * @throws ModuleRefusedException if the check refuses the module, or its budget is used up
   * @throws RejectedExecutionException if all threads are busy for too long
   */
  <T> T run(Callable<T> task, long cpuNanos) throws ModuleRefusedException {
    Check<T> check = new Check<>(task);
    FutureTask<T> future = new FutureTask<>(check);
    try {
      if (!free.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new RejectedExecutionException(
            "all " + MOST + " threads that check uploads are busy; try again soon");
      }
      start(future);
      while (true) {
        try {
          return future.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          if (check.usedNanos() > cpuNanos) {
            throw new ModuleRefusedException(
                Reason.LIMIT,
                "checking the module took more than "
                    + cpuNanos / 1_000_000
                    + " ms of CPU time, as much as a module of its size may take; make it smaller",
                e);
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RejectedExecutionException("interrupted while a module was checked", e);
    } catch (ExecutionException e) {
      throw rethrown(Objects.requireNonNull(e.getCause()));
    }
  }

  private void start(Runnable future) {
    boolean started = false;
    try {
      executor.execute(() -> {
        try {
          future.run();
        } finally {
          free.release();
        }
      });
      started = true;
    } finally {
      if (!started) {
        free.release();
      }
    }
  }

  private static RuntimeException rethrown(Throwable cause) throws ModuleRefusedException {
    switch (cause) {
      case ModuleRefusedException refused -> throw refused;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(cause);
    }
  }
}
