package dev.skep.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.GuestInstance;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotLease;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which idle instance is taken, which one goes, and that no two threads ever hold the same. */
@Timeout(120)
class WarmSlotsTest {
  private static final int SLOTS = 4;
  private static final ModuleDigest VERSION = ModuleDigest.of(new byte[0]);

  private final PoolingAllocator pool =
      new PoolingAllocator(PoolConfig.of(SLOTS, 17L << 20, 12_000, 0));
  private final WarmSlots warm = new WarmSlots();
  private final WarmSlots.Holder holder = warm.holder(pool.newOwner());

  @BeforeEach
  void open() {
    pool.reclaimWith(
        (owner, slotClass, ownOnly) -> warm.evict(warm.holder(owner), slotClass, ownOnly));
  }

  @AfterEach
  void close() {
    warm.closeAll();
    assertThat(warm.warm()).isZero();
    pool.close();
  }

  private static WarmSlots.Key key(int function) {
    return new WarmSlots.Key(new TenantId("t"), new FunctionName("f" + function), VERSION);
  }

  private WarmSlots.@Nullable Entry made(WarmSlots.Key key) {
    if (!(pool.take(Node.TRAP.slotFor(holder.owner())) instanceof SlotLease lease)) {
      return null;
    }
    return switch (Node.TRAP.instantiate(lease, Node.LIMITS)) {
      case GuestInstance instance -> warm.add(key, instance, holder);
      case dev.skep.engine.Instantiation.Failed failed -> throw new AssertionError(failed);
    };
  }

  private void idle(int function) {
    WarmSlots.Entry entry = made(key(function));
    if (entry != null) {
      warm.put(entry);
    }
  }

  @Test
  void aRunningInstanceIsNeitherTakenNorEvicted() {
    WarmSlots.Entry running = made(key(1));
    assertThat(running).isNotNull();
    assertThat(warm.take(key(1), false)).isNull();
    assertThat(warm.evict(holder, 0, false)).isFalse();
    warm.forget(holder, new FunctionName("f1"));
    assertThat(pool.stats().leased()).isEqualTo(1);
    if (running != null) {
      warm.discard(running);
    }
    assertThat(pool.stats().leased()).isZero();
  }

  @Test
  void theInstanceUsedSinceTheHandLastPassedIsForgivenOnce() {
    for (int f = 0; f < SLOTS; f++) {
      idle(f);
    }
    // All have been used: the hand forgives each and comes back to where it began.
    assertThat(warm.evict(holder, 0, false)).isTrue();
    List<Integer> left = new ArrayList<>();
    warm.forEach((_, _, _, function, _) -> left.add(function.value().charAt(1) - '0'));
    assertThat(left).hasSize(SLOTS - 1);
    // Of the rest all but one are used again, so that one goes, wherever the hand is.
    int unused = left.removeLast();
    for (int f : left) {
      WarmSlots.Entry used = warm.take(key(f), false);
      if (used != null) {
        warm.put(used);
      }
    }
    assertThat(warm.evict(holder, 0, false)).isTrue();
    assertThat(warm.take(key(unused), false)).isNull();
    assertThat(warm.warm()).isEqualTo(2);
    assertThat(warm.evictions()).isEqualTo(2);
  }

  @Test
  void noInstanceIsHeldTwiceAndNoneIsLostAmongThreads() throws InterruptedException {
    AtomicIntegerArray owner = new AtomicIntegerArray(SLOTS);
    AtomicInteger clashes = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int t = 1; t <= 6; t++) {
      int me = t;
      Random random = new Random(t);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 5_000; i++) {
                  WarmSlots.Key key = key(random.nextInt(6));
                  WarmSlots.Entry entry = warm.take(key, false);
                  if (entry == null) {
                    entry = made(key);
                  }
                  if (entry != null) {
                    int slot = entry.instance.slot();
                    if (!owner.compareAndSet(slot, 0, me)) {
                      clashes.incrementAndGet();
                    }
                    if (!entry.key.equals(key)) {
                      wrong.incrementAndGet();
                    }
                    owner.set(slot, 0);
                    if (random.nextInt(10) == 0) {
                      warm.discard(entry);
                    } else {
                      warm.put(entry);
                    }
                  }
                  if (random.nextInt(50) == 0) {
                    warm.forget(holder, key.function());
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(clashes).hasValue(0);
    assertThat(wrong).hasValue(0);
    int idle = warm.warm();
    assertThat(pool.stats().leased()).isEqualTo(idle);
    // Every idle instance can still be found by its key.
    int found = 0;
    for (int f = 0; f < 6; f++) {
      for (WarmSlots.Entry e = warm.take(key(f), false); e != null; e = warm.take(key(f), false)) {
        found++;
        warm.discard(e);
      }
    }
    assertThat(found).isEqualTo(idle);
    assertThat(pool.stats().leased()).isZero();
    assertThat(warm.warm()).isZero();
  }
}
