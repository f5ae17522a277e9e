package dev.skep.engine;

import dev.skep.engine.ModuleRefusedException.Reason;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Reads a module's bytes forward, never past {@code end}, without copying. Numbers are LEB128 (core
 * spec 5.2.2). Every failure says at which offset.
 */
final class WasmCursor {
  final byte[] bytes;
  int position;
  int end;

  WasmCursor(byte[] bytes, int position, int end) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  boolean atEnd() {
    return position >= end;
  }

  int u8() throws ModuleRefusedException {
    if (position >= end) {
      throw malformed("unexpected end");
    }
    return bytes[position++] & 0xFF;
  }

  /** An unsigned 32-bit number, as a long from 0 to 2^32 − 1. */
  long u32() throws ModuleRefusedException {
    long result = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      int b = u8();
      if (shift == 28 && (b & 0xF0) != 0) {
        throw malformed("integer too large");
      }
      result |= (long) (b & 0x7F) << shift;
      if ((b & 0x80) == 0) {
        return result;
      }
    }
    throw malformed("integer representation too long");
  }

  /** An unsigned number that must fit below {@code limit}: an index or a count we can hold. */
  int u31() throws ModuleRefusedException {
    long value = u32();
    if (value > Integer.MAX_VALUE) {
      throw malformed("length out of bounds");
    }
    return (int) value;
  }

  /** A signed number of at most {@code bits} bits: 32, 33 or 64. */
  long signed(int bits) throws ModuleRefusedException {
    long result = 0;
    int shift = 0;
    while (true) {
      int b = u8();
      result |= (long) (b & 0x7F) << shift;
      shift += 7;
      if ((b & 0x80) == 0) {
        return shift < 64 ? result << (64 - shift) >> (64 - shift) : result;
      }
      if (shift >= bits) {
        throw malformed("integer representation too long");
      }
    }
  }

  void skip(long count) throws ModuleRefusedException {
    if (count > end - position) {
      throw malformed("unexpected end");
    }
    position += (int) count;
  }

  /** A name of at most {@code most} bytes, which must be UTF-8. */
  String name(int most) throws ModuleRefusedException {
    int at = position;
    int length = u31();
    if (length > most) {
      throw new ModuleRefusedException(
          Reason.LIMIT,
          "the name at offset "
              + at
              + " has "
              + length
              + " bytes; at most "
              + most
              + " are allowed");
    }
    int start = position;
    skip(length);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes, start, length))
          .toString();
    } catch (CharacterCodingException e) {
      throw new ModuleRefusedException(
          Reason.MALFORMED, "the name at offset " + at + " is not UTF-8", e);
    }
  }

  ModuleRefusedException malformed(String what) {
    return new ModuleRefusedException(
        Reason.MALFORMED, "malformed module: " + what + " at offset " + position);
  }

  ModuleRefusedException unsupported(String feature) {
    return new ModuleRefusedException(
        Reason.UNSUPPORTED,
        "the module uses " + feature + " at offset " + position + ", which is not run here");
  }

  ModuleRefusedException limit(String what, long value, long limit) {
    return new ModuleRefusedException(
        Reason.LIMIT,
        "the module has "
            + value
            + " "
            + what
            + " at offset "
            + position
            + "; at most "
            + limit
            + " are allowed");
  }

  void check(String what, long value, long limit) throws ModuleRefusedException {
    if (value > limit) {
      throw limit(what, value, limit);
    }
  }
}
