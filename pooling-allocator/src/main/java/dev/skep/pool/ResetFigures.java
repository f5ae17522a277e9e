package dev.skep.pool;

import java.util.concurrent.atomic.LongAdder;

/** Counts resets by kind, and what they cost. Thread-safe. */
final class ResetFigures {
  final LongAdder unchanged = new LongAdder();
  final LongAdder scanned = new LongAdder();
  final LongAdder failed = new LongAdder();
  final LongAdder nanos = new LongAdder();
  final LongAdder discardedBytes = new LongAdder();
  final LongAdder audits = new LongAdder();
  final LongAdder auditFailures = new LongAdder();

  ResetStats stats() {
    return new ResetStats(
        unchanged.sum(),
        scanned.sum(),
        failed.sum(),
        nanos.sum(),
        discardedBytes.sum(),
        audits.sum(),
        auditFailures.sum());
  }
}
