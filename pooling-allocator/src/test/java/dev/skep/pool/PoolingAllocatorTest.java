package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.runtime.WasmRuntimeException;
import dev.skep.pool.os.SystemCallException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Leases: each slot once, counted exactly, and of no use after their end. */
class PoolingAllocatorTest {
  private static final PoolConfig SMALL = Slots.config(3, 4L * PAGE, 1_024, 0);

  @Test
  void everyTakeAndReturnIsCounted() {
    PoolingAllocator pool = new PoolingAllocator(SMALL);
    SlotOwner owner = pool.newOwner();
    assertThat(pool.stats().reservedBytes()).isEqualTo(SlabLayout.of(SMALL).totalBytes());
    holds(pool, 3, 0, 3, 0, 0, 0, 0, 0);
    List<SlotLease> leases = all(pool, owner);
    assertThat(leases).extracting(SlotLease::slot).containsExactly(0, 1, 2);
    holds(pool, 3, 3, 0, 0, 3, 1, 0, 0);
    leases.get(1).reset();
    leases.get(1).reset();
    leases.get(1).close();
    holds(pool, 3, 2, 1, 0, 3, 1, 2, 1);
    leases.get(1).close();
    holds(pool, 3, 2, 1, 0, 3, 1, 2, 1);
    leases.forEach(SlotLease::close);
    holds(pool, 3, 0, 3, 0, 3, 1, 2, 3);
    assertThat(pool.stats().reservedBytes()).isEqualTo(SlabLayout.of(SMALL).totalBytes());
    pool.close();
    pool.close();
  }

  private static List<SlotLease> all(PoolingAllocator pool, SlotOwner owner) {
    List<SlotLease> leases = new ArrayList<>();
    while (pool.take(new SlotRequest(owner, Slots.images(), 0)) instanceof SlotLease lease) {
      leases.add(lease);
    }
    return leases;
  }

  private static void holds(
      PoolingAllocator pool,
      int slots,
      int leased,
      int free,
      int retired,
      long taken,
      long refused,
      long resets,
      long closed) {
    PoolStats stats = pool.stats();
    assertThat(
            List.of(
                stats.slots(),
                stats.leased(),
                stats.free(),
                stats.retired(),
                stats.taken(),
                stats.refusals(),
                stats.resets().total(),
                stats.closed()))
        .as("slots, leased, free, retired, taken, refused, resets, closed")
        .isEqualTo(List.of(slots, leased, free, retired, taken, refused, resets, closed));
  }

  @Test
  void noTwoLeasesOfASlotShareAGeneration() {
    try (Slots slots = new Slots(Slots.config(1, 4L * PAGE, 1_024, 0))) {
      for (int i = 1; i <= 5; i++) {
        SlotLease lease = slots.take();
        assertThat(lease.generation()).isEqualTo(i);
        lease.close();
      }
    }
  }

  @Test
  void aPoolWithOpenLeasesDoesNotCloseAndGoesOnWorking() {
    PoolingAllocator pool = new PoolingAllocator(SMALL);
    SlotOwner owner = pool.newOwner();
    SlotLease lease = Slots.take(pool, owner, Slots.images(), 0);
    assertThatThrownBy(pool::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("1 leases are open");
    List<SlotLease> others = all(pool, owner);
    assertThat(others).extracting(SlotLease::slot).containsExactlyInAnyOrder(1, 2);
    others.forEach(SlotLease::close);
    lease.close();
    pool.close();
  }

  @Test
  void aClosedPoolLeasesNothing() {
    PoolingAllocator pool = new PoolingAllocator(SMALL);
    SlotOwner owner = pool.newOwner();
    pool.close();
    assertThat(pool.take(new SlotRequest(owner, Slots.images(), 0)))
        .isInstanceOf(TakeRefused.class);
    assertThat(owner.leased()).isZero();
  }

  @Test
  void addressSpaceThatTheKernelDoesNotHaveIsATypedFailure() {
    assertThatThrownBy(() -> new PoolingAllocator(PoolConfig.of(1_000_000, 1L << 32, 1, 1 << 30)))
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining("mmap of");
  }

  @Test
  void everyAccessAfterCloseTraps() {
    try (Slots slots = new Slots(SMALL)) {
      SlotLease lease = slots.take();
      SlotMemory memory = Slots.memory(lease, 2, 4);
      SlotTable table = lease.newTable(Slots.table(5, 9), Slots.NULL, 0, 1);
      lease.settle();
      lease.open(Slots.WIDE);
      memory.begin(Slots.WIDE, System.nanoTime());
      table.setRef(0, 1, null);
      lease.close();

      for (Runnable late :
          List.<Runnable>of(
              () -> memory.load8(0, 0),
              () -> memory.store64(0, 0, 1),
              () -> memory.read(0),
              () -> memory.writeI32(0, 1),
              () -> memory.readBytes(0, 1),
              () -> memory.fillBytes(0, (byte) 1, 1),
              () -> memory.copy(0, 0, 1),
              () -> table.ref(0),
              () -> table.element(0),
              () -> table.setRef(0, 1, null),
              () -> table.fillElements(0, 1, 1),
              () -> table.copyFrom(table, 0, 0, 1))) {
        assertThatThrownBy(late::run).isInstanceOf(WasmRuntimeException.class);
      }
      assertThat(memory.pages()).isZero();
      assertThat(table.size()).isZero();
      assertThatThrownBy(() -> memory.charge(1))
          .isInstanceOf(dev.skep.limits.LimitExceededException.class);
      assertThatThrownBy(() -> memory.enter(1))
          .isInstanceOf(dev.skep.limits.LimitExceededException.class);
    }
  }

  @Test
  void growthAfterCloseReachesNothing() {
    try (Slots slots = new Slots(SMALL)) {
      SlotLease lease = slots.take();
      SlotMemory memory = Slots.memory(lease, 1, 4);
      SlotTable table = lease.newTable(Slots.table(5, 9), Slots.NULL, 0, 1);
      lease.close();
      assertThat(memory.grow(1)).isEqualTo(-1);
      assertThat(table.grow(1, 1, null)).isEqualTo(-1);
      assertThatThrownBy(() -> memory.load8(0, 0)).isInstanceOf(WasmRuntimeException.class);
      assertThatThrownBy(() -> table.element(0)).isInstanceOf(WasmRuntimeException.class);
    }
  }

  @Test
  void aClosedLeaseRefusesToBeUsedAgain() {
    try (Slots slots = new Slots(SMALL)) {
      SlotLease lease = slots.take();
      Slots.memory(lease, 1, 4);
      SlotTable table = lease.newTable(Slots.table(5, 9), Slots.NULL, 0, 1);
      lease.settle();
      table.setRef(0, 1, null);
      lease.close();
      for (Runnable late :
          List.<Runnable>of(
              lease::reset,
              () -> lease.open(Slots.WIDE),
              () -> Slots.memory(lease, 1, 1),
              () -> lease.newTable(Slots.table(1, 1), Slots.NULL, 0, 1))) {
        assertThatThrownBy(late::run).isInstanceOf(IllegalStateException.class);
      }
      assertThat(slots.pool.stats().closed()).isEqualTo(1);
    }
  }

  @Test
  void sharedMemoryIsNoPartOfASlot() {
    try (Slots slots = new Slots(SMALL)) {
      SlotLease lease = slots.take();
      SlotMemory memory = Slots.memory(lease, 1, 1);
      assertThat(memory.shared()).isFalse();
      assertThatThrownBy(() -> memory.waitOn(0, 0, 0)).isInstanceOf(WasmRuntimeException.class);
      assertThatThrownBy(() -> memory.notify(0, 1)).isInstanceOf(WasmRuntimeException.class);
      lease.close();
    }
  }

  @Test
  void fourThreadsTakeAndReturnAndEverySlotIsCounted() throws InterruptedException {
    PoolingAllocator pool = new PoolingAllocator(Slots.config(5, 4L * PAGE, 1_024, 0));
    SlotOwner owner = pool.newOwner();
    AtomicLong taken = new AtomicLong();
    AtomicLong refused = new AtomicLong();
    AtomicLong dirty = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Random random = new Random(t);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                List<SlotLease> mine = new ArrayList<>();
                for (int i = 0; i < 5_000; i++) {
                  if (mine.size() < 3 && random.nextBoolean()) {
                    if (!(pool.take(new SlotRequest(owner, Slots.images(), 0))
                        instanceof SlotLease lease)) {
                      refused.incrementAndGet();
                    } else {
                      taken.incrementAndGet();
                      mine.add(lease);
                      SlotMemory memory = Slots.memory(lease, 1, 4);
                      if (memory.load64(0, 128) != 0) {
                        dirty.incrementAndGet();
                      }
                      memory.store64(0, 128, i + 1);
                    }
                  } else if (!mine.isEmpty()) {
                    mine.remove(random.nextInt(mine.size())).close();
                  }
                }
                mine.forEach(SlotLease::close);
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(dirty).hasValue(0);
    holds(pool, 5, 0, 5, 0, taken.get(), refused.get(), 0, taken.get());
    pool.close();
  }
}
