package dev.skep.pool;

/**
 * Whoever keeps idle leases, asked to give one up when slots run out. Called on the thread that
 * takes, with no lock held.
 */
@FunctionalInterface
public interface SlotReclaimer {
  /** Has nothing to give. */
  SlotReclaimer NONE = (_, _, _) -> false;

  /**
   * Closes one idle lease of a class, for {@code owner} to have its slot.
   *
   * @param slotClass index of the class
   * @param ownOnly whether only an idle lease of {@code owner} helps, of any class
   * @return whether one was closed
   */
  boolean reclaim(SlotOwner owner, int slotClass, boolean ownOnly);
}
