package dev.skep.engine;

import java.util.concurrent.atomic.AtomicLong;

/**
 * What of a node's scratch space the runs of one tenant take together, so that it can be held to
 * its part. One for each tenant, for as long as it may have runs. Thread-safe.
 */
public final class ScratchAccount {
  private final AtomicLong usedBytes = new AtomicLong();

  /** Heap that the tenant's runs take now, in bytes. */
  public long usedBytes() {
    return usedBytes.get();
  }

  /** Takes bytes, if no more than {@code limitBytes} are taken then; whether they were. */
  boolean take(long bytes, long limitBytes) {
    return ScratchBudget.take(usedBytes, bytes, limitBytes);
  }

  void give(long bytes) {
    usedBytes.addAndGet(-bytes);
  }
}
