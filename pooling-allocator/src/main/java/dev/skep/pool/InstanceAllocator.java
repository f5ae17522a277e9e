package dev.skep.pool;

/**
 * Gives instances their memory. {@link PoolingAllocator} cuts it from a slab reserved at start;
 * {@link OnDemandAllocator} asks the kernel for each. Thread-safe.
 */
public sealed interface InstanceAllocator extends AutoCloseable
    permits PoolingAllocator, OnDemandAllocator {

  PoolConfig config();

  /** A new owner of slots, with a share of {@link SlotShare#ANY}. */
  SlotOwner newOwner();

  /**
   * Leases a slot whose memory is zero, or that holds the images of the request already. May call
   * the reclaimer, and the kernel; allocates the lease.
   */
  TakeOutcome take(SlotRequest request);

  /** Asks {@code reclaimer} for idle leases from now on when slots run out. */
  void reclaimWith(SlotReclaimer reclaimer);

  /** Figures of this moment; each is exact, their sum may be of slightly different moments. */
  PoolStats stats();

  /** Shows every slot. Linear in the slots. */
  void forEachSlot(SlabVisitor visitor);

  /**
   * Memory that all slots really take. Reads the process's page tables: some milliseconds, so not
   * for the invoke path.
   */
  ResidentBytes resident();

  /** Memory that all slots really take, in bytes, or −1 where the kernel does not say. */
  default long residentBytes() {
    return resident().totalBytes();
  }

  /**
   * Gives all memory back to the kernel; nothing is leased any more. Every lease must have been
   * closed: a guest that still ran would end the process. Idempotent.
   *
   * @throws IllegalStateException if a lease is open; the allocator then goes on as it was
   */
  @Override
  void close();
}
