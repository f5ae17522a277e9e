package dev.skep.engine;

import java.util.concurrent.atomic.AtomicLong;

/** Heap that the scratch trees of all runs on the node may take together. Thread-safe. */
final class ScratchBudget {
  private final long limitBytes;
  private final AtomicLong usedBytes = new AtomicLong();

  ScratchBudget(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** Takes bytes, if that many are left; whether they were. */
  boolean take(long bytes) {
    long used = usedBytes.get();
    while (bytes <= limitBytes - used) {
      if (usedBytes.compareAndSet(used, used + bytes)) {
        return true;
      }
      used = usedBytes.get();
    }
    return false;
  }

  void give(long bytes) {
    usedBytes.addAndGet(-bytes);
  }

  long usedBytes() {
    return usedBytes.get();
  }
}
