package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.scheduler.CompileQueue.Offer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Compiles wait by tenant, within bounds. */
@Timeout(60)
class CompileQueueTest {
  private static final TenantId A = new TenantId("a");
  private static final TenantId B = new TenantId("b");
  private static final TenantId C = new TenantId("c");

  private final Set<String> unwanted = new HashSet<>();
  private final CompileQueue<String> queue =
      new CompileQueue<>(6, 4, task -> !unwanted.contains(task));

  private List<@Nullable String> takeAll() throws InterruptedException {
    List<@Nullable String> all = new ArrayList<>();
    while (queue.size() > 0) {
      all.add(queue.take());
    }
    return all;
  }

  @Test
  void tenantsTakeTurnsAndEachKeepsItsOrder() throws InterruptedException {
    for (String task : List.of("a1", "a2", "a3")) {
      assertThat(queue.offer(A, task)).isEqualTo(Offer.QUEUED);
    }
    assertThat(queue.offer(B, "b1")).isEqualTo(Offer.QUEUED);
    assertThat(queue.take()).isEqualTo("a1");
    assertThat(queue.offer(C, "c1")).isEqualTo(Offer.QUEUED);
    assertThat(takeAll()).containsExactly("b1", "a2", "c1", "a3");
  }

  @Test
  void itIsBoundedByTenantAndInAll() throws InterruptedException {
    for (int i = 0; i < 4; i++) {
      assertThat(queue.offer(A, "a" + i)).isEqualTo(Offer.QUEUED);
    }
    assertThat(queue.offer(A, "a4")).isEqualTo(Offer.TENANT_FULL);
    assertThat(queue.offer(B, "b0")).isEqualTo(Offer.QUEUED);
    assertThat(queue.offer(B, "b1")).isEqualTo(Offer.QUEUED);
    assertThat(queue.offer(C, "c0")).isEqualTo(Offer.FULL);
    assertThat(queue.size()).isEqualTo(6);
    assertThat(queue.take()).isEqualTo("a0");
    assertThat(queue.offer(C, "c0")).isEqualTo(Offer.QUEUED);
    assertThat(takeAll()).containsExactly("b0", "a1", "c0", "b1", "a2", "a3");
  }

  @Test
  void whatIsNotWantedAnyMoreCostsNoTurn() throws InterruptedException {
    queue.offer(A, "a1");
    queue.offer(A, "a2");
    queue.offer(B, "b1");
    queue.offer(C, "c1");
    unwanted.add("a1");
    unwanted.add("b1");
    assertThat(queue.take()).isEqualTo("a2");
    assertThat(queue.take()).isEqualTo("c1");
    assertThat(queue.size()).isZero();
  }

  @Test
  void aClosedQueueGivesAndTakesNothing() throws InterruptedException {
    queue.offer(A, "a1");
    queue.close();
    assertThat(queue.take()).isNull();
    assertThat(queue.offer(A, "a2")).isEqualTo(Offer.CLOSED);
  }

  @Test
  void whoWaitsGetsTheNext() throws InterruptedException {
    List<@Nullable String> taken = new ArrayList<>();
    Thread taker =
        Thread.ofPlatform()
            .start(() -> {
              try {
                taken.add(queue.take());
                taken.add(queue.take());
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    queue.offer(A, "a1");
    while (queue.size() > 0 || taker.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    queue.close();
    taker.join();
    assertThat(taken).containsExactly("a1", null);
  }
}
