package dev.skep.pool;

import dev.skep.pool.os.Libc;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Owns the slab and leases its slots. Reserves address space once, at start; taking and giving back
 * a slot neither maps nor unmaps. Thread-safe and lock-free.
 */
public final class PoolingAllocator implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PoolingAllocator.class);

  private final PoolConfig config;
  private final SlabLayout layout;
  private final long slab;
  private final SlotFreeList free;

  /** Leases each slot has had. */
  private final AtomicLongArray generations;

  private final AtomicInteger leased = new AtomicInteger();
  private final AtomicInteger retired = new AtomicInteger();
  private final LongAdder taken = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder resets = new LongAdder();
  private final LongAdder closed = new LongAdder();
  private volatile boolean guards;
  private boolean unmapped;

  /**
   * Reserves the slab.
   *
   * @throws dev.skep.pool.os.SystemCallException if the kernel does not give the address space
   */
  public PoolingAllocator(PoolConfig config) {
    this.config = config;
    this.layout = SlabLayout.of(config);
    this.slab = Libc.mapPrivate(layout.totalBytes());
    this.free = new SlotFreeList(config.slots());
    this.generations = new AtomicLongArray(config.slots());
    this.guards = config.guardBytes() > 0;
  }

  public PoolConfig config() {
    return config;
  }

  SlabLayout layout() {
    return layout;
  }

  /** Leases a free slot, or answers null when there is none. The slot's memory is all zero. */
  public @Nullable SlotLease take() {
    int slot = free.pop();
    if (slot < 0) {
      refused.increment();
      return null;
    }
    leased.incrementAndGet();
    taken.increment();
    long generation = generations.incrementAndGet(slot);
    if (generation == 1) {
      guard(slot);
    }
    return new SlotLease(
        this, slot, generation, slab + layout.tableOffset(slot), slab + layout.memoryOffset(slot));
  }

  /**
   * Installs a slot's guard when it is first taken: installing all at start would cost a page table
   * for every slot that is never used.
   */
  private void guard(int slot) {
    if (guards && !Libc.installGuard(slab + layout.guardOffset(slot), layout.guardBytes())) {
      guards = false;
      LOG.atWarn()
          .addKeyValue("guardBytes", layout.guardBytes())
          .log("this kernel has no MADV_GUARD_INSTALL (Linux 6.13): slots run without guards");
    }
  }

  void giveBack(int slot, boolean clean) {
    leased.decrementAndGet();
    closed.increment();
    if (clean) {
      free.push(slot);
    } else {
      retired.incrementAndGet();
      LOG.atError().addKeyValue("slot", slot).log("slot could not be cleared and is retired");
    }
  }

  void countReset() {
    resets.increment();
  }

  /** Figures of this moment; each is exact, their sum may be of slightly different moments. */
  public PoolStats stats() {
    int out = leased.get();
    int gone = retired.get();
    return new PoolStats(
        config.slots(),
        out,
        config.slots() - out - gone,
        gone,
        taken.sum(),
        refused.sum(),
        resets.sum(),
        closed.sum(),
        layout.totalBytes());
  }

  /**
   * Memory that the slab really takes, in bytes, or −1 where the kernel does not say. Reads the
   * process's page tables: some milliseconds, so not for the invoke path.
   */
  public long residentBytes() {
    return SlabResidency.bytes(slab, slab + layout.totalBytes());
  }

  /**
   * Gives the slab back to the kernel; nothing is leased any more. Every lease must have been
   * closed: a guest that still ran would end the process.
   *
   * @throws IllegalStateException if a lease is open; the pool then goes on as it was
   */
  @Override
  public synchronized void close() {
    if (unmapped) {
      return;
    }
    // All slots are taken out first, so that none can be leased from now on.
    int held = 0;
    int[] slots = new int[config.slots()];
    for (int slot = free.pop(); slot >= 0; slot = free.pop()) {
      slots[held++] = slot;
    }
    int open = config.slots() - retired.get() - held;
    if (open > 0) {
      while (held > 0) {
        free.push(slots[--held]);
      }
      throw new IllegalStateException(open + " leases are open");
    }
    unmapped = true;
    Libc.unmap(slab, layout.totalBytes());
  }
}
