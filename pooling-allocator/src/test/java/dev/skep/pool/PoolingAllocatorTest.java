package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import dev.skep.pool.os.SystemCallException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Leases: each slot once, counted exactly, and of no use after their end. */
class PoolingAllocatorTest {
  private static final PoolConfig SMALL = new PoolConfig(3, 4L * PAGE, 1_024, 0);

  @Test
  void everyTakeAndReturnIsCounted() {
    PoolingAllocator pool = new PoolingAllocator(SMALL);
    long reserved = SlabLayout.of(SMALL).totalBytes();
    assertThat(pool.stats()).isEqualTo(new PoolStats(3, 0, 3, 0, 0, 0, 0, 0, reserved));
    List<SlotLease> leases = new ArrayList<>();
    for (SlotLease lease = pool.take(); lease != null; lease = pool.take()) {
      leases.add(lease);
    }
    assertThat(leases).extracting(SlotLease::slot).containsExactly(0, 1, 2);
    assertThat(pool.stats()).isEqualTo(new PoolStats(3, 3, 0, 0, 3, 1, 0, 0, reserved));
    leases.get(1).reset();
    leases.get(1).reset();
    leases.get(1).close();
    assertThat(pool.stats()).isEqualTo(new PoolStats(3, 2, 1, 0, 3, 1, 2, 1, reserved));
    leases.get(1).close();
    assertThat(pool.stats()).isEqualTo(new PoolStats(3, 2, 1, 0, 3, 1, 2, 1, reserved));
    leases.forEach(SlotLease::close);
    assertThat(pool.stats()).isEqualTo(new PoolStats(3, 0, 3, 0, 3, 1, 2, 3, reserved));
    pool.close();
    pool.close();
  }

  @Test
  void noTwoLeasesOfASlotShareAGeneration() {
    try (Slots slots = new Slots(SMALL.withSlots(1))) {
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
    SlotLease lease = pool.take();
    assertThat(lease).isNotNull();
    assertThatThrownBy(pool::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("1 leases are open");
    Set<Integer> rest = new HashSet<>();
    List<SlotLease> others = new ArrayList<>();
    for (SlotLease other = pool.take(); other != null; other = pool.take()) {
      rest.add(other.slot());
      others.add(other);
    }
    assertThat(rest).containsExactlyInAnyOrder(1, 2);
    others.forEach(SlotLease::close);
    if (lease != null) {
      lease.close();
    }
    pool.close();
  }

  @Test
  void aClosedPoolLeasesNothing() {
    PoolingAllocator pool = new PoolingAllocator(SMALL);
    pool.close();
    assertThat(pool.take()).isNull();
  }

  @Test
  void addressSpaceThatTheKernelDoesNotHaveIsATypedFailure() {
    assertThatThrownBy(() -> new PoolingAllocator(new PoolConfig(1_000_000, 1L << 32, 1, 1 << 30)))
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining("mmap of");
  }

  @Test
  void everyAccessAfterCloseTraps() {
    try (Slots slots = new Slots(SMALL)) {
      SlotLease lease = slots.take();
      SlotMemory memory = Slots.memory(lease, 2, 4);
      SlotTable table = lease.newTable(Slots.table(5, 9), Slots.NULL, 0, 1, Slots.images());
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
      SlotTable table = lease.newTable(Slots.table(5, 9), Slots.NULL, 0, 1, Slots.images());
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
      SlotTable table = lease.newTable(Slots.table(5, 9), Slots.NULL, 0, 1, Slots.images());
      lease.settle();
      table.setRef(0, 1, null);
      lease.close();
      for (Runnable late :
          List.<Runnable>of(
              lease::reset,
              lease::restore,
              () -> lease.open(Slots.WIDE),
              () -> Slots.memory(lease, 1, 1),
              () -> lease.newTable(Slots.table(1, 1), Slots.NULL, 0, 1, Slots.images()))) {
        assertThatThrownBy(late::run).isInstanceOf(IllegalStateException.class);
      }
      assertThat(slots.pool.stats().closed()).isEqualTo(1);
    }
  }

  @Test
  void sharedMemoryIsNoPartOfASlot() {
    try (Slots slots = new Slots(SMALL)) {
      SlotLease lease = slots.take();
      SlotMemory memory = lease.newMemory(new MemoryLimits(1, 1), 0, 1, Slots.images());
      assertThat(memory.shared()).isFalse();
      assertThatThrownBy(() -> memory.waitOn(0, 0, 0)).isInstanceOf(WasmRuntimeException.class);
      assertThatThrownBy(() -> memory.notify(0, 1)).isInstanceOf(WasmRuntimeException.class);
      lease.close();
    }
  }

  @Test
  void fourThreadsTakeAndReturnAndEverySlotIsCounted() throws InterruptedException {
    PoolingAllocator pool = new PoolingAllocator(SMALL.withSlots(5));
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
                    SlotLease lease = pool.take();
                    if (lease == null) {
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
    assertThat(pool.stats())
        .isEqualTo(
            new PoolStats(
                5,
                0,
                5,
                0,
                taken.get(),
                refused.get(),
                0,
                taken.get(),
                pool.stats().reservedBytes()));
    pool.close();
  }
}
