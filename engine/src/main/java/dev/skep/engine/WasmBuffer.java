package dev.skep.engine;

import java.util.Arrays;

/** A growing array of bytes to write a module into. */
final class WasmBuffer {
  private byte[] bytes;
  private int length;

  WasmBuffer(int capacity) {
    bytes = new byte[capacity];
  }

  int length() {
    return length;
  }

  void clear() {
    length = 0;
  }

  void u8(int value) {
    room(1);
    bytes[length++] = (byte) value;
  }

  void u32(long value) {
    long rest = value;
    while (rest > 0x7F) {
      u8((int) (rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    u8((int) rest);
  }

  void s32(int value) {
    int rest = value;
    while (rest < -64 || rest > 63) {
      u8((rest & 0x7F) | 0x80);
      rest >>= 7;
    }
    u8(rest & 0x7F);
  }

  void raw(byte[] source, int from, int to) {
    room(to - from);
    System.arraycopy(source, from, bytes, length, to - from);
    length += to - from;
  }

  void raw(WasmBuffer other) {
    raw(other.bytes, 0, other.length);
  }

  /** Writes a section: its id, its length and what {@code content} holds. */
  void section(int id, WasmBuffer content) {
    u8(id);
    u32(content.length);
    raw(content);
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
