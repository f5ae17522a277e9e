package dev.skep.storage;

import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.ReceiptLog;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.InstantSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The write-ahead log between runs and the ledger: a receipt is durable here within a disk's
 * latency, and in the ledger soon after, exactly once, through crashes of this process and absences
 * of the database. Thread-safe.
 *
 * <pre>
 *   append ─▶ queue ─▶ writer: write, force once a group ─▶ Done
 *                         │
 *                      segments ─▶ shipper: insert a batch, try until it is in ─▶ ledger
 *                                     └─ delete a segment when all of it is
 * </pre>
 *
 * <p>Everything is bounded: the queue, the group, the segment, the bytes on disk. A receipt that
 * finds no room is refused, typed, and its run can be refused or reported in turn; none is dropped
 * after its {@code Done} has heard success. One process at a time has the directory.
 */
public final class ReceiptSpool implements ReceiptLog, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ReceiptSpool.class);

  /** A full queue is written in well under a second; a disk that takes longer is broken. */
  private static final long WRITER_PATIENCE_MILLIS = 30_000;

  /** For the insert under way when closing; a server that hangs is not waited for. */
  private static final long SHIPPER_PATIENCE_MILLIS = 5_000;

  private final SpoolConfig config;
  private final DirectoryLock lock;
  private final SpoolState state;
  private final SpoolWriter writer;
  private final ReceiptShipper shipper;
  private final long replayed;
  private final long tornBytes;
  private final long corruptRegions;
  private boolean closed;

  private ReceiptSpool(
      SpoolConfig config,
      DirectoryLock lock,
      SpoolRecovery recovery,
      ReceiptSink sink,
      SegmentFile.Factory files,
      InstantSource clock,
      Runnable entered) {
    this.config = config;
    this.lock = lock;
    this.replayed = recovery.records();
    this.tornBytes = recovery.tornBytes();
    this.corruptRegions = recovery.corruptRegions();
    this.state = new SpoolState();
    state.accepted.set(replayed);
    for (SpoolSegment segment : recovery.segments()) {
      state.segments.addLast(segment);
      state.bytes.addAndGet(segment.durableBytes());
    }
    this.writer = new SpoolWriter(config, files, state, recovery.lastSequence(), entered);
    this.shipper = new ReceiptShipper(config, sink, state, clock);
  }

  /**
   * Opens the spool and begins to ship what an earlier process left. Blocks while it reads that: a
   * second for the whole default capacity on a warm disk.
   *
   * @param sink the ledger
   * @throws DirectoryInUseException if another process has the directory
   * @throws IOException if the directory cannot be made, read or written
   */
  public static ReceiptSpool open(SpoolConfig config, ReceiptSink sink) throws IOException {
    return open(config, sink, () -> {});
  }

  /**
   * The same.
   *
   * @param entered called first on the thread that writes, before which no run is answered: for
   *     whoever places threads
   */
  public static ReceiptSpool open(SpoolConfig config, ReceiptSink sink, Runnable entered)
      throws IOException {
    return open(config, sink, SegmentFile::create, InstantSource.system(), entered);
  }

  static ReceiptSpool open(
      SpoolConfig config, ReceiptSink sink, SegmentFile.Factory files, InstantSource clock)
      throws IOException {
    return open(config, sink, files, clock, () -> {});
  }

  private static ReceiptSpool open(
      SpoolConfig config,
      ReceiptSink sink,
      SegmentFile.Factory files,
      InstantSource clock,
      Runnable entered)
      throws IOException {
    Files.createDirectories(config.directory());
    DirectoryLock lock = DirectoryLock.acquire(config.directory());
    boolean opened = false;
    try {
      SpoolRecovery recovery = SpoolRecovery.of(config.directory());
      ReceiptSpool spool = new ReceiptSpool(config, lock, recovery, sink, files, clock, entered);
      spool.writer.start();
      spool.shipper.start();
      opened = true;
      return spool;
    } finally {
      if (!opened) {
        lock.close();
      }
    }
  }

  /**
   * Appends a receipt. Neither blocks nor locks.
   *
   * @param receipt of a run that has ended
   * @param done called once: with null on the writer's thread when the receipt is durable, or with
   *     a {@link ReceiptRefusedException}; for a full queue and a closed spool that is at once, on
   *     the caller's thread. Must be quick, because those behind it wait, and must not throw
   */
  @Override
  public void append(Receipt receipt, Done done) {
    writer.append(receipt, done);
  }

  /**
   * Waits until every receipt that was appended before this call is in the ledger or refused.
   * Blocks.
   *
   * @return whether that was so within {@code timeout}
   */
  public boolean flush(Duration timeout) {
    long target = state.accepted.get();
    state.flushing.incrementAndGet();
    try {
      shipper.hurry();
      return state.await(() -> state.settled.get() >= target, timeout);
    } finally {
      state.flushing.decrementAndGet();
    }
  }

  /** What it has done so far. Does not block. */
  public SpoolStats stats() {
    return new SpoolStats(
        state.queued.get(),
        state.appended.get(),
        state.failed.get(),
        replayed,
        state.shipped.get(),
        state.duplicates.get(),
        Math.max(0, state.appended.get() + replayed - state.shipped.get()),
        state.syncs.get(),
        state.shipFailures.get(),
        corruptRegions,
        tornBytes,
        state.segments.size(),
        state.bytes.get(),
        state.lastShipLagMillis.get());
  }

  /**
   * Refuses further receipts, makes those it has durable, and waits for the ledger to take them,
   * for as long as configured; what is left is replayed at the next start. Idempotent. Blocks.
   */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    boolean written = writer.close(WRITER_PATIENCE_MILLIS);
    boolean drained = flush(config.drainTimeout());
    boolean stopped = shipper.close(SHIPPER_PATIENCE_MILLIS);
    if (!written || !drained || !stopped) {
      LOG.atWarn()
          .addKeyValue("queued", state.queued.get())
          .addKeyValue("unshipped", stats().unshipped())
          .log("closed the receipt spool with receipts left for the next start");
    }
    lock.close();
  }
}
