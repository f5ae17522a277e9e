package dev.skep.scheduler;

import static dev.skep.scheduler.Node.ONE_WORKER;
import static dev.skep.scheduler.Node.endless;
import static dev.skep.scheduler.Node.quick;
import static dev.skep.scheduler.Node.tenantLimits;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.LimitKind;
import dev.skep.limits.PriceTable;
import dev.skep.scheduler.Node.Answer;
import dev.skep.scheduler.Node.Ask;
import dev.skep.scheduler.Node.Busy;
import dev.skep.scheduler.Receipt.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One rule of the scheduler at a time; time is moved by cancels, never by waiting. */
@Timeout(120)
class SchedulerTest {

  private static int startedBefore(Node node, String tenant) {
    return new ArrayList<>(node.listener.started).indexOf(new TenantId(tenant));
  }

  @Test
  void aRunHasOneCallbackAndOneReceiptAtItsPrice() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      Ask ask = quick().tenant("payer").function("fn").version(3);
      RunRequest request = ask.request();
      Answer answer = new Answer();
      node.scheduler.submit(request, answer);
      Receipt receipt = answer.awaitReceipt();
      assertThat(answer.calls).hasValue(1);
      assertThat(node.receiptList()).containsExactly(receipt);
      assertThat(receipt.run()).isEqualTo(request.id());
      assertThat(receipt.tenant()).isEqualTo(new TenantId("payer"));
      assertThat(receipt.function()).isEqualTo(new FunctionName("fn"));
      assertThat(receipt.version()).isEqualTo(request.version());
      assertThat(receipt.outcome()).isEqualTo(Outcome.COMPLETED);
      // grow_all with one page: entry, one growth that is refused, and the size.
      assertThat(receipt.fuel()).isPositive();
      assertThat(receipt.costTableVersion()).isEqualTo(FuelCosts.VERSION);
      assertThat(receipt.priceVersion()).isEqualTo(PriceTable.DEFAULTS.version());
      assertThat(receipt.nanoDollars()).isEqualTo(PriceTable.DEFAULTS.nanoDollars(receipt.fuel()));
      assertThat(receipt.memoryPeakBytes()).isEqualTo(65_536);
      assertThat(receipt.durationNanos()).isPositive();
      assertThat(receipt.startedEpochMillis()).isPositive();
    }
  }

  @Test
  void everyOutcomeHasItsWordAndIsBilled() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      assertThat(node.submit(new Ask("unreachable")).outcome()).isEqualTo(Outcome.TRAPPED);
      assertThat(node.submit(endless().limits(Node.LIMITS.withFuel(1_000))).outcome())
          .isEqualTo(Outcome.OUT_OF_FUEL);
      assertThat(node.submit(endless().limits(Node.LIMITS.withDeadlineNanos(1_000_000))).outcome())
          .isEqualTo(Outcome.DEADLINE);
      assertThat(node.submit(new Ask("recurse").limits(Node.LIMITS.withCallDepth(10))).outcome())
          .isEqualTo(Outcome.LIMIT);
      assertThat(node.submit(quick().limits(Node.LIMITS.withMemoryBytes(1))).outcome())
          .isEqualTo(Outcome.LIMIT);
      assertThat(node.submit(quick()).outcome()).isEqualTo(Outcome.COMPLETED);
      assertThat(node.receiptList()).hasSize(6);
      assertThat(node.scheduler.activity())
          .singleElement()
          .satisfies(a -> {
            assertThat(a.runs()).isEqualTo(6);
            assertThat(a.failed()).isEqualTo(5);
            assertThat(a.fuel())
                .isEqualTo(node.receiptList().stream().mapToLong(Receipt::fuel).sum());
            assertThat(a.nanoDollars())
                .isEqualTo(node.receiptList().stream().mapToLong(Receipt::nanoDollars).sum());
          });
    }
  }

  @Test
  void aFloodOfOneTenantDelaysAnotherByOneTurnOnly() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      Busy busy = node.busy();
      List<Answer> flood = new ArrayList<>();
      for (int i = 0; i < 1_000; i++) {
        flood.add(node.submit(quick().tenant("flood")));
      }
      Answer single = node.submit(quick().tenant("single"));
      busy.release();
      assertThat(single.outcome()).isEqualTo(Outcome.COMPLETED);
      flood.forEach(Answer::await);
      // The busy one first, at most one of the flood, then the single.
      assertThat(startedBefore(node, "single")).isLessThanOrEqualTo(2);
      assertThat(flood).allSatisfy(a -> assertThat(a.calls).hasValue(1));
      assertThat(node.receiptList()).hasSize(1_002);
    }
  }

  @Test
  void aTurnGivesEveryTenantOneRun() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      Busy busy = node.busy();
      List<Answer> all = new ArrayList<>();
      for (String tenant : List.of("a", "b", "c")) {
        for (int i = 0; i < 3; i++) {
          all.add(node.submit(quick().tenant(tenant)));
        }
      }
      busy.release();
      all.forEach(Answer::await);
      assertThat(node.listener.started)
          .extracting(TenantId::value)
          .containsExactly("busy", "a", "b", "c", "a", "b", "c", "a", "b", "c");
    }
  }

  @Test
  void queuesAreBoundedByTenantAndInAll() {
    try (Node node = new Node(ONE_WORKER.withQueueCapacity(3), 4)) {
      Busy busy = node.busy();
      Answer first = node.submit(quick().tenant("a").tenantLimits(tenantLimits(1, 1)));
      node.submit(quick().tenant("a").tenantLimits(tenantLimits(1, 1)));
      Answer third = node.submit(quick().tenant("a").tenantLimits(tenantLimits(1, 1)));
      assertThat(third.awaitRefusal()).isEqualTo(Refusal.TENANT_QUEUE_FULL);
      node.submit(quick().tenant("b"));
      assertThat(node.submit(quick().tenant("c")).awaitRefusal()).isEqualTo(Refusal.QUEUE_FULL);
      assertThat(node.scheduler.stats().queued()).isEqualTo(3);
      busy.release();
      assertThat(first.outcome()).isEqualTo(Outcome.COMPLETED);
      assertThat(node.listener.refused)
          .containsExactly(Refusal.TENANT_QUEUE_FULL, Refusal.QUEUE_FULL);
      assertThat(third.calls).hasValue(1);
    }
  }

  @Test
  void refusalsHaveTheirWords() {
    assertThat(Refusal.values())
        .extracting(Refusal::word)
        .containsExactly(
            "tenant-queue-full",
            "queue-full",
            "pool-full",
            "compile-queue-full",
            "draining",
            "suspended");
    for (Outcome outcome : Outcome.values()) {
      assertThat(Outcome.of(outcome.word())).isEqualTo(outcome);
    }
  }

  @Test
  void aRunCancelledBeforeItStartsEndsAtItsFirstChargeAndIsBilledTheRun() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      Busy busy = node.busy();
      Answer answer = new Answer();
      RunTicket ticket = node.scheduler.submit(endless().request(), answer);
      ticket.cancel();
      busy.release();
      Receipt receipt = answer.awaitReceipt();
      assertThat(receipt.outcome()).isEqualTo(Outcome.CANCELLED);
      assertThat(receipt.fuel()).isZero();
      assertThat(receipt.nanoDollars()).isEqualTo(PriceTable.DEFAULTS.nanoDollarsPerRun());
    }
  }

  @Test
  void aRunningRunIsCancelledAndBilledForWhatItUsed() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      Busy busy = node.busy();
      busy.release();
      assertThat(busy.answer.outcome()).isEqualTo(Outcome.CANCELLED);
      assertThat(busy.answer.calls).hasValue(1);
    }
  }

  @Test
  void aCancelAfterTheEndDoesNotReachTheNextRunInTheSameWarmInstance() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      Answer first = new Answer();
      RunTicket ticket = node.scheduler.submit(quick().request(), first);
      first.await();
      for (int i = 0; i < 200; i++) {
        Answer next = new Answer();
        RunTicket nextTicket = node.scheduler.submit(quick().request(), next);
        ticket.cancel();
        assertThat(next.outcome()).isEqualTo(Outcome.COMPLETED);
        ticket = nextTicket;
      }
      assertThat(node.scheduler.stats().warmMisses()).isEqualTo(1);
    }
  }

  @Test
  void theSecondRunOfAFunctionIsWarmAndNoOneElses() {
    try (Node node = new Node(ONE_WORKER, 8)) {
      node.submit(quick().tenant("a").function("f").version(1)).await();
      warmed(node, 0, 1);
      node.submit(quick().tenant("a").function("f").version(1)).await();
      warmed(node, 1, 1);
      node.submit(quick().tenant("b").function("f").version(1)).await();
      warmed(node, 1, 2);
      node.submit(quick().tenant("a").function("g").version(1)).await();
      warmed(node, 1, 3);
      node.submit(quick().tenant("a").function("f").version(2)).await();
      warmed(node, 1, 4);
      assertThat(node.pool.stats().leased()).isEqualTo(4);
    }
  }

  /** Waits for the worker to have put its instance back, by having it take another run. */
  private static void settle(Node node) {
    node.submit(quick().tenant("settles").function("settles")).await();
  }

  private static void warmed(Node node, long hits, long misses) {
    assertThat(node.scheduler.stats().warmHits()).isEqualTo(hits);
    assertThat(node.scheduler.stats().warmMisses()).isEqualTo(misses);
  }

  @Test
  void moreFunctionsThanSlotsEvictOneAnother() {
    try (Node node = new Node(ONE_WORKER, 3)) {
      for (int round = 0; round < 3; round++) {
        for (int f = 0; f < 7; f++) {
          assertThat(node.submit(quick().function("f" + f)).outcome()).isEqualTo(Outcome.COMPLETED);
        }
      }
      assertThat(node.scheduler.stats().warmEvictions()).isPositive();
      assertThat(node.pool.stats().leased()).isLessThanOrEqualTo(3);
      assertThat(node.listener.refused).isEmpty();
    }
  }

  @Test
  void aPoolWhoseSlotsAllRunRefuses() {
    try (Node node = new Node(ONE_WORKER.withWorkers(2), 1)) {
      Busy busy = node.busy();
      // The start is told before the slot is taken.
      while (!node.scheduler.isFull()) {
        Thread.onSpinWait();
      }
      Answer refused = node.submit(quick());
      assertThat(refused.awaitRefusal()).isEqualTo(Refusal.POOL_FULL);
      busy.release();
      assertThat(node.receiptList()).hasSize(1);
      assertThat(refused.calls).hasValue(1);
    }
  }

  @Test
  void forgettingAFunctionClosesItsWarmInstancesOfEveryVersionAndNoOthers() {
    try (Node node = new Node(ONE_WORKER, 8)) {
      node.submit(quick().function("gone").version(1)).await();
      node.submit(quick().function("gone").version(2)).await();
      node.submit(quick().function("stays")).await();
      node.submit(quick().tenant("other").function("gone")).await();
      settle(node);
      node.scheduler.forget(new TenantId("t"), new FunctionName("gone"));
      List<String> left = new ArrayList<>();
      node.scheduler.forEachSlot(
          (slot, running, tenant, function, memoryBytes) -> left.add(tenant + "/" + function));
      assertThat(left).contains("t/stays", "other/gone").doesNotContain("t/gone");
    }
  }

  @Test
  void aTrapALimitAndACancelDropTheWarmInstance() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      List<Ask> ends =
          List.of(
              new Ask("unreachable"),
              endless().limits(Node.LIMITS.withFuel(10)),
              new Ask("recurse").limits(Node.LIMITS.withCallDepth(5)));
      for (Ask ask : ends) {
        node.submit(quick()).await();
        long misses = node.scheduler.stats().warmMisses();
        node.submit(ask).await();
        assertThat(node.scheduler.stats().warmMisses()).isEqualTo(misses);
        node.submit(quick()).await();
        assertThat(node.scheduler.stats().warmMisses()).isEqualTo(misses + 1);
      }
    }
  }

  @Test
  void aLimitBelowTheModulesStartHoldsInAWarmInstanceToo() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      node.submit(quick()).await();
      Answer low = node.submit(quick().limits(Node.LIMITS.withMemoryBytes(10)));
      RunReport report = low.await().report;
      assertThat(report).isNotNull();
      if (report != null) {
        assertThat(report.result())
            .isInstanceOfSatisfying(
                RunResult.LimitReached.class,
                r -> assertThat(r.kind()).isEqualTo(LimitKind.MEMORY));
      }
    }
  }

  @Test
  void drainingRefusesNewRunsAndWaitsForTheOldOnes() throws InterruptedException {
    try (Node node = new Node(ONE_WORKER, 4)) {
      Busy busy = node.busy();
      Answer waiting = node.submit(quick());
      assertThat(node.scheduler.drain(Duration.ofMillis(20))).isFalse();
      assertThat(node.submit(quick()).awaitRefusal()).isEqualTo(Refusal.DRAINING);
      busy.release();
      assertThat(node.scheduler.drain(Duration.ofSeconds(60))).isTrue();
      assertThat(waiting.isHeard()).isTrue();
      assertThat(waiting.outcome()).isEqualTo(Outcome.COMPLETED);
    }
  }

  @Test
  void closingAnswersEveryRunThatStillWaits() {
    List<Answer> waiting = new ArrayList<>();
    Node node = new Node(ONE_WORKER, 4);
    Busy busy = node.busy();
    for (int i = 0; i < 100; i++) {
      waiting.add(node.submit(quick().tenant("t" + i % 7)));
    }
    // Closes with the worker still in its run, which is then cancelled.
    node.close();
    assertThat(busy.answer.outcome()).isEqualTo(Outcome.CANCELLED);
    assertThat(waiting)
        .allSatisfy(answer -> {
          assertThat(answer.awaitRefusal()).isEqualTo(Refusal.DRAINING);
          assertThat(answer.calls).hasValue(1);
        });
    assertThat(node.scheduler.stats().queued()).isZero();
    assertThat(node.scheduler.stats().running()).isZero();
    assertThat(node.pool.stats().leased()).isZero();
    assertThat(node.submit(quick()).awaitRefusal()).isEqualTo(Refusal.DRAINING);
  }

  @Test
  void aReceiptLogThatThrowsAnswersWithItsFailureAndLosesNoWorker() throws InterruptedException {
    Node.Receipts broken =
        new Node.Receipts() {
          @Override
          public void append(Receipt receipt, Done done) {
            throw new IllegalStateException("the disk is gone");
          }
        };
    try (Node node = new Node(ONE_WORKER, 4, broken, new Node.Listener())) {
      for (int i = 0; i < 3; i++) {
        Answer answer = node.submit(quick()).await();
        assertThat(answer.failure).hasMessage("the disk is gone");
        assertThat(answer.calls).hasValue(1);
      }
      assertThat(node.scheduler.drain(Duration.ofSeconds(60))).isTrue();
    }
  }

  @Test
  void aReceiptLogThatAnswersTwiceOrThrowsAfterwardsIsHeardOnce() throws InterruptedException {
    Node.Receipts twice =
        new Node.Receipts() {
          @Override
          public void append(Receipt receipt, Done done) {
            done.appended(null);
            done.appended(new IllegalStateException("late"));
            throw new IllegalStateException("later");
          }
        };
    try (Node node = new Node(ONE_WORKER, 4, twice, new Node.Listener())) {
      Answer answer = node.submit(quick()).await();
      assertThat(answer.failure).isNull();
      assertThat(node.scheduler.drain(Duration.ofSeconds(60))).isTrue();
      assertThat(answer.calls).hasValue(1);
    }
  }

  @Test
  void aCallbackThatThrowsHurtsNobody() throws InterruptedException {
    try (Node node = new Node(ONE_WORKER, 4)) {
      CountDownLatch heard = new CountDownLatch(2);
      RunCallback rude =
          new RunCallback() {
            @Override
            public void ended(
                RunReport report, Receipt receipt, @Nullable Throwable receiptFailure) {
              heard.countDown();
              throw new IllegalStateException("rude");
            }

            @Override
            public void refused(Refusal refusal) {
              heard.countDown();
              throw new IllegalStateException("rude");
            }
          };
      node.scheduler.submit(quick().request(), rude);
      assertThat(node.submit(quick()).outcome()).isEqualTo(Outcome.COMPLETED);
      assertThat(node.scheduler.drain(Duration.ofSeconds(60))).isTrue();
      node.scheduler.submit(quick().request(), rude);
      heard.await();
    }
  }

  @Test
  void aListenerThatThrowsCostsNoRunItsAnswer() throws InterruptedException {
    Node.Listener rude =
        new Node.Listener() {
          @Override
          public void started(TenantId tenant, long waitedNanos) {
            throw new IllegalStateException("rude");
          }

          @Override
          public void ended(Receipt receipt) {
            throw new IllegalStateException("rude");
          }

          @Override
          public void refused(TenantId tenant, Refusal refusal) {
            throw new IllegalStateException("rude");
          }
        };
    try (Node node = new Node(ONE_WORKER, 4, new Node.Receipts(), rude)) {
      for (int i = 0; i < 3; i++) {
        assertThat(node.submit(quick()).outcome()).isEqualTo(Outcome.COMPLETED);
      }
      assertThat(node.receiptList()).hasSize(3);
      assertThat(node.scheduler.drain(Duration.ofSeconds(60))).isTrue();
      assertThat(node.submit(quick()).awaitRefusal()).isEqualTo(Refusal.DRAINING);
    }
  }

  @Test
  void aTenantsConcurrencyIsHeldWhileWorkersIdle() {
    try (Node node = new Node(ONE_WORKER.withWorkers(3), 8)) {
      Busy one = node.new Busy(endless().tenant("a").tenantLimits(tenantLimits(1, 10)));
      Answer second = node.submit(quick().tenant("a").tenantLimits(tenantLimits(1, 10)));
      // Others go past it.
      assertThat(node.submit(quick().tenant("b")).outcome()).isEqualTo(Outcome.COMPLETED);
      assertThat(second.isHeard()).isFalse();
      one.release();
      assertThat(second.outcome()).isEqualTo(Outcome.COMPLETED);
    }
  }
}
