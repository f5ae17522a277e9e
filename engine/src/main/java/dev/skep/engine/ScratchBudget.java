package dev.skep.engine;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * Heap that the scratch trees of all runs on the node may take together, and those of one tenant:
 * so a tenant that has taken its part does not keep another from writing. Thread-safe.
 *
 * <p>INVARIANT: what is taken of the node is the sum of what is taken of the accounts, but for
 * those that are taking or giving at the moment, whose account has more. So neither bound is ever
 * passed; a tenant whose runs take at the same time may be refused a block too early by one that is
 * refused by the node.
 */
final class ScratchBudget {
  private final long limitBytes;
  private final long tenantLimitBytes;
  private final AtomicLong usedBytes = new AtomicLong();
  private final LongAdder refusedOfTenant = new LongAdder();
  private final LongAdder refusedInAll = new LongAdder();

  /**
   * @param limitBytes of all runs, 0 or more
   * @param tenantLimitBytes of the runs of one account, 0 or more
   */
  ScratchBudget(long limitBytes, long tenantLimitBytes) {
    this.limitBytes = limitBytes;
    this.tenantLimitBytes = tenantLimitBytes;
  }

  /** Takes bytes for a tenant, if that many are left to it and in all; whether they were. */
  boolean take(ScratchAccount tenant, long bytes) {
    if (!tenant.take(bytes, tenantLimitBytes)) {
      refusedOfTenant.increment();
      return false;
    }
    if (!take(usedBytes, bytes, limitBytes)) {
      tenant.give(bytes);
      refusedInAll.increment();
      return false;
    }
    return true;
  }

  static boolean take(AtomicLong usedBytes, long bytes, long limitBytes) {
    long used = usedBytes.get();
    while (bytes <= limitBytes - used) {
      if (usedBytes.compareAndSet(used, used + bytes)) {
        return true;
      }
      used = usedBytes.get();
    }
    return false;
  }

  /** Gives back what was taken. */
  void give(ScratchAccount tenant, long bytes) {
    usedBytes.addAndGet(-bytes);
    tenant.give(bytes);
  }

  long usedBytes() {
    return usedBytes.get();
  }

  ScratchStats stats() {
    return new ScratchStats(usedBytes.get(), refusedOfTenant.sum(), refusedInAll.sum());
  }
}
