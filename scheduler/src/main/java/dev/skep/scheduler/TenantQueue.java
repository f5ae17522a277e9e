package dev.skep.scheduler;

import dev.skep.limits.TenantLimits;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * One tenant's runs that wait, and what it has done on this node. Thread-safe, and lock-free but
 * for a change of its share.
 *
 * <p>A queue is in the scheduler's ring at most once ({@code inRing}), and only while it has
 * something to run and may run it; so a turn of the ring gives every such tenant one run.
 */
final class TenantQueue {
  final TenantId tenant;
  final WarmSlots.Holder slots;
  final AppliedShare share;
  final LongAdder refused = new LongAdder();
  final LongAdder runs = new LongAdder();
  final LongAdder failed = new LongAdder();
  final LongAdder fuel = new LongAdder();
  final LongAdder nanoDollars = new LongAdder();
  private final ConcurrentLinkedQueue<RunTicket> waiting = new ConcurrentLinkedQueue<>();
  private final AtomicInteger queued = new AtomicInteger();
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicBoolean inRing = new AtomicBoolean();
  private volatile TenantLimits limits = TenantLimits.DEFAULTS;

  TenantQueue(TenantId tenant, WarmSlots.Holder slots) {
    this.tenant = tenant;
    this.slots = slots;
    this.share = new AppliedShare(tenant, slots.owner());
  }

  /** Holds the tenant to these limits from now on. */
  void limits(TenantLimits value, long nowNanos) {
    limits = value;
    share.apply(value.share(), nowNanos);
  }

  /** Takes a ticket in, unless as many wait as may. */
  boolean offer(RunTicket ticket) {
    limits(ticket.request.tenantLimits(), ticket.queuedNanos);
    if (queued.incrementAndGet()
        > limits.queueDepth() + Math.max(0, limits.concurrency() - running.get())) {
      queued.decrementAndGet();
      return false;
    }
    waiting.add(ticket);
    return true;
  }

  /** Whether the caller must put this queue into the ring. */
  boolean entersRing() {
    return queued.get() > 0
        && running.get() < limits.concurrency()
        && inRing.compareAndSet(false, true);
  }

  /**
   * The next ticket, counted as running, once the queue has been taken out of the ring; null if
   * there is none or no more may run. The caller must look at {@link #entersRing} again.
   */
  @Nullable RunTicket next() {
    // Looked at again, because entering is a look and then a step: a queue can enter just as its
    // last place is taken. Only who holds its place in the ring comes here, so this look is exact.
    RunTicket ticket = running.get() < limits.concurrency() ? waiting.poll() : null;
    if (ticket != null) {
      running.incrementAndGet();
      queued.decrementAndGet();
    }
    inRing.set(false);
    return ticket;
  }

  /** Takes a ticket out that is not to run. */
  @Nullable RunTicket abandon() {
    RunTicket ticket = waiting.poll();
    if (ticket != null) {
      queued.decrementAndGet();
    }
    return ticket;
  }

  void ended() {
    running.decrementAndGet();
  }

  int queued() {
    return queued.get();
  }

  int running() {
    return running.get();
  }
}
