package dev.skep.scheduler;

import dev.skep.engine.ScratchAccount;
import dev.skep.limits.TenantLimits;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * One tenant's runs that wait, to begin or for their next turn, and what it has done on this node.
 * Thread-safe, and lock-free but for a change of its share.
 *
 * <p>A queue is at most once in each of the scheduler's rings: in front while it has a run that may
 * begin, at the back while it has one aside. So a turn of a ring gives every such tenant one run.
 */
final class TenantQueue {
  final TenantId tenant;
  final WarmSlots.Holder slots;
  final AppliedShare share;

  /** What its runs take of the node's scratch space. */
  final ScratchAccount scratch = new ScratchAccount();

  final LongAdder refused = new LongAdder();
  final LongAdder runs = new LongAdder();
  final LongAdder failed = new LongAdder();
  final LongAdder fuel = new LongAdder();
  final LongAdder nanoDollars = new LongAdder();
  final LongAdder yields = new LongAdder();

  /** Of the workers' time, lately. */
  final WorkShares.Share worked = new WorkShares.Share();

  private final ConcurrentLinkedQueue<RunTicket> waiting = new ConcurrentLinkedQueue<>();
  private final AtomicInteger queued = new AtomicInteger();
  private final AtomicInteger running = new AtomicInteger();

  /** Runs that have begun and are aside, the next first; they count as running. */
  private final ConcurrentLinkedDeque<RunTicket> aside = new ConcurrentLinkedDeque<>();

  private final AtomicInteger asideCount = new AtomicInteger();
  private final AtomicLong asideStackBytes = new AtomicLong();

  private final AtomicBoolean inFront = new AtomicBoolean();
  private final AtomicBoolean inBack = new AtomicBoolean();
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

  /** Whether the caller must put this queue into the ring in front. */
  boolean entersFront() {
    return queued.get() > 0 && mayBegin() && inFront.compareAndSet(false, true);
  }

  /** Whether the caller must put this queue into the ring at the back. */
  boolean entersBack() {
    return asideCount.get() > 0 && inBack.compareAndSet(false, true);
  }

  /** Whether one more run may begin. */
  private boolean mayBegin() {
    // A tenant that has this much aside already could leave no room for others'.
    return running.get() < limits.concurrency()
        && asideCount.get() < Workers.MOST_ASIDE / Workers.TENANT_PART
        && !hasItsStack();
  }

  /** Whether its runs aside have as much stack as one tenant's may. */
  private boolean hasItsStack() {
    return asideStackBytes.get() >= Workers.MOST_ASIDE_STACK_BYTES / Workers.TENANT_PART;
  }

  /**
   * The next ticket to begin, counted as running, once the queue has been taken out of the ring in
   * front; null if there is none or no more may run. The caller must look at {@link #entersFront}
   * again.
   */
  @Nullable RunTicket begin() {
    // Looked at again, because entering is a look and then a step: a queue can enter just as its
    // last place is taken. Only who holds its place in the ring comes here, so this look is exact.
    RunTicket ticket = mayBegin() ? waiting.poll() : null;
    if (ticket != null) {
      running.incrementAndGet();
      queued.decrementAndGet();
    }
    inFront.set(false);
    return ticket;
  }

  /**
   * The next ticket of those aside, once the queue has been taken out of the ring at the back; null
   * if there is none. The caller must look at {@link #entersBack} again.
   */
  @Nullable RunTicket goOn() {
    RunTicket ticket = aside.poll();
    if (ticket != null) {
      countOff(ticket.aside());
    }
    inBack.set(false);
    return ticket;
  }

  /**
   * Takes in a run that has given up its worker.
   *
   * <p>Runs begin while all are shallow, and only a run that executes gets deeper. So beyond the
   * tenant's part of the stack the same run goes on until it ends, and the others stay as they are:
   * the tenant has its part at most, and one stack more for each of its runs that executed then.
   */
  void addAside(RunTicket ticket, Workers.Aside place) {
    asideStackBytes.addAndGet(place.stackBytes);
    // Counted first, so that the count is never less than what is there.
    asideCount.incrementAndGet();
    if (hasItsStack()) {
      aside.addFirst(ticket);
    } else {
      aside.addLast(ticket);
    }
  }

  /** Takes out a run that is aside; answers whether it still was. */
  boolean takeBack(RunTicket ticket) {
    boolean found = aside.remove(ticket);
    if (found) {
      countOff(ticket.aside());
    }
    return found;
  }

  private void countOff(Workers.@Nullable Aside place) {
    asideCount.decrementAndGet();
    if (place != null) {
      asideStackBytes.addAndGet(-place.stackBytes);
    }
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

  /** Of those running, the ones that wait for their next turn. */
  int aside() {
    return asideCount.get();
  }
}
