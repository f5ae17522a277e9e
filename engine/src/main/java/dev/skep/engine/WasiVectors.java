package dev.skep.engine;

import dev.skep.pool.SlotMemory;
import dev.skep.pool.StrayPointerException;

/**
 * The guest's numbers: unsigned addresses and lengths, and lists of both. All arithmetic is in
 * longs, and nothing is allocated by such a number before it is held against the memory.
 */
final class WasiVectors {
  /** Longest piece moved through the host's heap at once. */
  static final int CHUNK_BYTES = 64 << 10;

  /**
   * Vectors between two looks at the clock: some 30 µs where they are empty. A memory holds
   * millions, all paid for at once.
   */
  private static final int LOOK_EVERY = 1_024;

  /** The most that a function can say that it has moved. */
  private static final long MOST_MOVED = 0xFFFF_FFFFL;

  private WasiVectors() {}

  /** What is done with a vector; answers how many bytes were moved. */
  @FunctionalInterface
  interface Piece {
    /**
     * Moves bytes and charges for them before.
     *
     * @param pointer of the guest
     * @param count 0 to 2^32 − 1
     * @throws WasiError if nothing can be moved
     */
    long move(int pointer, long count);
  }

  static long unsigned(long value) {
    return value & 0xFFFF_FFFFL;
  }

  /** Fails unless so many bytes at this address are within the memory. */
  static void checkRange(SlotMemory memory, long address, long length) {
    if (unsigned(address) + length > memory.sizeBytes()) {
      throw new StrayPointerException();
    }
  }

  /**
   * Moves vector after vector until one is not moved in full, and tells the guest how much.
   *
   * @param vectors address of pairs of pointer and length
   * @param count of them, unsigned; each costs one
   * @param result where the number of bytes goes
   * @param whole whether a vector must lie within the memory even beyond what is moved
   * @return the error number
   */
  static int each(
      SlotMemory memory, long vectors, long count, long result, boolean whole, Piece piece) {
    long number = unsigned(count);
    checkRange(memory, vectors, 8 * number);
    checkRange(memory, result, 4);
    memory.charge(number);
    long total = 0;
    for (int i = 0; i < (int) number; i++) {
      if (i % LOOK_EVERY == LOOK_EVERY - 1) {
        memory.look();
      }
      int vector = (int) vectors + 8 * i;
      int pointer = memory.readInt(vector);
      long length = unsigned(memory.readInt(vector + 4));
      if (whole) {
        checkRange(memory, pointer, length);
      }
      long most = Math.min(length, MOST_MOVED - total);
      long moved;
      try {
        moved = piece.move(pointer, most);
      } catch (WasiError e) {
        if (total == 0) {
          throw e;
        }
        break;
      }
      total += moved;
      if (moved < length) {
        break;
      }
    }
    memory.writeI32((int) result, (int) total);
    return WasiErrno.SUCCESS;
  }
}
