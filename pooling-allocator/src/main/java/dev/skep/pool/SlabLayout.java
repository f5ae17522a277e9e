package dev.skep.pool;

/**
 * Where everything is in the slab: pure arithmetic, apart from the system calls, so that it can be
 * tested by its invariants. All figures in bytes.
 *
 * @param slots number of slots
 * @param tableBytes of the tables' region at the head of each slot, a multiple of the page
 * @param memoryBytes of the linear memory behind it
 * @param guardBytes of the guard behind that
 */
record SlabLayout(int slots, long tableBytes, long memoryBytes, long guardBytes) {
  private static final long PAGE = 4_096;

  static SlabLayout of(PoolConfig config) {
    long tables = config.slotTableElements() * (long) SlotTable.ELEMENT_BYTES;
    return new SlabLayout(
        config.slots(),
        (tables + PAGE - 1) / PAGE * PAGE,
        config.slotMemoryBytes(),
        config.guardBytes());
  }

  /** From the start of one slot to the start of the next. */
  long strideBytes() {
    return tableBytes + memoryBytes + guardBytes;
  }

  /** Of the whole slab. */
  long totalBytes() {
    return Math.multiplyExact(strideBytes(), slots);
  }

  /** Where a slot's tables begin, from the slab's start. */
  long tableOffset(int slot) {
    return slot * strideBytes();
  }

  /** Where a slot's linear memory begins. */
  long memoryOffset(int slot) {
    return tableOffset(slot) + tableBytes;
  }

  /** Where a slot's guard begins. */
  long guardOffset(int slot) {
    return memoryOffset(slot) + memoryBytes;
  }
}
