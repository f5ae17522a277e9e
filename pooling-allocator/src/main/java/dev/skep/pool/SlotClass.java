package dev.skep.pool;

import dev.skep.pool.os.Libc;

/**
 * Slots of one size.
 *
 * @param memoryBytes most linear memory of one instance in such a slot, over all its memories, a
 *     multiple of 64 KiB up to 4 GiB
 * @param reservedBytes address space kept for that memory, a multiple of 4 KiB, {@code memoryBytes}
 *     to 16 GiB; more than {@code memoryBytes} only widens the gap behind it
 * @param slots of this size, 1 to 1,000,000
 */
public record SlotClass(long memoryBytes, long reservedBytes, int slots) {
  private static final long WASM_PAGE = 65_536;

  public SlotClass {
    if (memoryBytes < 0 || memoryBytes > 1L << 32 || memoryBytes % WASM_PAGE != 0) {
      throw new IllegalArgumentException(
          "memoryBytes is " + memoryBytes + "; it must be a multiple of 65536 up to 4294967296");
    }
    if (reservedBytes < memoryBytes
        || reservedBytes > 1L << 34
        || reservedBytes % Libc.PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "reservedBytes is "
              + reservedBytes
              + "; it must be a multiple of 4096 from memoryBytes, "
              + memoryBytes
              + ", to 17179869184");
    }
    if (slots < 1 || slots > 1_000_000) {
      throw new IllegalArgumentException("slots is " + slots + "; it must be from 1 to 1000000");
    }
  }

  /** Slots that reserve no more than they can hold. */
  public SlotClass(long memoryBytes, int slots) {
    this(memoryBytes, memoryBytes, slots);
  }
}
