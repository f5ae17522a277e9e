package dev.skep.storage;

import dev.skep.scheduler.Receipt;
import java.util.List;

/** Where the spool ships its receipts to: the {@link Ledger}, or a test's stand-in. */
@FunctionalInterface
public interface ReceiptSink {

  /**
   * Inserts those receipts that are not there yet, all or none. May block. Called again with the
   * same receipts after an exception, and after a crash at any moment.
   *
   * @param receipts at least one
   * @return how many were new
   * @throws RuntimeException if none was inserted, or if that is unknown
   */
  int insertAll(List<Receipt> receipts);
}
