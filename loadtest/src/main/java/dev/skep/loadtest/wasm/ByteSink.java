package dev.skep.loadtest.wasm;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing array of bytes, with the numbers of the binary format (core spec 5.2.2, LEB128). */
public final class ByteSink {
  private byte[] bytes = new byte[64];
  private int length;

  public int length() {
    return length;
  }

  /** Each number's low eight bits. */
  public ByteSink raw(int... values) {
    for (int value : values) {
      room(1);
      bytes[length++] = (byte) value;
    }
    return this;
  }

  public ByteSink raw(byte[] values) {
    room(values.length);
    System.arraycopy(values, 0, bytes, length, values.length);
    length += values.length;
    return this;
  }

  public ByteSink raw(ByteSink other) {
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
  public ByteSink u32(long value) {
    long rest = value;
    while (Long.compareUnsigned(rest, 0x7F) > 0) {
      raw((int) (rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    return raw((int) rest);
  }

  public ByteSink signed(long value) {
    long rest = value;
    while (rest < -64 || rest > 63) {
      raw((int) (rest & 0x7F) | 0x80);
      rest >>= 7;
    }
    return raw((int) (rest & 0x7F));
  }

  /** A text's UTF-8, its length before it. */
  public ByteSink name(String text) {
    return sized(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Bytes, their number before them. */
  public ByteSink sized(byte[] content) {
    return u32(content.length).raw(content);
  }

  /** Bytes, their number before them. */
  public ByteSink sized(ByteSink content) {
    return u32(content.length).raw(content);
  }

  public byte[] toBytes() {
    return Arrays.copyOf(bytes, length);
  }

  private void room(int more) {
    if (length + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
    }
  }
}
