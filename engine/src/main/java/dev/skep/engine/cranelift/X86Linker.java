package dev.skep.engine.cranelift;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Puts functions for x86-64 together and resolves what they call.
 *
 * <p>A callee is a constant of 64 bits that is called through a register. Where one stands, its
 * high half is a marker made by chance for the module, so that no number of the guest's can be
 * taken for one, and its low half the symbol:
 *
 * <pre>
 *   movabs $marker:symbol, %r             lea symbol(%rip), %r
 *   …                              ─▶     …
 *   call *%r                              call *%r        or   nop; call symbol
 * </pre>
 *
 * <p>The call becomes direct where it follows at once and the register is dead after it, because
 * calls do not preserve it.
 */
final class X86Linker extends Linker {
  private static final int MOVABS_BYTES = 10;

  /** Registers that a call may change (System V ABI, 3.2.1): rax, rcx, rdx, rsi, rdi, r8 to r11. */
  private static final int CALL_CLOBBERED = 0b1111_1100_0111;

  private static final byte[][] NOPS = {
    {0x0F, 0x1F, (byte) 0x80, 0, 0, 0, 0}, {0x0F, 0x1F, (byte) 0x84, 0, 0, 0, 0, 0},
  };

  private final int marker;

  /** With a marker made by chance. */
  X86Linker(RandomGenerator random) {
    // Positive and not small, so that it is written out in full.
    this(random.nextInt(1 << 29, 1 << 30));
  }

  X86Linker(int marker) {
    this.marker = marker;
  }

  @Override
  int address(IrBuilder ir, int symbol) {
    return ir.op.emitIconst64(symbol, marker);
  }

  @Override
  byte[] link(int[] places) {
    byte[] out = new byte[length()];
    Arrays.fill(out, (byte) 0xCC); // int3
    for (int i = 0; i < pieces(); i++) {
      int from = copyPiece(i, out);
      resolve(out, from, from + pieceBytes(i), places);
    }
    return out;
  }

  private void resolve(byte[] code, int from, int to, int[] places) {
    for (int at = from; at + MOVABS_BYTES <= to; at++) {
      if ((code[at] & 0xFE) == 0x48
          && (code[at + 1] & 0xF8) == 0xB8
          && int32(code, at + 6) == marker) {
        int symbol = int32(code, at + 2);
        int place = placeOf(symbol, places);
        int register = (code[at + 1] & 7) | (code[at] & 1) << 3;
        int call = callOf(code, at + MOVABS_BYTES, to, register);
        if (call > 0 && (CALL_CLOBBERED >> register & 1) == 1) {
          byte[] nop = NOPS[call - 2];
          System.arraycopy(nop, 0, code, at, nop.length);
          int end = at + nop.length + 5;
          code[end - 5] = (byte) 0xE8;
          putInt32(code, end - 4, place - end);
          at = end - 1;
        } else {
          code[at] = (byte) (register < 8 ? 0x48 : 0x4C);
          code[at + 1] = (byte) 0x8D;
          code[at + 2] = (byte) ((register & 7) << 3 | 5);
          putInt32(code, at + 3, place - (at + 7));
          code[at + 7] = 0x0F;
          code[at + 8] = 0x1F;
          code[at + 9] = 0;
          at += MOVABS_BYTES - 1;
        }
      }
    }
  }

  /** Length of the call through {@code register} at {@code at}, 0 if there is none. */
  private static int callOf(byte[] code, int at, int to, int register) {
    if (register < 8) {
      boolean calls =
          at + 2 <= to && (code[at] & 0xFF) == 0xFF && (code[at + 1] & 0xFF) == 0xD0 + register;
      return calls ? 2 : 0;
    }
    boolean calls =
        at + 3 <= to
            && code[at] == 0x41
            && (code[at + 1] & 0xFF) == 0xFF
            && (code[at + 2] & 0xFF) == 0xD0 + (register & 7);
    return calls ? 3 : 0;
  }

  /** Its return address, the frame pointer, and what its prologue reserves. */
  @Override
  int stackOf(byte[] code) throws UnsupportedException {
    boolean framed =
        code.length > 4 && code[0] == 0x55 && code[1] == 0x48 && int24(code, 2) == 0xE589;
    if (!framed) {
      throw new UnsupportedException("a function whose stack cannot be told");
    }
    int at = 4;
    if (at + 7 <= code.length && code[at] == 0x48 && (code[at + 2] & 0xFF) == 0xEC) {
      if ((code[at + 1] & 0xFF) == 0x83) {
        return 16 + code[at + 3];
      }
      if ((code[at + 1] & 0xFF) == 0x81) {
        return 16 + int32(code, at + 3);
      }
    }
    return 16;
  }

  private static int int24(byte[] code, int at) {
    return (code[at] & 0xFF) | (code[at + 1] & 0xFF) << 8;
  }
}
