package dev.skep.pool;

import org.jspecify.annotations.Nullable;

/** Sees each slot of the slab once, as it is at that moment. */
@FunctionalInterface
public interface SlabVisitor {
  /** What a slot is. */
  enum State {
    /** Free and zero. */
    COLD,
    /** Free, and holding a module's images. */
    WARM,
    /** Waiting to be given back to the kernel with others. */
    PENDING,
    /** Out on a lease, running or idle. */
    LEASED,
    /** Never used again. */
    RETIRED
  }

  /**
   * @param slot number of the slot
   * @param slotClass index of its class
   * @param owner who has leased it, or null
   */
  void visit(int slot, int slotClass, State state, @Nullable SlotOwner owner);
}
