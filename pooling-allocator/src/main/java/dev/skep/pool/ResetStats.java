package dev.skep.pool;

/**
 * What resets came to since start.
 *
 * @param unchanged resets that restored the pages known from the reset before, because none other
 *     can have been written
 * @param scanned resets that had to find out, or that restored or discarded all
 * @param failed resets that the kernel refused or the audit found wrong; their slots are retired
 * @param nanos time that all of them took
 * @param discardedBytes address space given back by them
 * @param audits resets that were read back
 * @param auditFailures of those, how many did not hold their image
 */
public record ResetStats(
    long unchanged,
    long scanned,
    long failed,
    long nanos,
    long discardedBytes,
    long audits,
    long auditFailures) {

  /** All that succeeded. */
  public long total() {
    return unchanged + scanned;
  }
}
