package dev.skep.engine.cranelift;

/**
 * A function's type, a letter a value: {@code i} and {@code I} for integers of 32 and 64 bits,
 * {@code f} and {@code F} for floats, {@code r} and {@code x} for references to functions and to
 * what is the host's. Two types are the same if their shapes are.
 */
public record FunctionShape(String params, String results) {

  /** The bridge's number of a letter's type; references are integers of 32 bits. */
  static int type(char letter) {
    return switch (letter) {
      case 'i', 'r', 'x' -> 0;
      case 'I' -> 1;
      case 'f' -> 2;
      case 'F' -> 3;
      default -> throw new IllegalArgumentException("no type " + letter);
    };
  }
}
