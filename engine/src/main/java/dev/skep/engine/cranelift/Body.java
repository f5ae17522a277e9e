package dev.skep.engine.cranelift;

/**
 * Reads the operators of a function that has been checked: numbers are well formed and nothing ends
 * early, so nothing is checked again.
 */
final class Body {
  private final byte[] bytes;
  private final int end;
  int position;

  Body(byte[] bytes, int from, int to) {
    this.bytes = bytes;
    this.position = from;
    this.end = to;
  }

  boolean atEnd() {
    return position >= end;
  }

  int u8() {
    return bytes[position++] & 0xFF;
  }

  /** An unsigned number of 32 bits. */
  int u32() {
    int result = 0;
    int shift = 0;
    while (true) {
      int b = u8();
      result |= (b & 0x7F) << shift;
      if ((b & 0x80) == 0) {
        return result;
      }
      shift += 7;
    }
  }

  /** A signed number of up to 64 bits. */
  long signed() {
    long result = 0;
    int shift = 0;
    while (true) {
      int b = u8();
      result |= (long) (b & 0x7F) << shift;
      shift += 7;
      if ((b & 0x80) == 0) {
        return shift < 64 ? result << (64 - shift) >> (64 - shift) : result;
      }
    }
  }

  int i32() {
    int result = 0;
    for (int i = 0; i < 4; i++) {
      result |= u8() << (8 * i);
    }
    return result;
  }

  /** A block's type without its meaning: the letter of one result, a type's index, or nothing. */
  FunctionShape blockType(CompileRequest module) throws UnsupportedException {
    int first = bytes[position] & 0xFF;
    if (first == 0x40) {
      position++;
      return NOTHING;
    }
    if ((first & 0xC0) == 0x40) {
      position++;
      return ONE_RESULT[letterIndex(first)];
    }
    return module.types().get((int) signed());
  }

  static final FunctionShape NOTHING = new FunctionShape("", "");
  private static final String LETTERS = "iIfFrx";
  private static final FunctionShape[] ONE_RESULT = oneResult();

  private static FunctionShape[] oneResult() {
    FunctionShape[] shapes = new FunctionShape[LETTERS.length()];
    for (int i = 0; i < shapes.length; i++) {
      shapes[i] = new FunctionShape("", LETTERS.substring(i, i + 1));
    }
    return shapes;
  }

  /** The letter of a value type's byte. */
  static char letter(int code) throws UnsupportedException {
    return LETTERS.charAt(letterIndex(code));
  }

  private static int letterIndex(int code) throws UnsupportedException {
    return switch (code) {
      case 0x7F -> 0;
      case 0x7E -> 1;
      case 0x7D -> 2;
      case 0x7C -> 3;
      case 0x70 -> 4;
      case 0x6F -> 5;
      default -> throw new UnsupportedException("values of type 0x" + Integer.toHexString(code));
    };
  }

  /**
   * Passes over the immediates of an operator.
   *
   * @throws UnsupportedException if it is not translated: what passes here is
   */
  void skip(int op) throws UnsupportedException {
    switch (op) {
      case 0x02, 0x03, 0x04 -> {
        int first = bytes[position] & 0xFF;
        if (first == 0x40 || (first & 0xC0) == 0x40) {
          position++;
        } else {
          signed();
        }
      }
      case 0x0C, 0x0D, 0x10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x3F, 0x40, 0xD2 -> u32();
      case 0x11 -> {
        u32();
        u32();
      }
      case 0x0E, 0x1C -> {
        int count = u32() + (op == 0x0E ? 1 : 0);
        for (int i = 0; i < count; i++) {
          u32();
        }
      }
      case 0x41, 0x42 -> signed();
      case 0x43 -> position += 4;
      case 0x44 -> position += 8;
      case 0xD0 -> position++;
      case 0xFC -> skipExtended(u32());
      default -> {
        if (op >= 0x28 && op <= 0x3E) {
          memoryArgument();
        } else if (!isPlain(op)) {
          throw new UnsupportedException(Operators.nameOf(op));
        }
      }
    }
  }

  private void skipExtended(int op) throws UnsupportedException {
    switch (op) {
      case 0, 1, 2, 3, 4, 5, 6, 7 -> {}
      case 9, 11, 13, 15, 16, 17 -> u32();
      case 8, 10, 12, 14 -> {
        u32();
        u32();
      }
      default -> throw new UnsupportedException(Operators.nameOf(0xFC, op));
    }
  }

  /** Whether an operator has no immediates. */
  private static boolean isPlain(int op) {
    return op <= 0x01
        || op == 0x05
        || op == 0x0B
        || op == 0x0F
        || op == 0x1A
        || op == 0x1B
        || (op >= 0x45 && op <= 0xC4)
        || op == 0xD1;
  }

  /** Index of the memory that the last {@link #memoryArgument} named. */
  int memory;

  /** The offset of an access, 32 bits without sign. */
  long memoryArgument() {
    int align = u32();
    memory = (align & 0x40) != 0 ? u32() : 0;
    return u32() & 0xFFFF_FFFFL;
  }
}
