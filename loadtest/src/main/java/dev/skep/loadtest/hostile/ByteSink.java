package dev.skep.loadtest.hostile;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing array of bytes, with the numbers of the binary format (core spec 5.2.2, LEB128). */
final class ByteSink {
  private byte[] bytes = new byte[64];
  private int length;

  int length() {
    return length;
  }

  /** Each number's low eight bits. */
  ByteSink raw(int... values) {
    for (int value : values) {
      room(1);
      bytes[length++] = (byte) value;
    }
    return this;
  }

  ByteSink raw(byte[] values) {
    room(values.length);
    System.arraycopy(values, 0, bytes, length, values.length);
    length += values.length;
    return this;
  }

  ByteSink raw(ByteSink other) {
    room(other.length);
    System.arraycopy(other.bytes, 0, bytes, length, other.length);
    length += other.length;
    return this;
  }

  /**
   * An unsigned number.
   *
   * @param value 0 to 2^32 − 1, which is not checked: greater ones are malformed and may be wanted
   */
  ByteSink u32(long value) {
    long rest = value;
    while (Long.compareUnsigned(rest, 0x7F) > 0) {
      raw((int) (rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    return raw((int) rest);
  }

  ByteSink signed(long value) {
    long rest = value;
    while (rest < -64 || rest > 63) {
      raw((int) (rest & 0x7F) | 0x80);
      rest >>= 7;
    }
    return raw((int) (rest & 0x7F));
  }

  /** A text's UTF-8, its length before it. */
  ByteSink name(String text) {
    return sized(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Bytes, their number before them. */
  ByteSink sized(byte[] content) {
    return u32(content.length).raw(content);
  }

  /** Bytes, their number before them. */
  ByteSink sized(ByteSink content) {
    return u32(content.length).raw(content);
  }

  byte[] toBytes() {
    return Arrays.copyOf(bytes, length);
  }

  private void room(int more) {
    if (length + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
    }
  }
}
