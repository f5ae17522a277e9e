package dev.skep.scheduler;

import dev.skep.engine.RunReport;
import org.jspecify.annotations.Nullable;

/**
 * Learns how a run ended: exactly one of the methods is called, once, on a thread of the scheduler
 * or of the receipt log. Must be quick and must not throw.
 */
public interface RunCallback {

  /**
   * The guest has run and its receipt is durable.
   *
   * @param report what it did and used
   * @param receipt what it costs
   * @param receiptFailure null; or why the receipt could not be made durable, in which case the
   *     answer must not be given
   */
  void ended(RunReport report, Receipt receipt, @Nullable Throwable receiptFailure);

  /** The guest has not run after all. */
  void refused(Refusal refusal);
}
