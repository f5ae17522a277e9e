package dev.skep.engine.cranelift;

import com.dylibso.chicory.wasm.types.OpCode;
import java.util.Locale;

/** Names of operators, as the engine's own table has them. */
final class Operators {
  private Operators() {}

  /** The code of the operator of this name: a byte, or two with a prefix. */
  static int codeOf(String name) {
    return OpCode.valueOf(name).opcode();
  }

  /** The name of an operator of one byte, or of the proposal behind a prefix. */
  static String nameOf(int op) {
    return switch (op) {
      case 0xFB -> "operators of garbage collection";
      case 0xFD -> "vector operators (SIMD)";
      case 0xFE -> "atomic operators (threads)";
      default -> nameOf(0, op);
    };
  }

  static String nameOf(int prefix, int op) {
    OpCode code = OpCode.byOpCode(prefix << 8 | op);
    return code == null
        ? "the operator 0x" + Integer.toHexString(prefix << 8 | op)
        : "the operator " + code.name().toLowerCase(Locale.ROOT);
  }
}
