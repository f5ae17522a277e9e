package dev.skep.scheduler;

import org.jspecify.annotations.Nullable;

/** Where receipts go: durable at once, in the ledger soon after, exactly once. Thread-safe. */
public interface ReceiptLog {

  /**
   * Appends a receipt. Does not block on a disk.
   *
   * @param receipt of a run that has ended
   * @param done called once, on a thread of the log's own, when the receipt would survive the loss
   *     of this process, or with the failure; must be quick and must not throw
   */
  void append(Receipt receipt, Done done);

  /** Receives the end of an append. */
  @FunctionalInterface
  interface Done {
    /**
     * @param failure null when the receipt is durable
     */
    void appended(@Nullable Throwable failure);
  }
}
