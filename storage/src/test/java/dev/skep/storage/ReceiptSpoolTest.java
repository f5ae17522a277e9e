package dev.skep.storage;

import static dev.skep.storage.SpoolFixture.LONG;
import static dev.skep.storage.SpoolFixture.append;
import static dev.skep.storage.SpoolFixture.appendAll;
import static dev.skep.storage.SpoolFixture.config;
import static dev.skep.storage.SpoolFixture.reasonOf;
import static dev.skep.storage.SpoolFixture.segments;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.skep.scheduler.Receipt;
import dev.skep.storage.ReceiptRefusedException.Reason;
import dev.skep.storage.SpoolFixture.MemoryLedger;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ReceiptSpoolTest {
  @TempDir Path directory;

  private final MemoryLedger ledger = new MemoryLedger();

  @Test
  void appendedReceiptsReachTheLedgerInOrderAndLeaveNoFile() throws IOException {
    List<Receipt> receipts = Receipts.list(500);
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger)) {
      appendAll(spool, receipts);
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(ledger.receipts()).containsExactlyElementsOf(receipts);
      assertThat(spool.stats().shipped()).isEqualTo(500);
      assertThat(spool.stats().unshipped()).isZero();
      assertThat(spool.stats().queued()).isZero();
    }
    assertThat(segments(directory)).isEmpty();
  }

  @Test
  void fullSegmentsAreSealedAndDeletedOnceShipped() throws IOException {
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger)) {
      // 64 KiB hold some 500 receipts.
      for (int i = 0; i < 10; i++) {
        appendAll(spool, Receipts.list(400));
      }
      assertThat(spool.flush(LONG)).isTrue();
      await().until(() -> spool.stats().segments() == 1);
      assertThat(segments(directory)).hasSize(1);
      assertThat(segments(directory).getFirst().getFileName().toString())
          .isGreaterThan("00000000000000000009.receipts");
      assertThat(spool.stats().bytes()).isBetween(8L, 64L << 10);
    }
    assertThat(ledger.receipts()).hasSize(4_000);
  }

  @Test
  void segmentsStayWithinTheirSize() throws IOException {
    ledger.failNext(Integer.MAX_VALUE, false);
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger)) {
      for (int i = 0; i < 10; i++) {
        appendAll(spool, Receipts.list(100));
      }
      assertThat(segments(directory)).hasSizeGreaterThan(1);
    }
    // The last one has zeroes ahead until it is closed.
    assertThat(segments(directory))
        .allSatisfy(s -> assertThat(s.toFile().length()).isLessThanOrEqualTo(64 << 10));
  }

  @Test
  void receiptsGatherWhileTheDiskIsBusyAndShareOneForce() throws Exception {
    CountDownLatch forcing = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    SegmentFile.Factory slow =
        FaultyDisk.onForce(call -> {
          if (call == 1) {
            forcing.countDown();
            FaultyDisk.awaitUnchecked(goOn);
          }
        });
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger, slow, Instant::now)) {
      CompletableFuture<Receipt> first = append(spool, Receipts.list(1).getFirst());
      forcing.await();
      List<CompletableFuture<Receipt>> ends = new ArrayList<>();
      Receipts.list(300).forEach(receipt -> ends.add(append(spool, receipt)));
      assertThat(first).isNotDone();
      assertThat(spool.stats().queued()).isEqualTo(301);
      goOn.countDown();
      ends.forEach(end -> assertThat(reasonOf(end)).isNull());
      assertThat(first).isCompleted();
      assertThat(spool.stats().syncs()).isEqualTo(2);
    }
  }

  @Test
  void nothingIsShippedBeforeItIsDurable() throws Exception {
    CountDownLatch forcing = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    SegmentFile.Factory slow =
        FaultyDisk.onForce(call -> {
          forcing.countDown();
          FaultyDisk.awaitUnchecked(goOn);
        });
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger, slow, Instant::now)) {
      CompletableFuture<Receipt> end = append(spool, Receipts.list(1).getFirst());
      forcing.await();
      assertThat(spool.flush(Duration.ZERO)).isFalse();
      assertThat(ledger.inserts()).isZero();
      goOn.countDown();
      assertThat(reasonOf(end)).isNull();
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(ledger.receipts()).hasSize(1);
    }
  }

  @Test
  void fullQueueRefusesAtOnceAndTakesReceiptsAgainLater() throws Exception {
    CountDownLatch forcing = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    SegmentFile.Factory stuck =
        FaultyDisk.onForce(call -> {
          forcing.countDown();
          FaultyDisk.awaitUnchecked(goOn);
        });
    try (ReceiptSpool spool =
        ReceiptSpool.open(config(directory).withMaxQueued(10), ledger, stuck, Instant::now)) {
      List<CompletableFuture<Receipt>> ends = new ArrayList<>();
      ends.add(append(spool, Receipts.list(1).getFirst()));
      forcing.await();
      Receipts.list(9).forEach(receipt -> ends.add(append(spool, receipt)));
      CompletableFuture<Receipt> tooMany = append(spool, Receipts.list(1).getFirst());
      assertThat(tooMany).isCompletedExceptionally();
      assertThat(reasonOf(tooMany)).isEqualTo(Reason.QUEUE_FULL);
      assertThat(spool.stats().failed()).isEqualTo(1);
      goOn.countDown();
      ends.forEach(end -> assertThat(reasonOf(end)).isNull());
      await().until(() -> spool.stats().queued() == 0);
      assertThat(reasonOf(append(spool, Receipts.list(1).getFirst()))).isNull();
      assertThat(spool.flush(LONG)).isTrue();
    }
    assertThat(ledger.receipts()).hasSize(11);
  }

  @Test
  void closedSpoolRefuses() throws IOException {
    ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger);
    spool.close();
    spool.close();
    assertThat(reasonOf(append(spool, Receipts.list(1).getFirst()))).isEqualTo(Reason.CLOSED);
  }

  @Test
  void closingWritesAllThatWasAppended() throws IOException {
    List<CompletableFuture<Receipt>> ends = new ArrayList<>();
    SpoolConfig config = config(directory).withDrainTimeout(LONG);
    try (ReceiptSpool spool = ReceiptSpool.open(config, ledger)) {
      Receipts.list(3_000).forEach(receipt -> ends.add(append(spool, receipt)));
    }
    ends.forEach(end -> assertThat(reasonOf(end)).isNull());
    assertThat(ledger.receipts()).hasSize(3_000);
  }

  @Test
  void appendsThatRaceWithClosingAllEnd() throws Exception {
    SpoolConfig config = config(directory).withDrainTimeout(LONG);
    for (int round = 0; round < 20; round++) {
      MemoryLedger roundLedger = new MemoryLedger();
      List<CompletableFuture<Receipt>> ends = new ArrayList<>();
      CountDownLatch running = new CountDownLatch(1);
      ReceiptSpool spool = ReceiptSpool.open(config, roundLedger);
      Thread appender =
          Thread.ofPlatform()
              .start(() -> {
                for (Receipt receipt : Receipts.list(2_000)) {
                  ends.add(append(spool, receipt));
                  running.countDown();
                }
              });
      running.await();
      spool.close();
      appender.join();
      long durable = ends.stream().filter(end -> reasonOf(end) == null).count();
      assertThat(roundLedger.receipts()).hasSize((int) durable);
    }
  }

  @Test
  void invalidReceiptFailsAloneAmongItsGroup() throws IOException {
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger)) {
      Receipt good = Receipts.list(1).getFirst();
      CompletableFuture<Receipt> bad = append(spool, Receipts.withFuel(good, -5));
      assertThat(reasonOf(append(spool, good))).isNull();
      assertThat(reasonOf(bad)).isEqualTo(Reason.INVALID);
      assertThat(spool.flush(LONG)).isTrue();
    }
    assertThat(ledger.receipts()).hasSize(1);
  }

  @Test
  void callbackThatThrowsHarmsNobodyElse() throws IOException {
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger)) {
      spool.append(
          Receipts.list(1).getFirst(),
          failure -> {
            throw new IllegalStateException("thrown on purpose");
          });
      appendAll(spool, Receipts.list(10));
      assertThat(spool.flush(LONG)).isTrue();
    }
    assertThat(ledger.receipts()).hasSize(11);
  }

  @Test
  void directoryHasOneOwner() throws IOException {
    try (ReceiptSpool spool = ReceiptSpool.open(config(directory), ledger)) {
      assertThatThrownBy(() -> ReceiptSpool.open(config(directory), ledger))
          .isInstanceOf(DirectoryInUseException.class)
          .hasMessageContaining(directory.toString());
      appendAll(spool, Receipts.list(1));
    }
    ReceiptSpool.open(config(directory), ledger).close();
  }

  @Test
  void lagIsFromTheEndOfTheRunToTheCommit() throws IOException {
    Receipt receipt = Receipts.list(1).getFirst();
    Instant end = Instant.ofEpochMilli(Receipts.NOW + receipt.durationNanos() / 1_000_000);
    try (ReceiptSpool spool =
        ReceiptSpool.open(
            config(directory), ledger, SegmentFile::create, () -> end.plusMillis(321))) {
      appendAll(spool, List.of(receipt));
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(spool.stats().lastShipLagMillis()).isEqualTo(321);
    }
  }

  @Test
  void defaultsAreThoseOfTheReference() {
    SpoolConfig config = SpoolConfig.of(directory);
    assertThat(config.maxQueued()).isEqualTo(65_536);
    assertThat(config.segmentBytes()).isEqualTo(8 << 20);
    assertThat(config.maxBytes()).isEqualTo(1 << 30);
    assertThat(config.shipBatch()).isEqualTo(500);
    assertThat(config.retryMin()).isEqualTo(Duration.ofMillis(50));
    assertThat(config.retryMax()).isEqualTo(Duration.ofSeconds(5));
    assertThat(config.drainTimeout()).isEqualTo(Duration.ofSeconds(10));
    assertThatThrownBy(() -> config.withBytes(1 << 20, 1 << 20))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
