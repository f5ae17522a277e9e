package dev.skep.storage;

import static dev.skep.storage.SpoolFixture.LONG;
import static dev.skep.storage.SpoolFixture.appendAll;
import static dev.skep.storage.SpoolFixture.config;
import static dev.skep.storage.SpoolFixture.copy;
import static dev.skep.storage.SpoolFixture.segments;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.skep.scheduler.Receipt;
import dev.skep.storage.SpoolFixture.MemoryLedger;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SpoolRecoveryTest {
  private static final int COUNT = 1_300;

  @TempDir Path temp;

  private final List<Receipt> receipts = Receipts.list(COUNT);
  private final MemoryLedger ledger = new MemoryLedger();
  private Path crashed = Path.of("");

  /** Leaves {@link #COUNT} receipts in three segments that no ledger has seen. */
  @BeforeEach
  void crashWithUnshippedReceipts() throws IOException {
    MemoryLedger away = new MemoryLedger();
    away.failNext(Integer.MAX_VALUE, false);
    Path live = temp.resolve("live");
    try (ReceiptSpool spool = ReceiptSpool.open(config(live), away)) {
      for (int from = 0; from < COUNT; from += 100) {
        appendAll(spool, receipts.subList(from, from + 100));
      }
      crashed = copy(live, temp.resolve("crashed"));
    }
    assertThat(segments(crashed)).hasSize(3);
  }

  @Test
  void everyDurableReceiptIsReplayedAfterACrash() throws IOException {
    try (ReceiptSpool spool = ReceiptSpool.open(config(crashed), ledger)) {
      assertThat(spool.stats().replayed()).isEqualTo(COUNT);
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(ledger.receipts()).containsExactlyElementsOf(receipts);
      assertThat(spool.stats().corruptRegions()).isZero();
      assertThat(spool.stats().tornBytes()).isZero();
      await().until(() -> spool.stats().segments() == 0);
      assertThat(spool.stats().bytes()).isZero();
    }
    assertThat(segments(crashed)).isEmpty();
  }

  @Test
  void receiptsThatTheLedgerHasAlreadyAreNotCountedTwice() throws IOException {
    ledger.insertAll(receipts.subList(0, 700));
    try (ReceiptSpool spool = ReceiptSpool.open(config(crashed), ledger)) {
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(spool.stats().duplicates()).isEqualTo(700);
    }
    assertThat(ledger.receipts()).containsExactlyElementsOf(receipts);
  }

  @Test
  void newReceiptsComeAfterReplayedOnesInASegmentOfTheirOwn() throws IOException {
    List<Receipt> more = Receipts.list(10);
    try (ReceiptSpool spool = ReceiptSpool.open(config(crashed), ledger)) {
      appendAll(spool, more);
      assertThat(spool.flush(LONG)).isTrue();
    }
    assertThat(ledger.receipts())
        .startsWith(receipts.toArray(Receipt[]::new))
        .endsWith(more.toArray(Receipt[]::new));
  }

  @Test
  void tornTailIsCutOffWhereverTheCrashTore() throws IOException {
    Path last = segments(crashed).getLast();
    byte[] whole = withoutZeroes(Files.readAllBytes(last));
    List<Integer> ends = recordEnds(whole);
    int lastStart = ends.get(ends.size() - 2);
    for (int cut = lastStart + 1; cut < whole.length; cut++) {
      Path torn = copy(crashed, temp.resolve("torn" + cut));
      byte[] left = java.util.Arrays.copyOf(whole, cut);
      Files.write(torn.resolve(last.getFileName()), left);
      SpoolRecovery recovery = SpoolRecovery.of(torn);
      assertThat(recovery.records()).as("cut at %d", cut).isEqualTo(COUNT - 1);
      assertThat(recovery.tornBytes()).isEqualTo(withoutZeroes(left).length - lastStart);
      assertThat(recovery.corruptRegions()).isZero();
      assertThat(Files.size(torn.resolve(last.getFileName()))).isEqualTo(lastStart);
      // What was cut off once is not found again.
      assertThat(SpoolRecovery.of(torn).tornBytes()).isZero();
    }
  }

  @Test
  void zeroesAtTheEndWereWrittenAheadAndAreNoTornTail() throws IOException {
    Path last = segments(crashed).getLast();
    byte[] bytes = Files.readAllBytes(last);
    byte[] written = withoutZeroes(bytes);
    assertThat(written.length).isBetween(1, bytes.length - 1);
    SpoolRecovery recovery = SpoolRecovery.of(crashed);
    assertThat(recovery.tornBytes()).isZero();
    assertThat(recovery.records()).isEqualTo(COUNT);
    assertThat(last).hasBinaryContent(written);
  }

  @Test
  void aSealedSegmentHasNothingAhead() throws IOException {
    for (Path segment : segments(crashed).subList(0, 2)) {
      byte[] bytes = Files.readAllBytes(segment);
      assertThat(withoutZeroes(bytes)).hasSameSizeAs(bytes);
    }
  }

  @Test
  void segmentTornInItsHeaderIsForgotten() throws IOException {
    // Before there is a next one, what was written ahead of the last is cut off.
    assertThat(SpoolRecovery.of(crashed).records()).isEqualTo(COUNT);
    for (int bytes = 0; bytes <= SpoolSegment.HEADER_BYTES; bytes++) {
      Path young = SpoolSegment.file(crashed, 99);
      Files.write(young, java.util.Arrays.copyOf(SpoolSegment.MAGIC, bytes));
      SpoolRecovery recovery = SpoolRecovery.of(crashed);
      assertThat(recovery.records()).isEqualTo(COUNT);
      assertThat(recovery.corruptRegions()).isZero();
      assertThat(young).doesNotExist();
      assertThat(recovery.lastSequence()).isEqualTo(99);
    }
  }

  @Test
  void damageInTheMiddleCostsOnlyTheRecordsItHits() throws IOException {
    Path first = segments(crashed).getFirst();
    byte[] bytes = Files.readAllBytes(first);
    List<Integer> ends = recordEnds(bytes);
    // The second record's length, and somewhere in the tenth's fields.
    ByteBuffer.wrap(bytes).putInt(ends.getFirst(), 0x7fff_ffff);
    bytes[ends.get(8) + 40] ^= 1;
    Files.write(first, bytes);
    List<Receipt> expected = new ArrayList<>(receipts);
    expected.remove(9);
    expected.remove(1);
    try (ReceiptSpool spool = ReceiptSpool.open(config(crashed), ledger)) {
      assertThat(spool.stats().corruptRegions()).isEqualTo(2);
      assertThat(spool.stats().replayed()).isEqualTo(COUNT - 2);
      assertThat(spool.flush(LONG)).isTrue();
      assertThat(ledger.receipts()).containsExactlyElementsOf(expected);
      await().until(() -> spool.stats().segments() == 0);
    }
    assertThat(segments(crashed)).isEmpty();
    assertThat(first.resolveSibling(first.getFileName() + ".corrupt")).hasBinaryContent(bytes);
  }

  @Test
  void tailMissingFromASealedSegmentIsDamageAndNotATornTail() throws IOException {
    Path first = segments(crashed).getFirst();
    byte[] bytes = Files.readAllBytes(first);
    Files.write(first, java.util.Arrays.copyOf(bytes, bytes.length - 3));
    SpoolRecovery recovery = SpoolRecovery.of(crashed);
    assertThat(recovery.records()).isEqualTo(COUNT - 1);
    assertThat(recovery.corruptRegions()).isEqualTo(1);
    assertThat(recovery.tornBytes()).isZero();
  }

  @Test
  void recordOfALaterVersionIsKeptAndNotShipped() throws IOException {
    Path first = segments(crashed).getFirst();
    byte[] bytes = Files.readAllBytes(first);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    int bodyBytes = buffer.getInt(SpoolSegment.HEADER_BYTES);
    int body = SpoolSegment.HEADER_BYTES + ReceiptCodec.HEADER_BYTES;
    bytes[body] = 2;
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(bytes, body, bodyBytes);
    buffer.putInt(SpoolSegment.HEADER_BYTES + 4, (int) crc.getValue());
    Files.write(first, bytes);
    try (ReceiptSpool spool = ReceiptSpool.open(config(crashed), ledger)) {
      assertThat(spool.stats().corruptRegions()).isEqualTo(1);
      assertThat(spool.flush(LONG)).isTrue();
      await().until(() -> spool.stats().segments() == 0);
    }
    assertThat(ledger.receipts()).containsExactlyElementsOf(receipts.subList(1, COUNT));
    assertThat(first.resolveSibling(first.getFileName() + ".corrupt")).exists();
  }

  @Test
  void filesThatAreNoSegmentsAreLeftAlone() throws IOException {
    Path note = Files.writeString(crashed.resolve("note.txt"), "mine");
    ReceiptSpool.open(config(crashed), ledger).close();
    assertThat(note).hasContent("mine");
  }

  private static byte[] withoutZeroes(byte[] bytes) {
    int end = bytes.length;
    while (end > 0 && bytes[end - 1] == 0) {
      end--;
    }
    return java.util.Arrays.copyOf(bytes, end);
  }

  /** Where each record of a segment ends. */
  private static List<Integer> recordEnds(byte[] segment) {
    ByteBuffer buffer = ByteBuffer.wrap(segment);
    List<Integer> ends = new ArrayList<>();
    int at = SpoolSegment.HEADER_BYTES;
    while (at < segment.length) {
      at += ReceiptCodec.HEADER_BYTES + buffer.getInt(at);
      ends.add(at);
    }
    return ends;
  }
}
