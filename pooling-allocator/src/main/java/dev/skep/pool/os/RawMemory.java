package dev.skep.pool.os;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Reads and writes memory by absolute address, little-endian and at any alignment.
 *
 * <p>All accesses go through one static final segment over the whole address space: the JIT then
 * knows its base and scope, and an access is one machine instruction. It checks nothing; an address
 * that is not the caller's own corrupts or ends the process.
 */
public final class RawMemory {
  @SuppressWarnings("restricted") // the one place that may see all memory
  private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private RawMemory() {}

  public static byte getByte(long address) {
    return ALL.get(JAVA_BYTE, address);
  }

  public static short getShort(long address) {
    return ALL.get(SHORT, address);
  }

  public static int getInt(long address) {
    return ALL.get(INT, address);
  }

  public static long getLong(long address) {
    return ALL.get(LONG, address);
  }

  public static float getFloat(long address) {
    return ALL.get(FLOAT, address);
  }

  public static double getDouble(long address) {
    return ALL.get(DOUBLE, address);
  }

  public static void putByte(long address, byte value) {
    ALL.set(JAVA_BYTE, address, value);
  }

  public static void putShort(long address, short value) {
    ALL.set(SHORT, address, value);
  }

  public static void putInt(long address, int value) {
    ALL.set(INT, address, value);
  }

  public static void putLong(long address, long value) {
    ALL.set(LONG, address, value);
  }

  public static void putFloat(long address, float value) {
    ALL.set(FLOAT, address, value);
  }

  public static void putDouble(long address, double value) {
    ALL.set(DOUBLE, address, value);
  }

  /** Fills {@code length} bytes. */
  public static void fill(long address, long length, byte value) {
    ALL.asSlice(address, length).fill(value);
  }

  /** Copies {@code length} bytes; the ranges may overlap. */
  public static void copy(long from, long to, long length) {
    MemorySegment.copy(ALL, from, ALL, to, length);
  }

  /** Copies {@code length} bytes out of an array. */
  public static void copyIn(byte[] from, int fromIndex, long to, int length) {
    MemorySegment.copy(from, fromIndex, ALL, JAVA_BYTE, to, length);
  }

  /** Copies {@code length} numbers out of an array. */
  public static void copyIn(int[] from, int fromIndex, long to, int length) {
    MemorySegment.copy(from, fromIndex, ALL, INT, to, length);
  }

  /** Copies {@code length} bytes into an array. */
  public static void copyOut(long from, byte[] to, int toIndex, int length) {
    MemorySegment.copy(ALL, JAVA_BYTE, from, to, toIndex, length);
  }

  /** Whether all of {@code length} bytes are zero; for audits and tests, linear. */
  public static boolean isZero(long address, long length) {
    long i = 0;
    for (; i + 8 <= length; i += 8) {
      if (getLong(address + i) != 0) {
        return false;
      }
    }
    for (; i < length; i++) {
      if (getByte(address + i) != 0) {
        return false;
      }
    }
    return true;
  }
}
