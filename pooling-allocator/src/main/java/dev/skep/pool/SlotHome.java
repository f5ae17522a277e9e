package dev.skep.pool;

import org.jspecify.annotations.Nullable;

/** What a lease needs of the allocator that gave it. Thread-safe. */
interface SlotHome {
  /** Where a slot is. */
  record Place(int slot, int slotClass, long tableBase, long memoryBase, long memoryBytes) {
    /** What can be written of it, from {@code tableBase}. */
    long usableBytes() {
      return memoryBase + memoryBytes - tableBase;
    }
  }

  /** In what state a slot comes back. */
  enum Fate {
    /** It reads as zero. */
    COLD,
    /** It still has to be discarded; nothing is mapped over it. */
    DIRTY,
    /** It holds the images of the module that had it. */
    WARM,
    /** It cannot be trusted again. */
    LOST
  }

  PoolConfig config();

  SlotKernel kernel();

  ResetFigures resets();

  MemoryReset memoryReset();

  /** Counts a memory as held, unless as many are as may be. */
  boolean addMemory();

  /** Counts a table as held, unless as many are as may be. */
  boolean addTable();

  void removeHeld(int memories, int tables);

  /** Allows one more mapped image, if the budget has one left. */
  boolean addMapping();

  void removeMappings(int count);

  /** Whether the reset under way is one that the audit looks at. */
  boolean isAuditDue();

  /**
   * A zeroed slot of a larger class, counted as one of {@code owner}'s in that class; null if there
   * is none.
   */
  @Nullable Place larger(SlotOwner owner, int slotClass, long memoryBytes);

  /**
   * Takes a slot back. Never throws.
   *
   * @param held whose images it holds, if its fate is to stay warm
   * @param mapped the memories whose image is mapped, a bit each
   */
  void giveBack(Place place, Fate fate, @Nullable ModuleImages held, long mapped);
}
