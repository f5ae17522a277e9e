package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.scheduler.Node.Answer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One tenant's queue: its bounds, its place in the ring, its concurrency. */
@Timeout(120)
class TenantQueueTest {
  private final PoolingAllocator pool = new PoolingAllocator(PoolConfig.of(1, 65_536, 1, 0));
  private final WarmSlots warm = new WarmSlots();

  @AfterEach
  void close() {
    pool.close();
  }

  private TenantQueue queue(String tenant) {
    return new TenantQueue(new TenantId(tenant), warm.holder(pool.newOwner()));
  }

  private static RunTicket ticket(int concurrency, int queueDepth) {
    return new RunTicket(
        Node.quick().tenantLimits(Node.tenantLimits(concurrency, queueDepth)).request(),
        new Answer(),
        0);
  }

  @Test
  void aQueueIsInTheRingOnceAndOnlyWithSomethingToRun() {
    TenantQueue queue = queue("t");
    assertThat(queue.entersFront()).isFalse();
    RunTicket first = ticket(2, 10);
    assertThat(queue.offer(first)).isTrue();
    assertThat(queue.entersFront()).isTrue();
    assertThat(queue.offer(ticket(2, 10))).isTrue();
    assertThat(queue.entersFront()).isFalse();
    assertThat(queue.begin()).isSameAs(first);
    assertThat(queue.entersFront()).isTrue();
    assertThat(queue.begin()).isNotNull();
    assertThat(queue.offer(ticket(2, 10))).isTrue();
    assertThat(queue.entersFront()).as("two run already").isFalse();
    queue.ended();
    assertThat(queue.entersFront()).isTrue();
  }

  @Test
  void aQueueThatEnteredTheRingAsItsConcurrencyFilledGivesNothingOut() {
    TenantQueue queue = queue("t");
    for (int i = 0; i < 3; i++) {
      assertThat(queue.offer(ticket(2, 10))).isTrue();
    }
    assertThat(queue.entersFront()).isTrue();
    assertThat(queue.begin()).isNotNull();
    assertThat(queue.entersFront()).isTrue();
    // Between its look at the concurrency and its entry another thread did this:
    assertThat(queue.begin()).isNotNull();
    assertThat(queue.begin()).isNull();
    assertThat(queue.running()).isEqualTo(2);
    assertThat(queue.queued()).isEqualTo(1);
    queue.ended();
    assertThat(queue.entersFront()).isTrue();
    assertThat(queue.begin()).isNotNull();
  }

  @Test
  void noTicketIsLostAndConcurrencyHeldAmongThreads() throws InterruptedException {
    int tickets = 100_000;
    TenantQueue queue = queue("t");
    LinkedTransferQueue<TenantQueue> ring = new LinkedTransferQueue<>();
    TenantQueue end = queue("end");
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    AtomicInteger ran = new AtomicInteger();
    RunTicket one = ticket(1, 100_000);
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  for (TenantQueue q = ring.take(); !q.tenant.equals(end.tenant); q = ring.take()) {
                    RunTicket ticket = q.begin();
                    if (ticket != null) {
                      if (q.entersFront()) {
                        ring.add(q);
                      }
                      most.accumulateAndGet(running.incrementAndGet(), Math::max);
                      running.decrementAndGet();
                      if (ran.incrementAndGet() == tickets) {
                        for (int i = 0; i < 4; i++) {
                          ring.add(end);
                        }
                      }
                      q.ended();
                    }
                    if (q.entersFront()) {
                      ring.add(q);
                    }
                  }
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              }));
    }
    for (int t = 0; t < 2; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < tickets / 2; i++) {
                  while (!queue.offer(one)) {
                    Thread.onSpinWait();
                  }
                  if (queue.entersFront()) {
                    ring.add(queue);
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(ran).hasValue(tickets);
    assertThat(most).hasValue(1);
    assertThat(queue.queued()).isZero();
    assertThat(queue.running()).isZero();
  }
}
