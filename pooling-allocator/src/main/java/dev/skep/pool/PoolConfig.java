package dev.skep.pool;

/**
 * The size of the slab. Address space is reserved for all of it at start; memory is used only for
 * what guests touch.
 *
 * @param slots instances that can be live at once, 1 to 1,000,000
 * @param slotMemoryBytes most linear memory of one instance, a multiple of 64 KiB up to 4 GiB
 * @param slotTableElements most table elements of one instance, 1 to 10,000,000, of 4 bytes
 * @param guardBytes inaccessible bytes behind each slot, a multiple of 4 KiB up to 1 GiB, 0 for
 *     none; bounds are checked in front of them on every access
 */
public record PoolConfig(int slots, long slotMemoryBytes, int slotTableElements, long guardBytes) {

  /**
   * 16,384 slots hold ten thousand warm functions with room to spare and reserve 1 TiB of the 128
   * TiB a process has.
   */
  public static final PoolConfig DEFAULTS = new PoolConfig(16_384, 64L << 20, 20_000, 64L << 10);

  public PoolConfig {
    if (slots < 1 || slots > 1_000_000) {
      throw new IllegalArgumentException("slots is " + slots + "; it must be from 1 to 1000000");
    }
    if (slotMemoryBytes < 0 || slotMemoryBytes > 1L << 32 || slotMemoryBytes % 65_536 != 0) {
      throw new IllegalArgumentException(
          "slotMemoryBytes is "
              + slotMemoryBytes
              + "; it must be a multiple of 65536 up to 4294967296");
    }
    if (slotTableElements < 1 || slotTableElements > 10_000_000) {
      throw new IllegalArgumentException(
          "slotTableElements is " + slotTableElements + "; it must be from 1 to 10000000");
    }
    if (guardBytes < 0 || guardBytes > 1L << 30 || guardBytes % 4_096 != 0) {
      throw new IllegalArgumentException(
          "guardBytes is " + guardBytes + "; it must be a multiple of 4096 up to 1073741824");
    }
  }

  public PoolConfig withSlots(int value) {
    return new PoolConfig(value, slotMemoryBytes, slotTableElements, guardBytes);
  }

  public PoolConfig withSlotMemoryBytes(long value) {
    return new PoolConfig(slots, value, slotTableElements, guardBytes);
  }
}
