package dev.skep.scheduler;

import java.time.Duration;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Does things later, one at a time; tests have one of their own, that goes by hand. */
interface NativeTimer extends AutoCloseable {
  /** Once. */
  void after(Duration delay, Runnable task);

  /** Again and again. */
  void every(Duration period, Runnable task);

  /** Does nothing any more. */
  @Override
  void close();

  /** By the clock, on a thread of its own. Tasks must not throw. */
  static NativeTimer start() {
    ScheduledThreadPoolExecutor executor =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("skep-native-timer").factory());
    // What comes in beside the close is not done either.
    executor.setRejectedExecutionHandler(new ThreadPoolExecutor.DiscardPolicy());
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    return new NativeTimer() {
      @Override
      public void after(Duration delay, Runnable task) {
        var _ = executor.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
      }

      @Override
      public void every(Duration period, Runnable task) {
        var _ =
            executor.scheduleWithFixedDelay(
                task, period.toNanos(), period.toNanos(), TimeUnit.NANOSECONDS);
      }

      @Override
      public void close() {
        executor.shutdownNow();
      }
    };
  }
}
