package dev.skep.scheduler;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Modules that wait to be compiled: a queue for each tenant, and a turn for each tenant in turn.
 *
 * <p>So a tenant that uploads a hundred modules delays another's single one by one compile at most,
 * besides the one under way. Bounded by tenant and in all. Thread-safe; {@link #take} blocks, the
 * rest holds a lock for a moment.
 *
 * @param <T> what is to be done
 */
final class CompileQueue<T> {
  /** How an offer ended. */
  enum Offer {
    /** It waits for its turn. */
    QUEUED,
    /** The tenant has as many waiting as it may. */
    TENANT_FULL,
    /** The node has. */
    FULL,
    /** Nothing is taken in any more. */
    CLOSED
  }

  private final int capacity;
  private final int tenantCapacity;
  private final Predicate<T> wanted;

  /** The tenants that have something waiting, and what; guarded by this queue. */
  private final Map<TenantId, ArrayDeque<T>> waiting = new HashMap<>();

  /** The same tenants, in the order of their turns; guarded by this queue. */
  private final ArrayDeque<TenantId> ring = new ArrayDeque<>();

  private int size;
  private boolean closed;

  /**
   * @param wanted whether a task is still to be done when its turn comes; if not it costs no turn
   */
  CompileQueue(int capacity, int tenantCapacity, Predicate<T> wanted) {
    this.wanted = wanted;
    this.capacity = capacity;
    this.tenantCapacity = tenantCapacity;
  }

  synchronized Offer offer(TenantId tenant, T task) {
    if (closed) {
      return Offer.CLOSED;
    }
    ArrayDeque<T> own = waiting.get(tenant);
    if (own != null && own.size() >= tenantCapacity) {
      return Offer.TENANT_FULL;
    }
    if (size >= capacity) {
      return Offer.FULL;
    }
    if (own == null) {
      own = new ArrayDeque<>();
      waiting.put(tenant, own);
      ring.addLast(tenant);
    }
    own.addLast(task);
    size++;
    // Whoever waits takes any: a second thread would only find that there is nothing more.
    notify();
    return Offer.QUEUED;
  }

  /**
   * The next task, waited for.
   *
   * @return null when the queue has been closed; what waits then is never taken
   */
  synchronized @Nullable T take() throws InterruptedException {
    while (true) {
      while (size == 0 && !closed) {
        wait();
      }
      TenantId tenant = closed ? null : ring.pollFirst();
      ArrayDeque<T> own = tenant == null ? null : waiting.get(tenant);
      if (tenant == null || own == null) {
        return null;
      }
      T task = next(own);
      if (own.isEmpty()) {
        waiting.remove(tenant);
      } else {
        ring.addLast(tenant);
      }
      if (task != null) {
        return task;
      }
    }
  }

  private @Nullable T next(ArrayDeque<T> own) {
    for (T task = own.pollFirst(); task != null; task = own.pollFirst()) {
      size--;
      if (wanted.test(task)) {
        return task;
      }
    }
    return null;
  }

  /** Ends it; whoever waits in {@link #take} gets null. */
  synchronized void close() {
    closed = true;
    notifyAll();
  }

  /** Tasks that wait. */
  synchronized int size() {
    return size;
  }
}
