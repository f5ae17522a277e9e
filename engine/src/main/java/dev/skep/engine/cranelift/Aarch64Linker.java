package dev.skep.engine.cranelift;

/**
 * Puts functions for aarch64 together.
 *
 * <p>Nothing in them is replaced: on this processor a constant is written in up to four
 * instructions, and where registers are short Cranelift takes them apart, so that they cannot be
 * found again. A callee is read instead from the table of functions, which each instance's context
 * leads to; and of what is no function of the module, which is in no such table, the code has a
 * table of its own at its end, before that one:
 *
 * <pre>
 *   [ functions, thunks … ][ symbol n │ … │ symbol f + 1 │ symbol f ][ function 0 │ function 1 │ … ]
 *                           8 bytes each: from there ──────────────▶ ^16, behind the code
 * </pre>
 *
 * <p>where {@code f} is the number of functions. The bytes there are those from the end of the code
 * to the symbol, less than zero.
 */
final class Aarch64Linker extends Linker {
  /** {@code brk #0}. */
  private static final int BREAK = 0xD420_0000;

  /** {@code stp x29, x30, [sp, #-16]!}. */
  private static final int PUSH_FRAME = 0xA9BF_7BFD;

  /** {@code mov x29, sp}. */
  private static final int SET_FRAME = 0x9100_03FD;

  /** {@code sub sp, sp, x16}, of a frame whose size has been written to that register. */
  private static final int SUBTRACT_SCRATCH = 0xCB30_63FF;

  private static final int SCRATCH = 16;

  // Moves of 16 bits, with what is moved in bits 5 to 20, and by how far in 21 and 22.
  private static final int MOVZ = 0b110100101;
  private static final int MOVK = 0b111100101;

  private final int functions;

  /**
   * @param functions of the module; symbols from this number on are not
   */
  Aarch64Linker(int functions) {
    this.functions = functions;
  }

  /** Where a symbol that is no function has its 8 bytes, from the end of the code. */
  private int entry(int symbol) {
    return -8 * (symbol - functions + 1);
  }

  @Override
  int address(IrBuilder ir, int symbol) {
    int table = ir.loadLong(ContextLayout.FUNCTIONS);
    return symbol < functions
        ? ir.loadLongAt(table, ContextLayout.FUNCTION_BYTES * symbol)
        : ir.op.emitIadd(table, ir.loadLongAt(table, entry(symbol)));
  }

  @Override
  byte[] link(int[] places) {
    int end = (length() + 8 * (places.length - functions) + 15) / 16 * 16;
    byte[] out = new byte[end];
    for (int at = 0; at < end; at += 4) {
      putInt32(out, at, BREAK);
    }
    for (int i = 0; i < pieces(); i++) {
      var _ = copyPiece(i, out);
    }
    for (int symbol = functions; symbol < places.length; symbol++) {
      int at = end + entry(symbol);
      putInt32(out, at, placeOf(symbol, places) - end);
      putInt32(out, at + 4, -1);
    }
    return out;
  }

  /** What its prologue pushes and reserves. */
  @Override
  int stackOf(byte[] code) throws UnsupportedException {
    if (code.length < 8 || int32(code, 0) != PUSH_FRAME || int32(code, 4) != SET_FRAME) {
      throw new UnsupportedException("a function whose stack cannot be told");
    }
    int bytes = 16;
    for (int at = 8; at + 4 <= code.length; at += 4) {
      int more = reserved(code, at);
      if (more == 0) {
        return bytes + large(code, at);
      }
      bytes += more;
    }
    return bytes;
  }

  /** Bytes by which an instruction of a prologue lowers the stack pointer; 0 if it is no such. */
  private static int reserved(byte[] code, int at) {
    int word = int32(code, at);
    if ((word & 0xFF80_03FF) == 0xD100_03FF) { // sub sp, sp, #n
      return (word >>> 10 & 0xFFF) << ((word >>> 22 & 1) * 12);
    }
    boolean onStack = (word >>> 5 & 31) == 31;
    return switch (word >>> 22) {
      // stp of x, d and q registers, with [sp, #n]!
      case 0b1010_1001_10, 0b0110_1101_10 -> onStack ? Math.max(0, -8 * (word << 10 >> 25)) : 0;
      case 0b1010_1101_10 -> onStack ? Math.max(0, -16 * (word << 10 >> 25)) : 0;
      // str of x, d and q registers, with [sp, #n]!
      case 0b1111_1000_00, 0b1111_1100_00, 0b0011_1100_10 ->
          onStack && (word >>> 10 & 3) == 3 ? Math.max(0, -(word << 11 >> 23)) : 0;
      default -> 0;
    };
  }

  /** Whether a register is taken from the stack pointer. */
  private static boolean subtracts(int word) {
    return (word & 0xFFE0_FFFF) == 0xCB20_63FF; // sub sp, sp, x
  }

  /** Bytes of a frame whose size is written to a register first; 0 if there is none. */
  private static int large(byte[] code, int at) throws UnsupportedException {
    long value = 0;
    int i = at;
    while (i + 4 <= code.length) {
      int word = int32(code, i);
      boolean moves = word >>> 23 == MOVK || (word >>> 23 == MOVZ && i == at);
      if (!moves || (word & 31) != SCRATCH) {
        break;
      }
      value |= (word >>> 5 & 0xFFFFL) << ((word >>> 21 & 3) * 16);
      i += 4;
    }
    boolean found = i > at && i + 4 <= code.length && int32(code, i) == SUBTRACT_SCRATCH;
    if (found && value >= 0 && value <= Integer.MAX_VALUE / 2) {
      return (int) value;
    }
    // Rather none than less than it takes.
    for (int j = at; j + 4 <= code.length; j += 4) {
      if (subtracts(int32(code, j))) {
        throw new UnsupportedException("a function whose stack cannot be told");
      }
    }
    return 0;
  }
}
