package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.ReceiptLog;
import dev.skep.scheduler.RunId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** What the spool's tests share. */
final class SpoolFixture {
  static final Duration LONG = Duration.ofSeconds(20);

  private SpoolFixture() {}

  /** Small segments, quick retries. */
  static SpoolConfig config(Path directory) {
    return SpoolConfig.of(directory)
        .withBytes(64 << 10, 1 << 20)
        .withRetry(Duration.ofNanos(1_000), Duration.ofMillis(2))
        .withShipBatch(50)
        .withDrainTimeout(Duration.ZERO);
  }

  /** Appends a receipt; completes when it is durable, or with the failure. */
  static CompletableFuture<Receipt> append(ReceiptLog log, Receipt receipt) {
    CompletableFuture<Receipt> end = new CompletableFuture<>();
    AtomicInteger calls = new AtomicInteger();
    log.append(
        receipt,
        failure -> {
          if (calls.incrementAndGet() > 1) {
            throw new AssertionError("done was called twice");
          }
          if (failure == null) {
            end.complete(receipt);
          } else {
            end.completeExceptionally(failure);
          }
        });
    return end;
  }

  /** Appends receipts and waits until all are durable. */
  static void appendAll(ReceiptLog log, List<Receipt> receipts) {
    List<CompletableFuture<Receipt>> ends = new ArrayList<>();
    receipts.forEach(receipt -> ends.add(append(log, receipt)));
    ends.forEach(end -> {
      assertThat(reasonOf(end)).isNull();
    });
  }

  /** Why an append was refused; null if it was not. */
  static ReceiptRefusedException.@Nullable Reason reasonOf(CompletableFuture<Receipt> end) {
    try {
      end.get(LONG.toSeconds(), TimeUnit.SECONDS);
      return null;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ReceiptRefusedException refusal) {
        return refusal.reason();
      }
      throw new AssertionError("an append failed untyped", e);
    } catch (InterruptedException | TimeoutException e) {
      throw new AssertionError("an append neither succeeded nor failed", e);
    }
  }

  static List<Path> segments(Path directory) throws IOException {
    try (var files = Files.list(directory)) {
      return files.filter(f -> f.toString().endsWith(".receipts")).sorted().toList();
    }
  }

  /** Copies a spool as a crash at this moment would leave it. */
  static Path copy(Path directory, Path to) throws IOException {
    Files.createDirectories(to);
    for (Path segment : segments(directory)) {
      Files.copy(segment, to.resolve(segment.getFileName()));
    }
    return to;
  }

  /** A ledger in memory, which behaves like the real one: keys once, counts what is new. */
  static final class MemoryLedger implements ReceiptSink {
    private final Map<RunId, Receipt> receipts = new LinkedHashMap<>();
    private int failuresLeft;
    private boolean failAfterInsert;
    private int inserts;

    @Override
    public synchronized int insertAll(List<Receipt> batch) {
      boolean failing = failuresLeft > 0;
      if (failing) {
        failuresLeft--;
        if (!failAfterInsert) {
          throw new DatabaseUnavailableException("made to fail", null);
        }
      }
      inserts++;
      int before = receipts.size();
      batch.forEach(receipt -> receipts.putIfAbsent(receipt.run(), receipt));
      if (failing) {
        throw new DatabaseUnavailableException("the answer was lost", null);
      }
      return receipts.size() - before;
    }

    /** Fails the next inserts, the batch lost or, worse, inserted and the answer lost. */
    synchronized void failNext(int times, boolean afterInsert) {
      failuresLeft = times;
      failAfterInsert = afterInsert;
    }

    /** Ends the failures of {@link #failNext}. */
    synchronized void recover() {
      failuresLeft = 0;
    }

    synchronized List<Receipt> receipts() {
      return List.copyOf(receipts.values());
    }

    synchronized int inserts() {
      return inserts;
    }
  }
}
