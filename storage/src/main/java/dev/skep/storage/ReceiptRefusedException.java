package dev.skep.storage;

import org.jspecify.annotations.Nullable;

/** A receipt was not made durable. What an append's {@code Done} receives; never thrown. */
public final class ReceiptRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Why. */
  public enum Reason {
    /** More receipts wait for the disk than may: it is slower than the runs. */
    QUEUE_FULL,
    /** The spool holds as many bytes as it may: the database has been away for long. */
    SPOOL_FULL,
    /** The disk refused; the cause says how. */
    WRITE_FAILED,
    /** A field is outside what the ledger can hold: a bug of the caller's. */
    INVALID,
    /** The spool is closed. */
    CLOSED
  }

  private final Reason reason;

  ReceiptRefusedException(Reason reason, String message, @Nullable Throwable cause) {
    // Under overload many are made, and their stack says only that append was called.
    super(message, cause, false, false);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
