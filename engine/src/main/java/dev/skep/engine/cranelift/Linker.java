package dev.skep.engine.cranelift;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Puts functions together and has them find what they call, by symbols. How they do is the
 * processor's: the bridge has no direct calls.
 */
abstract sealed class Linker permits X86Linker, Aarch64Linker {
  /**
   * Of functions: a line of the processor's cache, so that how a loop lies in its lines does not
   * depend on the functions before. At half a line, one loop in two took a fifth longer.
   */
  private static final int ALIGNMENT = 64;

  private final List<byte[]> pieces = new ArrayList<>();
  private int[] offsets = new int[64];
  private int[] symbols = new int[64];
  private int length;

  /**
   * A linker for one module.
   *
   * @param functions of the module; symbols from this number on are not
   */
  static Linker of(Target target, RandomGenerator random, int functions) {
    return switch (target) {
      case X86_64 -> new X86Linker(random);
      case AARCH64 -> new Aarch64Linker(functions);
    };
  }

  /** The address of what a symbol stands for, as a value in the function at hand. */
  abstract int address(IrBuilder ir, int symbol);

  /** Appends a function; answers where it begins. */
  final int add(int symbol, byte[] code) {
    int i = pieces.size();
    if (i == offsets.length) {
      offsets = Arrays.copyOf(offsets, 2 * i);
      symbols = Arrays.copyOf(symbols, 2 * i);
    }
    int at = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    pieces.add(code);
    offsets[i] = at;
    symbols[i] = symbol;
    length = at + code.length;
    return at;
  }

  /** Bytes of what has been added. */
  final int length() {
    return length;
  }

  /** The linked code. */
  final byte[] link() {
    int most = 0;
    for (int i = 0; i < pieces.size(); i++) {
      most = Math.max(most, symbols[i]);
    }
    int[] places = new int[most + 1];
    Arrays.fill(places, -1);
    for (int i = 0; i < pieces.size(); i++) {
      places[symbols[i]] = offsets[i];
    }
    return link(places);
  }

  /**
   * The same.
   *
   * @param places by symbol, where it begins
   */
  abstract byte[] link(int[] places);

  /** How many functions have been added. */
  final int pieces() {
    return pieces.size();
  }

  final int pieceBytes(int i) {
    return pieces.get(i).length;
  }

  /** Writes what was added as number {@code i} to its place; answers that. */
  final int copyPiece(int i, byte[] out) {
    System.arraycopy(pieces.get(i), 0, out, offsets[i], pieceBytes(i));
    return offsets[i];
  }

  /** Where a symbol's function begins. */
  static int placeOf(int symbol, int[] places) {
    if (symbol < 0 || symbol >= places.length || places[symbol] < 0) {
      throw new IllegalStateException("no function has the symbol " + symbol);
    }
    return places[symbol];
  }

  /**
   * Stack that a function takes, in bytes.
   *
   * @throws UnsupportedException if it does not begin as Cranelift's functions do
   */
  abstract int stackOf(byte[] code) throws UnsupportedException;

  static int int32(byte[] code, int at) {
    return (code[at] & 0xFF)
        | (code[at + 1] & 0xFF) << 8
        | (code[at + 2] & 0xFF) << 16
        | code[at + 3] << 24;
  }

  static void putInt32(byte[] code, int at, int value) {
    code[at] = (byte) value;
    code[at + 1] = (byte) (value >> 8);
    code[at + 2] = (byte) (value >> 16);
    code[at + 3] = (byte) (value >> 24);
  }
}
