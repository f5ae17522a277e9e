package dev.skep.storage;

import static dev.skep.storage.SpoolFixture.LONG;
import static dev.skep.storage.SpoolFixture.append;
import static dev.skep.storage.SpoolFixture.appendAll;
import static dev.skep.storage.SpoolFixture.config;
import static dev.skep.storage.SpoolFixture.copy;
import static dev.skep.storage.SpoolFixture.reasonOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.skep.scheduler.Receipt;
import dev.skep.storage.ReceiptRefusedException.Reason;
import dev.skep.storage.SpoolFixture.MemoryLedger;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ReceiptSpoolFaultTest {
  @TempDir Path temp;

  private final MemoryLedger ledger = new MemoryLedger();

  @Test
  void receiptsWaitForALedgerThatIsAwayAndAreShippedOnceWhenItIsBack() throws IOException {
    List<Receipt> receipts = Receipts.list(1_000);
    ledger.failNext(Integer.MAX_VALUE, false);
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), ledger)) {
      appendAll(spool, receipts);
      await().until(() -> spool.stats().shipFailures() >= 5);
      assertThat(ledger.receipts()).isEmpty();
      assertThat(spool.stats().unshipped()).isEqualTo(1_000);
      ledger.recover();
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(spool.stats().shipped()).isEqualTo(1_000);
      assertThat(spool.stats().duplicates()).isZero();
    }
    assertThat(ledger.receipts()).containsExactlyElementsOf(receipts);
  }

  @Test
  void batchWhoseAnswerWasLostIsSentAgainAndCountsOnce() throws IOException {
    List<Receipt> receipts = Receipts.list(200);
    ledger.failNext(3, true);
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), ledger)) {
      appendAll(spool, receipts);
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(spool.stats().duplicates()).isPositive();
    }
    assertThat(ledger.receipts()).containsExactlyElementsOf(receipts);
  }

  @Test
  void shipperSurvivesWhateverTheLedgerThrows() throws IOException {
    List<Throwable> faults =
        new ArrayList<>(
            List.of(
                new IllegalStateException("on purpose"),
                new StackOverflowError("on purpose"),
                new QueryFailedException("on purpose", "23514", null)));
    ReceiptSink hostile =
        batch -> {
          if (faults.isEmpty()) {
            return ledger.insertAll(batch);
          }
          Throwable fault = faults.removeFirst();
          if (fault instanceof Error error) {
            throw error;
          }
          throw (RuntimeException) fault;
        };
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), hostile)) {
      appendAll(spool, Receipts.list(10));
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(spool.stats().shipFailures()).isEqualTo(3);
    }
    assertThat(ledger.receipts()).hasSize(10);
  }

  @Test
  void fullSpoolRefusesUntilTheLedgerHasTakenSome() throws IOException {
    ledger.failNext(Integer.MAX_VALUE, false);
    SpoolConfig small = config(temp).withBytes(64 << 10, 128 << 10);
    List<Receipt> durable = new ArrayList<>();
    try (ReceiptSpool spool = ReceiptSpool.open(small, ledger)) {
      Reason refused = null;
      for (Receipt receipt : Receipts.list(2_000)) {
        refused = reasonOf(append(spool, receipt));
        if (refused != null) {
          break;
        }
        durable.add(receipt);
      }
      assertThat(refused).isEqualTo(Reason.SPOOL_FULL);
      assertThat(spool.stats().bytes()).isLessThanOrEqualTo(128 << 10);
      assertThat(durable).hasSizeGreaterThan(500);
      ledger.recover();
      assertThat(spool.flush(LONG)).isTrue();
      Receipt late = Receipts.list(1).getFirst();
      await().until(() -> reasonOf(append(spool, late)) == null);
      durable.add(late);
      assertThat(spool.flush(LONG)).isTrue();
    }
    assertThat(ledger.receipts()).containsExactlyElementsOf(durable);
  }

  @Test
  void diskThatFailsRefusesItsGroupAndTheNextOneBeginsANewSegment() throws IOException {
    SegmentFile.Factory disk =
        FaultyDisk.onForce(call -> {
          if (call == 2 || call == 3) {
            throw new IOException("on purpose");
          }
        });
    List<Receipt> receipts = Receipts.list(4);
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), ledger, disk, Instant::now)) {
      assertThat(reasonOf(append(spool, receipts.get(0)))).isNull();
      assertThat(reasonOf(append(spool, receipts.get(1)))).isEqualTo(Reason.WRITE_FAILED);
      assertThat(reasonOf(append(spool, receipts.get(2)))).isEqualTo(Reason.WRITE_FAILED);
      assertThat(reasonOf(append(spool, receipts.get(3)))).isNull();
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(spool.stats().failed()).isEqualTo(2);
      assertThat(spool.stats().appended()).isEqualTo(2);
    }
    assertThat(ledger.receipts()).containsExactly(receipts.get(0), receipts.get(3));
  }

  @Test
  void writerSurvivesASurprise() throws IOException {
    SegmentFile.Factory disk =
        FaultyDisk.onForce(call -> {
          if (call == 1) {
            throw new StackOverflowError("on purpose");
          }
        });
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), ledger, disk, Instant::now)) {
      List<Receipt> receipts = Receipts.list(2);
      assertThat(reasonOf(append(spool, receipts.get(0)))).isEqualTo(Reason.WRITE_FAILED);
      assertThat(reasonOf(append(spool, receipts.get(1)))).isNull();
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(ledger.receipts()).containsExactly(receipts.get(1));
    }
  }

  @Test
  void segmentThatCannotBeCreatedRefusesAndTheNextTrySucceeds() throws IOException {
    boolean[] full = {true};
    SegmentFile.Factory disk =
        file -> {
          if (full[0]) {
            full[0] = false;
            throw new IOException("No space left on device");
          }
          return SegmentFile.create(file);
        };
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), ledger, disk, Instant::now)) {
      List<Receipt> receipts = Receipts.list(2);
      assertThat(reasonOf(append(spool, receipts.get(0)))).isEqualTo(Reason.WRITE_FAILED);
      assertThat(reasonOf(append(spool, receipts.get(1)))).isNull();
      assertThat(spool.flush(LONG)).isTrue();
    }
  }

  @Test
  void closingWhileTheLedgerIsAwayKeepsTheReceiptsForTheNextStart() throws IOException {
    List<Receipt> receipts = Receipts.list(300);
    ledger.failNext(Integer.MAX_VALUE, false);
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), ledger)) {
      appendAll(spool, receipts);
    }
    ledger.recover();
    try (ReceiptSpool spool = ReceiptSpool.open(config(temp), ledger)) {
      assertThat(spool.stats().replayed()).isEqualTo(300);
      assertThat(spool.flush(LONG)).isTrue();
    }
    assertThat(ledger.receipts()).containsExactlyElementsOf(receipts);
  }

  @Test
  void whateverMomentACrashComesAtNoAcknowledgedReceiptIsLost() throws IOException {
    Path live = temp.resolve("live");
    List<Receipt> receipts = Receipts.list(2_000);
    ledger.failNext(40, true);
    try (ReceiptSpool spool = ReceiptSpool.open(config(live), ledger)) {
      for (int from = 0; from < receipts.size(); from += 200) {
        List<CompletableFuture<Receipt>> ends = new ArrayList<>();
        receipts.subList(from, from + 200).forEach(r -> ends.add(append(spool, r)));
        // What is acknowledged now must be on disk or in the ledger. Files are copied first,
        // since a segment that goes meanwhile is in the ledger.
        List<Receipt> acknowledged =
            ends.stream().filter(CompletableFuture::isDone).map(CompletableFuture::join).toList();
        MemoryLedger afterCrash = new MemoryLedger();
        Path crashed = copyUnlessGone(live, temp.resolve("crash" + from));
        List<Receipt> shipped = ledger.receipts();
        if (!shipped.isEmpty()) {
          afterCrash.insertAll(shipped);
        }
        try (ReceiptSpool replay = ReceiptSpool.open(config(crashed), afterCrash)) {
          assertThat(replay.flush(LONG)).isTrue();
        }
        assertThat(afterCrash.receipts()).containsAll(acknowledged).doesNotHaveDuplicates();
        ends.forEach(end -> assertThat(reasonOf(end)).isNull());
      }
      assertThat(spool.flush(LONG)).isTrue();
    }
    assertThat(ledger.receipts()).containsExactlyElementsOf(receipts);
  }

  private static Path copyUnlessGone(Path live, Path to) {
    // The shipper may delete a segment between listing and copying; then the copy starts over.
    for (int attempt = 0; ; attempt++) {
      try {
        return copy(live, to.resolveSibling(to.getFileName() + "-" + attempt));
      } catch (IOException e) {
        assertThat(attempt).isLessThan(100);
      }
    }
  }
}
