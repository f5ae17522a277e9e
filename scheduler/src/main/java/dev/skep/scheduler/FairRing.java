package dev.skep.scheduler;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;

/**
 * The queues that have something to run, those first whose tenants have had less of the workers'
 * time than the average. Within each half they take turns.
 *
 * <p>Turns alone would give each tenant one run a round, however short its runs are and however
 * long the others': who asks for little, and often, would wait for all that ask for much. This way
 * it goes first until it has had as much as they. Nobody starves: who is passed over has less and
 * less, until it is below the average itself.
 *
 * <p>Thread-safe. Unbounded, but a queue is in it at most once.
 */
final class FairRing {
  private final WorkShares shares;
  private final ConcurrentLinkedQueue<TenantQueue> first = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<TenantQueue> second = new ConcurrentLinkedQueue<>();

  /** Entries that nobody has come for. INVARIANT: released behind the entry, so it is there. */
  private final Semaphore entries = new Semaphore(0);

  FairRing(WorkShares shares) {
    this.shares = shares;
  }

  void add(TenantQueue queue) {
    boolean above = shares.isAboveAverage(queue.worked, System.nanoTime());
    (above ? second : first).add(queue);
    entries.release();
  }

  /** The next queue; waits for one. */
  TenantQueue take() throws InterruptedException {
    entries.acquire();
    while (true) {
      TenantQueue queue = first.poll();
      if (queue == null) {
        queue = second.poll();
      }
      if (queue != null) {
        return queue;
      }
      Thread.onSpinWait();
    }
  }

  boolean isEmpty() {
    return first.isEmpty() && second.isEmpty();
  }

  /** Whether somebody waits who has had less than the average. */
  boolean hasFirst() {
    return !first.isEmpty();
  }
}
