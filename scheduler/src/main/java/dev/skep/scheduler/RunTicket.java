package dev.skep.scheduler;

import dev.skep.engine.GuestInstance;
import org.jspecify.annotations.Nullable;

/** An admitted run: its request, and a hand on it for whoever loses patience. Thread-safe. */
public final class RunTicket {
  final RunRequest request;
  final RunCallback callback;
  final long queuedNanos;

  /** Whether the run has been settled; of the worker's thread only. */
  boolean settled;

  private volatile boolean cancelled;
  private volatile @Nullable Running running;
  private volatile Workers.@Nullable Aside aside;

  private record Running(GuestInstance instance, long number) {}

  RunTicket(RunRequest request, RunCallback callback, long queuedNanos) {
    this.request = request;
    this.callback = callback;
    this.queuedNanos = queuedNanos;
  }

  /** Asks the run to stop as soon as it can. What it has used until then is billed. */
  public void cancel() {
    cancelled = true;
    Running now = running;
    if (now != null) {
      now.instance.cancel(now.number);
    }
    Workers.Aside place = aside;
    if (place != null) {
      place.hurry(this);
    }
  }

  boolean isCancelled() {
    return cancelled;
  }

  /** Where the run waits for its next turn, or null while it has a worker. */
  Workers.@Nullable Aside aside() {
    return aside;
  }

  void putAside(Workers.@Nullable Aside place) {
    aside = place;
  }

  /** Ties the ticket to the instance that is about to run it. */
  void starts(GuestInstance instance) {
    Running now = new Running(instance, instance.upcomingRun());
    running = now;
    // A cancel that came before has not seen the instance.
    if (cancelled) {
      now.instance.cancel(now.number);
    }
  }

  void ended() {
    running = null;
  }
}
