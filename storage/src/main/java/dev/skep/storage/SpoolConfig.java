package dev.skep.storage;

import java.nio.file.Path;
import java.time.Duration;

/**
 * Bounds of a {@link ReceiptSpool}. Immutable.
 *
 * @param directory of the segments; the spool's own, created if missing
 * @param maxQueued most receipts waiting for the disk, 1 to 1,048,576
 * @param segmentBytes size at which a segment is sealed, 64 KiB to 1 GiB
 * @param maxBytes most bytes of all segments, at least two segments' worth; on disk the last one
 *     has up to 1 MiB of zeroes more, written ahead
 * @param shipBatch most receipts of one insert into the ledger, 1 to 10,000
 * @param shipPause after an insert of fewer than those, 0 to 1 min: under steady load the ledger
 *     gets few large inserts and not many small ones, and a lone receipt does not wait
 * @param retryMin pause after the first failed insert, positive; it doubles with each further one
 * @param retryMax longest such pause, not shorter than the first
 * @param drainTimeout how long closing waits for the ledger, 0 to 5 min; what is left is replayed
 *     at the next start
 */
public record SpoolConfig(
    Path directory,
    int maxQueued,
    long segmentBytes,
    long maxBytes,
    int shipBatch,
    Duration shipPause,
    Duration retryMin,
    Duration retryMax,
    Duration drainTimeout) {

  public SpoolConfig {
    check("maxQueued", maxQueued, 1, 1 << 20);
    check("segmentBytes", segmentBytes, 64 << 10, 1 << 30);
    check("maxBytes", maxBytes, 2 * segmentBytes, Long.MAX_VALUE);
    check("shipBatch", shipBatch, 1, 10_000);
    check("shipPause", shipPause.toMillis(), 0, 60_000);
    check("retryMin", retryMin.toNanos(), 1, Long.MAX_VALUE);
    check("retryMax", retryMax.toNanos(), retryMin.toNanos(), Long.MAX_VALUE);
    check("drainTimeout", drainTimeout.toMillis(), 0, 300_000);
  }

  /** The one place of the defaults. */
  public static SpoolConfig of(Path directory) {
    return new SpoolConfig(
        directory,
        // A disk that stalls for a second under the highest rate of runs seen; some 20 MB of heap.
        65_536,
        // Some 60,000 receipts: seconds under load, and quickly read again after a crash.
        8L << 20,
        // Some eight million receipts: half an hour without a database at 5,000 runs a second.
        1L << 30,
        // Some 15 ms of PostgreSQL's time each, 37,000 receipts a second; twice as many gain a
        // tenth.
        500,
        // A few inserts a second instead of hundreds, and nobody looks at usage more often.
        Duration.ofMillis(200),
        Duration.ofMillis(50),
        Duration.ofSeconds(5),
        Duration.ofSeconds(10));
  }

  private static void check(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + min + " to " + max);
    }
  }

  public SpoolConfig withMaxQueued(int value) {
    return new SpoolConfig(
        directory,
        value,
        segmentBytes,
        maxBytes,
        shipBatch,
        shipPause,
        retryMin,
        retryMax,
        drainTimeout);
  }

  /** Both, because one bounds the other. */
  public SpoolConfig withBytes(long newSegmentBytes, long newMaxBytes) {
    return new SpoolConfig(
        directory,
        maxQueued,
        newSegmentBytes,
        newMaxBytes,
        shipBatch,
        shipPause,
        retryMin,
        retryMax,
        drainTimeout);
  }

  public SpoolConfig withShipBatch(int value) {
    return new SpoolConfig(
        directory,
        maxQueued,
        segmentBytes,
        maxBytes,
        value,
        shipPause,
        retryMin,
        retryMax,
        drainTimeout);
  }

  public SpoolConfig withShipPause(Duration value) {
    return new SpoolConfig(
        directory,
        maxQueued,
        segmentBytes,
        maxBytes,
        shipBatch,
        value,
        retryMin,
        retryMax,
        drainTimeout);
  }

  public SpoolConfig withRetry(Duration min, Duration max) {
    return new SpoolConfig(
        directory, maxQueued, segmentBytes, maxBytes, shipBatch, shipPause, min, max, drainTimeout);
  }

  public SpoolConfig withDrainTimeout(Duration value) {
    return new SpoolConfig(
        directory,
        maxQueued,
        segmentBytes,
        maxBytes,
        shipBatch,
        shipPause,
        retryMin,
        retryMax,
        value);
  }
}
