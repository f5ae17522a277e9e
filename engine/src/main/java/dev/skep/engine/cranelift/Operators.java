package dev.skep.engine.cranelift;

import com.dylibso.chicory.wasm.types.OpCode;
import java.util.Locale;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

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

  /**
   * The operators of the engine's table that are not translated, as {@link Body#skip} has it, by
   * the reason that a module with one of them is given; each by its name in lower case, in order.
   */
  static SortedMap<String, SortedSet<String>> untranslated() {
    SortedMap<String, SortedSet<String>> reasons = new TreeMap<>();
    byte[] immediates = new byte[64];
    for (OpCode code : OpCode.values()) {
      int whole = code.opcode();
      Body body = new Body(immediates, 0, immediates.length);
      if (whole > 0xFF) {
        // What is behind a prefix of 0xFC is a number of its own; the other prefixes go as a whole.
        immediates[0] = (byte) whole;
      }
      try {
        body.skip(whole > 0xFF ? whole >>> (whole > 0xFFFF ? 12 : 8) : whole);
      } catch (UnsupportedException e) {
        reasons
            .computeIfAbsent(e.reason(), _ -> new TreeSet<>())
            .add(code.name().toLowerCase(Locale.ROOT));
      } finally {
        immediates[0] = 0;
      }
    }
    return reasons;
  }
}
