package dev.skep.scheduler;

import static dev.skep.scheduler.Node.endless;
import static dev.skep.scheduler.Node.quick;
import static dev.skep.scheduler.Node.tenantLimits;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.PriceTable;
import dev.skep.limits.TenantLimits;
import dev.skep.scheduler.Node.Answer;
import dev.skep.scheduler.Node.Ask;
import dev.skep.scheduler.Receipt.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Everything at once, with fewer slots than functions. */
@Timeout(120)
class SchedulerStressTest {
  private static final int CONCURRENCY = 2;
  private static final int TENANTS = 20;

  /** Of each tenant; together more than there are slots, so that some are evicted. */
  private static final int FUNCTIONS = 6;

  /** Counts each tenant's runs between their start and their end. */
  private static final class Counting extends Node.Listener {
    final ConcurrentHashMap<TenantId, AtomicInteger> running = new ConcurrentHashMap<>();
    final AtomicInteger most = new AtomicInteger();

    @Override
    public void started(TenantId tenant, long waitedNanos) {
      int now = running.computeIfAbsent(tenant, _ -> new AtomicInteger()).incrementAndGet();
      most.accumulateAndGet(now, Math::max);
    }

    @Override
    public void ended(Receipt receipt) {
      running.computeIfAbsent(receipt.tenant(), _ -> new AtomicInteger()).decrementAndGet();
    }

    @Override
    public void refused(TenantId tenant, Refusal refusal) {
      // Runs that are aside hold slots, so that one that has started may find none.
      if (refusal == Refusal.POOL_FULL) {
        running.computeIfAbsent(tenant, _ -> new AtomicInteger()).decrementAndGet();
      }
    }
  }

  private static Ask ask(Random random) {
    Ask ask =
        switch (random.nextInt(10)) {
          case 0 -> new Ask("unreachable");
          case 1 -> endless().limits(Node.LIMITS.withFuel(5_000));
          case 2 -> new Ask("recurse").limits(Node.LIMITS.withCallDepth(50));
          case 3 -> endless().limits(Node.LIMITS.withDeadlineNanos(200_000));
          case 4 -> new Ask("table_grow_all");
          default -> quick();
        };
    TenantLimits limits = tenantLimits(CONCURRENCY, 1_000);
    return ask.tenant("t" + random.nextInt(TENANTS))
        .function("f" + random.nextInt(FUNCTIONS))
        .tenantLimits(limits);
  }

  @Test
  void eightThreadsAndTwentyTenantsGetOneCallbackAndOneReceiptEach() throws InterruptedException {
    Counting counting = new Counting();
    SchedulerConfig config = SchedulerConfig.DEFAULTS.withWorkers(4).withQueueCapacity(100_000);
    Queue<Answer> answers = new ConcurrentLinkedQueue<>();
    // Every run that has begun holds a slot, aside too. With fewer, most of those that begin while
    // code is cold are refused, and how many are not is chance.
    Node node = new Node(config, TENANTS * CONCURRENCY, new Node.Receipts(), counting);
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 8; t++) {
      Random random = new Random(t);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 500; i++) {
                  Answer answer = new Answer();
                  RunTicket ticket = node.scheduler.submit(ask(random).request(), answer);
                  answers.add(answer);
                  if (random.nextInt(10) == 0) {
                    ticket.cancel();
                  }
                  if (random.nextInt(20) == 0) {
                    answer.await();
                    node.scheduler.forget(
                        new TenantId("t" + random.nextInt(TENANTS)), new FunctionName("f0"));
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    answers.forEach(Answer::await);
    assertThat(node.scheduler.drain(Duration.ofSeconds(60))).isTrue();

    assertThat(answers).hasSize(4_000);
    assertThat(answers).allSatisfy(a -> assertThat(a.calls).hasValue(1));
    List<Receipt> receipts = node.receiptList();
    long ran = answers.stream().filter(a -> a.refusal == null).count();
    assertThat(receipts).hasSize((int) ran);
    assertThat(answers).allSatisfy(a -> assertThat(a.refusal).isIn(null, Refusal.POOL_FULL));
    Set<RunId> ids = new HashSet<>();
    for (Receipt receipt : receipts) {
      assertThat(ids.add(receipt.run())).isTrue();
      assertThat(receipt.nanoDollars()).isEqualTo(PriceTable.DEFAULTS.nanoDollars(receipt.fuel()));
      assertThat(receipt.outcome()).isNotEqualTo(Outcome.HOST_FAILURE);
    }
    assertThat(counting.most).hasValueLessThanOrEqualTo(CONCURRENCY);
    SchedulerStats stats = node.scheduler.stats();
    assertThat(stats.queued()).isZero();
    assertThat(stats.running()).isZero();
    assertThat(stats.warmHits()).isPositive();
    assertThat(stats.warmEvictions()).isPositive();
    assertThat(stats.warmHits() + stats.warmMisses()).isEqualTo(4_000);
    assertThat(node.scheduler.activity())
        .allSatisfy(a -> {
          assertThat(a.queued()).isZero();
          assertThat(a.running()).isZero();
        });
    assertThat(node.scheduler.activity().stream().mapToLong(TenantActivity::runs).sum())
        .isEqualTo(ran);
    // Workers put instances back behind the answer; closing waits for them.
    node.close();
    assertThat(node.pool.stats().leased()).isZero();
    assertThat(node.pool.stats().retired()).isZero();
    assertThat(node.pool.stats().taken()).isEqualTo(node.pool.stats().closed());
    assertThat(node.scheduler.stats().warm()).isZero();
  }

  @Test
  void closingUnderFireAnswersEverySubmission() throws InterruptedException {
    for (int round = 0; round < 10; round++) {
      Node node = new Node(SchedulerConfig.DEFAULTS.withWorkers(2).withQueueCapacity(500), 4);
      Queue<Answer> answers = new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        Random random = new Random(round * 10 + t);
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  for (int i = 0; i < 300; i++) {
                    Answer answer = new Answer();
                    answers.add(answer);
                    node.scheduler.submit(
                        quick().tenant("t" + random.nextInt(50)).request(), answer);
                  }
                }));
      }
      while (answers.size() < 200) {
        Thread.onSpinWait();
      }
      node.scheduler.close();
      for (Thread thread : threads) {
        thread.join();
      }
      answers.forEach(Answer::await);
      assertThat(answers).allSatisfy(a -> assertThat(a.calls).hasValue(1));
      assertThat(node.scheduler.stats().queued()).isZero();
      node.close();
    }
  }
}
