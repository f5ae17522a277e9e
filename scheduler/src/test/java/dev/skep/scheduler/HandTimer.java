package dev.skep.scheduler;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A timer of which every tick is the test's. */
final class HandTimer implements NativeTimer {
  /** Something that is to be done later. */
  record Later(Duration delay, Runnable task) {}

  private final LinkedBlockingQueue<Later> once = new LinkedBlockingQueue<>();
  private final List<Later> again = new CopyOnWriteArrayList<>();

  @Override
  public void after(Duration delay, Runnable task) {
    once.add(new Later(delay, task));
  }

  @Override
  public void every(Duration period, Runnable task) {
    again.add(new Later(period, task));
  }

  @Override
  public void close() {}

  /** Waits until something is to be done later, and says what. */
  Later next() throws InterruptedException {
    Later next = once.poll(60, TimeUnit.SECONDS);
    if (next == null) {
      throw new AssertionError("nothing was to be done later");
    }
    return next;
  }

  /** What is to be done later, if anything. */
  @Nullable Later poll() {
    return once.poll();
  }

  /** Does what is done with this period. */
  void tick(Duration period) {
    for (Later each : again) {
      if (each.delay.equals(period)) {
        each.task.run();
      }
    }
  }
}
