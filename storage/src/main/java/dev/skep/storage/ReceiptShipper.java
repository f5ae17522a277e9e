package dev.skep.storage;

import dev.skep.scheduler.Receipt;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries durable receipts from the segments to the ledger, in order, and deletes each segment when
 * all of it is there.
 *
 * <p>Nothing is kept of how far it came: after a crash the segments that are left are shipped
 * again, and the ledger's key sorts out what it has already. Nothing is given up either: a batch
 * that fails is tried until it succeeds, with growing pauses; what stops the growth meanwhile is
 * the bound on the spool's bytes.
 */
final class ReceiptShipper implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(ReceiptShipper.class);

  /** A wake-up that is never missed makes this a matter of form. */
  private static final Duration IDLE = Duration.ofMinutes(1);

  private final SpoolConfig config;
  private final ReceiptSink sink;
  private final SpoolState state;
  private final InstantSource clock;
  private final Thread thread;
  private volatile boolean stopping;

  // The shipper's own.
  private @Nullable SegmentReader reader;
  private List<Receipt> batch = List.of();
  private int failures;

  ReceiptShipper(SpoolConfig config, ReceiptSink sink, SpoolState state, InstantSource clock) {
    this.config = config;
    this.sink = sink;
    this.state = state;
    this.clock = clock;
    this.thread = Thread.ofPlatform().daemon().name("skep-spool-shipper").unstarted(this);
  }

  void start() {
    thread.start();
  }

  @Override
  public void run() {
    while (!stopping) {
      try {
        if (!shipSome()) {
          state.await(this::isWorkWaiting, IDLE);
        }
        failures = 0;
      } catch (Throwable e) {
        pause(e);
      }
    }
    try {
      while (batch.isEmpty() && removeFinished()) {
        // One segment after another.
      }
      closeReader();
    } catch (IOException | RuntimeException e) {
      LOG.atWarn().setCause(e).log("the receipt spool's last segments were left behind");
    }
  }

  private boolean isWorkWaiting() {
    SpoolSegment segment = state.segments.peekFirst();
    return stopping
        || (segment != null && (segment.sealed() || segment.durableBytes() > readEnd()));
  }

  /** Whether there was something to do. */
  private boolean shipSome() throws IOException {
    if (batch.isEmpty()) {
      SpoolSegment segment = state.segments.peekFirst();
      if (segment == null) {
        return false;
      }
      batch = readerOf(segment).read(segment.durableBytes(), config.shipBatch());
      if (batch.isEmpty()) {
        return removeFinished();
      }
    }
    int fresh = sink.insertAll(batch);
    long oldestEndMillis = Long.MAX_VALUE;
    for (Receipt receipt : batch) {
      oldestEndMillis =
          Math.min(
              oldestEndMillis, receipt.startedEpochMillis() + receipt.durationNanos() / 1_000_000);
    }
    state.lastShipLagMillis.set(Math.max(0, clock.millis() - oldestEndMillis));
    state.shipped.addAndGet(batch.size());
    state.duplicates.addAndGet(batch.size() - fresh);
    state.settled.addAndGet(batch.size());
    boolean small = batch.size() < config.shipBatch();
    batch = List.of();
    state.signal();
    if (small) {
      gather();
    }
    return true;
  }

  /** Lets receipts gather, so that the next insert is not as small. */
  private void gather() {
    long endNanos = System.nanoTime() + config.shipPause().toNanos();
    for (long left = endNanos - System.nanoTime();
        left > 0 && !stopping && state.flushing.get() == 0;
        left = endNanos - System.nanoTime()) {
      LockSupport.parkNanos(this, left);
    }
  }

  /** Ends a pause, if there is reason to. */
  void hurry() {
    LockSupport.unpark(thread);
  }

  /** Removes the first segment if nothing of it is left to ship; whether it did. */
  private boolean removeFinished() throws IOException {
    SpoolSegment segment = state.segments.peekFirst();
    // In this order: once it is sealed, what is durable is all there will be.
    if (segment == null || !segment.sealed()) {
      return false;
    }
    SegmentReader current = readerOf(segment);
    batch = current.read(segment.durableBytes(), config.shipBatch());
    if (!batch.isEmpty()) {
      return true;
    }
    boolean damaged = current.badRegions() > 0 || current.goodEnd() != segment.durableBytes();
    closeReader();
    if (damaged) {
      // Receipts are money: what could not be read stays for somebody to look at.
      Path kept = segment.file().resolveSibling(segment.file().getFileName() + ".corrupt");
      Files.move(segment.file(), kept);
      LOG.atError().addKeyValue("file", kept).log("kept a damaged segment of the receipt spool");
    } else {
      Files.deleteIfExists(segment.file());
    }
    state.segments.removeFirst();
    state.bytes.addAndGet(-segment.durableBytes());
    state.signal();
    return true;
  }

  private SegmentReader readerOf(SpoolSegment segment) throws IOException {
    SegmentReader current = reader;
    if (current == null) {
      current = new SegmentReader(segment.file());
      reader = current;
    }
    return current;
  }

  private long readEnd() {
    SegmentReader current = reader;
    return current == null ? SpoolSegment.HEADER_BYTES : current.position();
  }

  private void closeReader() throws IOException {
    SegmentReader current = reader;
    reader = null;
    if (current != null) {
      current.close();
    }
  }

  private void pause(Throwable failure) {
    state.shipFailures.incrementAndGet();
    long pauseNanos = config.retryMax().toNanos();
    if (failures < 32) {
      pauseNanos = Math.min(pauseNanos, config.retryMin().toNanos() << failures);
    }
    failures++;
    LOG.atWarn()
        // The whole trace once, not every few seconds of an outage.
        .setCause(failures == 1 ? failure : null)
        .addKeyValue("cause", failure)
        .addKeyValue("failures", failures)
        .addKeyValue("unshipped", state.accepted.get() - state.settled.get())
        .addKeyValue("bytes", state.bytes.get())
        .addKeyValue("pauseMillis", pauseNanos / 1_000_000)
        .log("receipts could not be shipped to the ledger; they are kept and tried again");
    state.await(() -> stopping, Duration.ofNanos(pauseNanos));
  }

  /**
   * Stops after the batch under way; what is left stays on disk.
   *
   * @return whether the shipper came to its end within {@code patienceMillis}
   */
  boolean close(long patienceMillis) {
    stopping = true;
    state.signal();
    hurry();
    try {
      thread.join(patienceMillis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return !thread.isAlive();
  }
}
