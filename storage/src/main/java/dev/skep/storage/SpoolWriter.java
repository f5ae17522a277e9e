package dev.skep.storage;

import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.ReceiptLog;
import dev.skep.storage.ReceiptRefusedException.Reason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes receipts durable: callers queue them, one thread writes whatever has queued up and forces
 * it to the disk once.
 *
 * <h2>Group commit</h2>
 *
 * A force takes as long for a thousand receipts as for one. While one is under way the next group
 * gathers, so the rate of receipts is not bounded by the disk's latency, and a lone receipt waits
 * for no timer.
 *
 * <h2>Queue</h2>
 *
 * Lock-free for callers: a count bounds it, and a wake-up costs a system call only when the writer
 * sleeps. The writer says that it will sleep, then looks at the queue again; a caller adds, then
 * looks whether the writer sleeps. Both are volatile, so one of them sees the other. Closing is
 * settled likewise: a caller counts itself in and then looks for the end; the writer announces the
 * end and then waits for the count to be zero.
 *
 * <h2>When the disk fails</h2>
 *
 * After a failed force the system may have dropped the pages and call the next one a success, so
 * nothing is tried twice: the group fails, the segment is cut back to what is known to be durable
 * and sealed, and the next group begins a new one.
 */
final class SpoolWriter implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(SpoolWriter.class);

  /** Most receipts of one group: some 600 KB at their longest, a millisecond of writing. */
  static final int MAX_GROUP = 2_048;

  private record Pending(Receipt receipt, ReceiptLog.Done done) {}

  private final SpoolConfig config;
  private final SegmentFile.Factory files;
  private final SpoolState state;
  private final ConcurrentLinkedQueue<Pending> queue = new ConcurrentLinkedQueue<>();
  private final List<Pending> group = new ArrayList<>(MAX_GROUP);
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(MAX_GROUP * ReceiptCodec.MAX_RECORD_BYTES);
  private final Runnable entered;
  private final Thread thread;

  private volatile boolean asleep;
  private volatile boolean closing;

  // The writer's own.
  private @Nullable SegmentFile activeFile;
  private @Nullable SpoolSegment active;
  private long lastSequence;
  private boolean failing;

  SpoolWriter(
      SpoolConfig config,
      SegmentFile.Factory files,
      SpoolState state,
      long lastSequence,
      Runnable entered) {
    this.config = config;
    this.entered = entered;
    this.files = files;
    this.state = state;
    this.lastSequence = lastSequence;
    this.thread = Thread.ofPlatform().daemon().name("skep-spool-writer").unstarted(this);
  }

  void start() {
    thread.start();
  }

  /** See {@link ReceiptSpool#append}. */
  void append(Receipt receipt, ReceiptLog.Done done) {
    if (state.queued.incrementAndGet() > config.maxQueued()) {
      state.queued.decrementAndGet();
      refuse(
          done,
          Reason.QUEUE_FULL,
          config.maxQueued() + " receipts wait for the disk already; try again later",
          null);
    } else if (closing) {
      state.queued.decrementAndGet();
      refuse(done, Reason.CLOSED, "the receipt spool is closed", null);
    } else {
      state.accepted.incrementAndGet();
      queue.add(new Pending(receipt, done));
      if (asleep) {
        LockSupport.unpark(thread);
      }
    }
  }

  @Override
  public void run() {
    entered.run();
    while (true) {
      try {
        gather();
        if (!group.isEmpty()) {
          writeGroup();
        } else if (!closing) {
          sleepUntilNeeded();
        } else if (state.queued.get() == 0) {
          break;
        } else {
          // A caller has counted itself in and is about to add.
          Thread.onSpinWait();
        }
      } catch (Throwable e) {
        LOG.atError().setCause(e).log("the receipt spool's writer met a surprise");
        failGroup(Reason.WRITE_FAILED, "the receipt could not be written: " + e, e);
        abandonSegment();
      }
    }
    sealSegment();
    state.signal();
  }

  private void gather() {
    while (group.size() < MAX_GROUP) {
      Pending next = queue.poll();
      if (next == null) {
        break;
      }
      group.add(next);
    }
  }

  private void sleepUntilNeeded() {
    asleep = true;
    if (queue.isEmpty() && !closing) {
      LockSupport.park(this);
    }
    asleep = false;
  }

  private void writeGroup() {
    buffer.clear();
    int encoded = encodeGroup();
    buffer.flip();
    if (encoded == 0) {
      return;
    }
    // As if it were the first of a segment, which has a header before it.
    long groupBytes = (long) buffer.remaining() + SpoolSegment.HEADER_BYTES;
    if (state.bytes.get() + groupBytes > config.maxBytes()) {
      complain("the receipt spool is full", null);
      failGroup(
          Reason.SPOOL_FULL,
          "the receipt spool holds its "
              + config.maxBytes()
              + " bytes already, because the ledger has not taken them",
          null);
      return;
    }
    try {
      SpoolSegment segment = segmentFor(groupBytes);
      long start = segment.durableBytes();
      int written = buffer.remaining();
      requireFile().write(buffer);
      requireFile().force();
      state.syncs.incrementAndGet();
      state.bytes.addAndGet(written);
      state.appended.addAndGet(encoded);
      segment.setDurableBytes(start + written);
    } catch (IOException e) {
      complain("the receipt spool cannot be written", e);
      failGroup(Reason.WRITE_FAILED, "the disk refused the receipt: " + e.getMessage(), e);
      abandonSegment();
      return;
    }
    failing = false;
    state.signal();
    for (Pending pending : group) {
      finish(pending.done(), null);
    }
    leaveQueue(group.size());
    group.clear();
  }

  /** Encodes what can be; fails the rest. How many are left in the group. */
  private int encodeGroup() {
    List<Pending> invalid = new ArrayList<>();
    for (Pending pending : group) {
      try {
        ReceiptCodec.encode(pending.receipt(), buffer);
      } catch (IllegalArgumentException e) {
        invalid.add(pending);
        LOG.atError()
            .addKeyValue("run", pending.receipt().run())
            .addKeyValue("tenant", pending.receipt().tenant())
            .setCause(e)
            .log("a receipt that the ledger cannot hold");
        settle(1);
        leaveQueue(1);
        refuse(pending.done(), Reason.INVALID, String.valueOf(e.getMessage()), e);
      }
    }
    if (!invalid.isEmpty()) {
      group.removeAll(invalid);
    }
    return group.size();
  }

  private SpoolSegment segmentFor(long groupBytes) throws IOException {
    SpoolSegment current = active;
    if (current != null && current.durableBytes() + groupBytes <= config.segmentBytes()) {
      return current;
    }
    sealSegment();
    Path file = SpoolSegment.file(config.directory(), ++lastSequence);
    SegmentFile created = files.create(file);
    activeFile = created;
    // Its header is durable with the first group.
    SpoolSegment fresh = new SpoolSegment(file, lastSequence, SpoolSegment.HEADER_BYTES, false);
    active = fresh;
    state.bytes.addAndGet(SpoolSegment.HEADER_BYTES);
    state.segments.addLast(fresh);
    created.write(ByteBuffer.wrap(SpoolSegment.MAGIC));
    return fresh;
  }

  private SegmentFile requireFile() {
    if (activeFile == null) {
      throw new IllegalStateException("no segment is open");
    }
    return activeFile;
  }

  private void sealSegment() {
    SpoolSegment segment = active;
    SegmentFile file = activeFile;
    active = null;
    activeFile = null;
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        // All that counts was forced before.
        LOG.atWarn().setCause(e).log("a segment of the receipt spool was not closed in order");
      }
    }
    if (segment != null) {
      segment.seal();
      state.signal();
    }
  }

  private void abandonSegment() {
    SpoolSegment segment = active;
    SegmentFile file = activeFile;
    if (segment != null && file != null) {
      try {
        file.truncate(segment.durableBytes());
      } catch (IOException e) {
        LOG.atWarn()
            .addKeyValue("segment", segment.file())
            .setCause(e)
            .log("receipts that were refused may be replayed after a restart");
      }
    }
    sealSegment();
  }

  private void failGroup(Reason reason, String message, @Nullable Throwable cause) {
    for (Pending pending : group) {
      refuse(pending.done(), reason, message, cause);
    }
    settle(group.size());
    leaveQueue(group.size());
    group.clear();
  }

  private void leaveQueue(int receipts) {
    state.queued.addAndGet(-receipts);
  }

  private void settle(int receipts) {
    state.settled.addAndGet(receipts);
    state.signal();
  }

  private void refuse(
      ReceiptLog.Done done, Reason reason, String message, @Nullable Throwable cause) {
    state.failed.incrementAndGet();
    finish(done, new ReceiptRefusedException(reason, message, cause));
  }

  private static void finish(ReceiptLog.Done done, @Nullable Throwable failure) {
    try {
      done.appended(failure);
    } catch (Throwable e) {
      LOG.atError().setCause(e).log("a receipt's callback threw, which it must not");
    }
  }

  /** Once for each time of trouble, not once for each group of it. */
  private void complain(String what, @Nullable IOException cause) {
    if (!failing) {
      failing = true;
      LOG.atError().addKeyValue("bytes", state.bytes.get()).setCause(cause).log(what);
    }
  }

  /**
   * Takes no more receipts, writes those that it has, and waits for that.
   *
   * @return whether the writer came to its end within {@code patienceMillis}
   */
  boolean close(long patienceMillis) {
    closing = true;
    LockSupport.unpark(thread);
    try {
      thread.join(patienceMillis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return !thread.isAlive();
  }
}
