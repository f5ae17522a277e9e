package dev.skep.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.RunId;
import dev.skep.scheduler.TenantId;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LedgerIT {
  private static final long HOUR = 3_600_000;
  private static final long FIRST_HOUR = Receipts.NOW - Receipts.NOW % HOUR;
  private static final FunctionName OTHER = new FunctionName("other");

  private final Ledger ledger = new Ledger(TestDatabase.database());
  private final TenantId tenant = TestDatabase.newTenantId();

  private Receipt receipt(FunctionName function, long epochMillis) {
    return Receipts.of(tenant, function, epochMillis);
  }

  @Test
  void insertedReceiptsComeBackAsTheyWere() {
    List<Receipt> receipts = new ArrayList<>();
    for (Receipt.Outcome outcome : Receipt.Outcome.values()) {
      receipts.add(Receipts.of(tenant, Receipts.HELLO, Receipts.NOW, outcome));
    }
    assertThat(ledger.insertAll(receipts)).isEqualTo(receipts.size());
    for (Receipt receipt : receipts) {
      assertThat(ledger.receipt(tenant, receipt.run())).contains(receipt);
    }
  }

  @Test
  void receiptIsItsTenantsOnly() {
    Receipt receipt = receipt(Receipts.HELLO, Receipts.NOW);
    ledger.insertAll(List.of(receipt));
    assertThat(ledger.receipt(TestDatabase.newTenantId(), receipt.run())).isEmpty();
    assertThat(ledger.receipt(tenant, RunId.at(Receipts.NOW))).isEmpty();
  }

  @Test
  void replayedReceiptsCountOnceInTheLedgerAndInItsSums() {
    List<Receipt> receipts = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      receipts.add(receipt(Receipts.HELLO, Receipts.NOW + i));
    }
    assertThat(ledger.insertAll(receipts.subList(0, 60))).isEqualTo(60);
    assertThat(ledger.insertAll(receipts)).isEqualTo(40);
    assertThat(ledger.insertAll(receipts)).isZero();
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR, null))
        .containsExactly(
            new UsageRow(
                Receipts.HELLO, FIRST_HOUR, 100, 0, 100_000, 30_100, 200_000_000, 0, 0, 0));
  }

  @Test
  void receiptTwiceInOneBatchCountsOnce() {
    Receipt receipt = receipt(Receipts.HELLO, Receipts.NOW);
    assertThat(ledger.insertAll(List.of(receipt, receipt))).isEqualTo(1);
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR, null))
        .singleElement()
        .satisfies(row -> assertThat(row.runs()).isEqualTo(1));
  }

  @Test
  void usageIsByHourAndFunctionAndCountsFailures() {
    ledger.insertAll(
        List.of(
            receipt(Receipts.HELLO, FIRST_HOUR),
            receipt(Receipts.HELLO, FIRST_HOUR + HOUR - 1),
            Receipts.of(tenant, Receipts.HELLO, FIRST_HOUR + 5, Receipt.Outcome.TRAPPED),
            receipt(OTHER, FIRST_HOUR + 1),
            receipt(Receipts.HELLO, FIRST_HOUR + HOUR)));
    List<UsageRow> first =
        List.of(
            new UsageRow(Receipts.HELLO, FIRST_HOUR, 3, 1, 3_000, 903, 6_000_000, 0, 0, 0),
            new UsageRow(OTHER, FIRST_HOUR, 1, 0, 1_000, 301, 2_000_000, 0, 0, 0));
    UsageRow second =
        new UsageRow(Receipts.HELLO, FIRST_HOUR + HOUR, 1, 0, 1_000, 301, 2_000_000, 0, 0, 0);
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + 2 * HOUR, null))
        .containsExactly(first.get(0), first.get(1), second);
    assertThat(ledger.usage(tenant, FIRST_HOUR + 1_000, FIRST_HOUR + HOUR, null))
        .containsExactlyElementsOf(first);
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR + 1, Receipts.HELLO))
        .containsExactly(first.get(0), second);
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR, null)).isEmpty();
  }

  @Test
  void sumsAgreeWithReceiptsWhateverTheBatchesAndTheThreads() throws Exception {
    long seed = 20_260_601L;
    Random random = new Random(seed);
    List<Receipt> receipts = new ArrayList<>();
    for (int i = 0; i < 2_000; i++) {
      receipts.add(
          Receipts.withFuel(
              Receipts.of(
                  tenant,
                  new FunctionName("f" + random.nextInt(5)),
                  FIRST_HOUR + random.nextLong(4 * HOUR),
                  random.nextInt(3) == 0 ? Receipt.Outcome.TRAPPED : Receipt.Outcome.COMPLETED),
              random.nextLong(1L << 50)));
    }
    List<Callable<Integer>> batches = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      int from = random.nextInt(receipts.size());
      List<Receipt> batch =
          new ArrayList<>(receipts.subList(from, Math.min(receipts.size(), from + 100)));
      Collections.shuffle(batch, random);
      batches.add(() -> ledger.insertAll(batch));
    }
    batches.add(() -> ledger.insertAll(receipts));
    int fresh = 0;
    try (ExecutorService threads = Executors.newFixedThreadPool(6)) {
      for (Future<Integer> batch : threads.invokeAll(batches)) {
        fresh += batch.get();
      }
    }
    assertThat(fresh).as("seed %d", seed).isEqualTo(receipts.size());
    List<UsageRow> usage = ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + 4 * HOUR, null);
    assertThat(usage.stream().mapToLong(UsageRow::runs).sum()).isEqualTo(receipts.size());
    assertThat(usage.stream().mapToLong(UsageRow::fuel).sum())
        .isEqualTo(receipts.stream().mapToLong(Receipt::fuel).sum());
    assertThat(usage.stream().mapToLong(UsageRow::failedRuns).sum())
        .isEqualTo(receipts.stream().filter(r -> r.outcome() != Receipt.Outcome.COMPLETED).count());
  }

  @Test
  void pagesHoldEveryReceiptOnceTheNewestFirst() {
    List<Receipt> receipts = new ArrayList<>();
    for (int i = 0; i < 25; i++) {
      receipts.add(receipt(i % 5 == 0 ? OTHER : Receipts.HELLO, Receipts.NOW + i));
    }
    ledger.insertAll(receipts);
    List<Receipt> newestFirst =
        receipts.stream()
            .sorted(Comparator.comparingLong(Receipt::startedEpochMillis).reversed())
            .toList();
    assertThat(pages(null)).containsExactlyElementsOf(newestFirst);
    assertThat(pages(OTHER))
        .containsExactlyElementsOf(
            newestFirst.stream().filter(r -> r.function().equals(OTHER)).toList());
    assertThatThrownBy(() -> ledger.recent(tenant, Receipt.Kind.RUN, null, null, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private List<Receipt> pages(@Nullable FunctionName function) {
    List<Receipt> all = new ArrayList<>();
    RunId before = null;
    while (true) {
      List<Receipt> page = ledger.recent(tenant, Receipt.Kind.RUN, function, before, 4);
      all.addAll(page);
      if (page.size() < 4) {
        return all;
      }
      before = page.getLast().run();
    }
  }

  @Test
  void topTenantsPayMostFirst() {
    // An hour that no other test uses.
    long hour = FIRST_HOUR + 1_000 * HOUR;
    List<TenantId> tenants = new ArrayList<>();
    List<Receipt> receipts = new ArrayList<>();
    for (int i = 1; i <= 5; i++) {
      TenantId each = TestDatabase.newTenantId();
      tenants.addFirst(each);
      for (int run = 0; run < i; run++) {
        receipts.add(Receipts.of(each, run % 2 == 0 ? OTHER : Receipts.HELLO, hour + run));
      }
    }
    ledger.insertAll(receipts);
    List<TenantUsage> top = ledger.topTenants(hour, hour + HOUR, 3);
    assertThat(top)
        .extracting(TenantUsage::tenant)
        .containsExactlyElementsOf(tenants.subList(0, 3));
    assertThat(top.getFirst())
        .isEqualTo(new TenantUsage(tenants.getFirst(), 5, 0, 5_000, 1_505, 10_000_000, 0, 0, 0));
  }

  @Test
  void compilingIsOnTheBillOnceAndApartFromRuns() {
    Receipt compiling = Receipts.ofCompiling(tenant, Receipts.HELLO, Receipts.NOW);
    assertThat(ledger.insertAll(List.of(compiling))).isEqualTo(1);
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR, null))
        .as("an hour of nothing but compiling")
        .containsExactly(new UsageRow(Receipts.HELLO, FIRST_HOUR, 0, 0, 0, 0, 0, 1, 30_000, 7));

    // Uploaded again, an hour later, to another function, through another node, beside a run.
    Receipt again = Receipts.ofCompiling(tenant, OTHER, Receipts.NOW + HOUR);
    Receipt run = receipt(Receipts.HELLO, Receipts.NOW);
    assertThat(ledger.insertAll(List.of(again, compiling, run))).isEqualTo(1);
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + 2 * HOUR, null))
        .containsExactly(
            new UsageRow(Receipts.HELLO, FIRST_HOUR, 1, 0, 1_000, 301, 2_000_000, 1, 30_000, 7));
    assertThat(ledger.receipt(tenant, compiling.run())).contains(compiling);
    assertThat(ledger.recent(tenant, Receipt.Kind.RUN, null, null, 10)).containsExactly(run);
    assertThat(ledger.recent(tenant, Receipt.Kind.COMPILE, Receipts.HELLO, null, 10))
        .containsExactly(compiling);

    // Another tenant pays for the same version itself.
    TenantId other = TestDatabase.newTenantId();
    Receipt others = Receipts.ofCompiling(other, Receipts.HELLO, Receipts.NOW + 900 * HOUR);
    assertThat(ledger.insertAll(List.of(others))).isEqualTo(1);
    assertThat(ledger.topTenants(FIRST_HOUR + 900 * HOUR, FIRST_HOUR + 901 * HOUR, 3))
        .containsExactly(new TenantUsage(other, 0, 0, 0, 0, 0, 1, 30_000, 7));
  }

  @Test
  void runsOnTier2AreSummedApartToo() {
    Receipt machineCode = Receipts.onTier2(receipt(Receipts.HELLO, Receipts.NOW));
    Receipt classes = receipt(Receipts.HELLO, Receipts.NOW + 1);
    Receipt compiling =
        Receipts.onTier2(Receipts.ofCompiling(tenant, Receipts.HELLO, Receipts.NOW));
    assertThat(ledger.insertAll(List.of(machineCode, classes, compiling))).isEqualTo(3);
    assertThat(ledger.insertAll(List.of(machineCode))).isZero();
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR, null))
        .containsExactly(
            new UsageRow(Receipts.HELLO, FIRST_HOUR, 2, 0, 2_000, 602, 4_000_000, 1, 30_000, 7, 1));
    assertThat(ledger.receipt(tenant, machineCode.run())).contains(machineCode);
    assertThat(ledger.receipt(tenant, compiling.run())).contains(compiling);
    assertThat(ledger.receipt(tenant, classes.run())).contains(classes);
  }

  @Test
  void timesAreChecked() {
    assertThatThrownBy(() -> ledger.usage(tenant, -1, 5, null))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ledger.usage(tenant, 5, 4, null))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ledger.topTenants(0, Ledger.MAX_SPAN_MILLIS + 1, 5))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void receiptsOutliveTheirFunction() {
    TenantId owner = TestDatabase.newTenant();
    FunctionStore functions = new FunctionStore(TestDatabase.database());
    byte[] bytes = "gone".getBytes(StandardCharsets.US_ASCII);
    functions.putVersion(owner, Receipts.HELLO, ModuleDigest.of(bytes), bytes, "{}", 10);
    Receipt receipt = Receipts.of(owner, Receipts.HELLO, Receipts.NOW);
    ledger.insertAll(List.of(receipt));
    functions.delete(owner, Receipts.HELLO);
    assertThat(ledger.receipt(owner, receipt.run())).contains(receipt);
    assertThat(ledger.usage(owner, FIRST_HOUR, FIRST_HOUR + HOUR, Receipts.HELLO)).hasSize(1);
  }

  @Test
  void largestReceiptsDoNotOverflowTheSums() {
    List<Receipt> receipts = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      receipts.add(Receipts.withFuel(receipt(Receipts.HELLO, Receipts.NOW + i), Long.MAX_VALUE));
    }
    assertThat(ledger.insertAll(receipts)).isEqualTo(3);
    assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR, null).getFirst().fuel())
        .isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void spoolShipsIntoTheLedger(@TempDir Path directory) throws Exception {
    List<Receipt> receipts = new ArrayList<>();
    for (int i = 0; i < 2_000; i++) {
      receipts.add(receipt(Receipts.HELLO, Receipts.NOW + i));
    }
    try (ReceiptSpool spool = ReceiptSpool.open(SpoolConfig.of(directory), ledger)) {
      SpoolFixture.appendAll(spool, receipts);
      assertThat(spool.flush(SpoolFixture.LONG)).isTrue();
      assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR, null).getFirst().runs())
          .isEqualTo(2_000);
    }
  }

  @Test
  void receiptsCountOnceWhileTheServerKeepsCuttingTheShippersSessions(@TempDir Path directory)
      throws Exception {
    SpoolConfig config =
        SpoolConfig.of(directory)
            .withShipBatch(20)
            .withRetry(Duration.ofMillis(1), Duration.ofMillis(5));
    DatabaseConfig shared = TestDatabase.config();
    DatabaseConfig marked =
        new DatabaseConfig(
            shared.jdbcUrl() + "?ApplicationName=cut-me",
            shared.user(),
            shared.password(),
            2,
            shared.connectionTimeout());
    int cuts = 0;
    try (Database cut = Database.open(marked);
        ReceiptSpool spool = ReceiptSpool.open(config, new Ledger(cut))) {
      int sent = 0;
      while (cuts < 10) {
        List<Receipt> some = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
          some.add(receipt(Receipts.HELLO, Receipts.NOW + i));
        }
        SpoolFixture.appendAll(spool, some);
        sent += some.size();
        cuts += cutShippingSessions();
      }
      assertThat(spool.flush(SpoolFixture.LONG)).isTrue();
      assertThat(spool.stats().shipped()).isEqualTo(sent);
      assertThat(ledger.usage(tenant, FIRST_HOUR, FIRST_HOUR + HOUR, null).getFirst().runs())
          .isEqualTo(sent);
    }
  }

  private static int cutShippingSessions() {
    return TestDatabase.database()
        .query(connection ->
            Query.list(
                connection,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    + " WHERE application_name = 'cut-me' AND query LIKE 'WITH fresh%'",
                row -> row.getBoolean(1)))
        .size();
  }
}
