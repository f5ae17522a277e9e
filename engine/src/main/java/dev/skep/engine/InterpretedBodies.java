package dev.skep.engine;

import com.dylibso.chicory.wasm.types.AnnotatedInstruction;
import com.dylibso.chicory.wasm.types.FunctionBody;
import com.dylibso.chicory.wasm.types.Instruction;
import com.dylibso.chicory.wasm.types.OpCode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The bodies of the functions that the engine's interpreter runs. Its parser makes an object of
 * each operator, some forty times the operator's bytes; and a module can be made of such functions.
 * So they are parsed one after another, and operators that are alike, whatever their place, are one
 * object for all: the interpreter looks at no operator's address and changes none.
 */
final class InterpretedBodies {
  private static final int TYPE = 1;
  private static final int FUNCTION = 3;
  private static final int CODE = 10;

  /** What an operator takes of the heap: an object of 48 bytes and, mostly, an array of 24. */
  private static final int OPERATOR_BYTES = 72;

  private static final int REFERENCE_BYTES = 4;

  private static final int MOST_OPERANDS = 2;

  /** An operator that is no branch, without its place. */
  private record Likeness(OpCode opcode, int depth, int operands, long first, long second) {
    static Likeness of(Instruction operator, int depth) {
      int count = operator.operandCount();
      return new Likeness(
          operator.opcode(),
          depth,
          count,
          count > 0 ? operator.operand(0) : 0,
          count > 1 ? operator.operand(1) : 0);
    }
  }

  private final Map<Likeness, AnnotatedInstruction> known = new HashMap<>();
  private final Map<Integer, FunctionBody> bodies = new HashMap<>();
  private long bytes;

  private InterpretedBodies() {}

  /**
   * Parses them. What of the module it needs is valid.
   *
   * @param module instrumented
   * @param interpreted indexes of the functions
   * @param imported how many functions the module imports
   */
  static InterpretedBodies of(byte[] module, Set<Integer> interpreted, int imported)
      throws ModuleRefusedException {
    InterpretedBodies parsed = new InterpretedBodies();
    if (interpreted.isEmpty()) {
      return parsed;
    }
    WasmBuffer types = new WasmBuffer(256);
    int[] functionTypes = new int[0];
    WasmCursor in = new WasmCursor(module, 8, module.length);
    while (!in.atEnd()) {
      int start = in.position;
      int id = in.u8();
      int length = in.u31();
      int from = in.position;
      in.skip(length);
      WasmCursor content = new WasmCursor(module, from, in.position);
      switch (id) {
        case TYPE -> types.raw(module, start, in.position);
        case FUNCTION -> {
          functionTypes = new int[content.u31()];
          for (int i = 0; i < functionTypes.length; i++) {
            functionTypes[i] = content.u31();
          }
        }
        case CODE -> {
          int count = content.u31();
          for (int i = 0; i < count; i++) {
            int body = content.position;
            content.skip(content.u31());
            if (interpreted.contains(imported + i)) {
              parsed.bodies.put(
                  imported + i,
                  parsed.body(types, functionTypes[i], module, body, content.position));
            }
          }
        }
        default -> {}
      }
    }
    return parsed;
  }

  /** Parses one, as the only function of a module that is not validated. */
  private FunctionBody body(WasmBuffer types, int type, byte[] module, int from, int to)
      throws ModuleRefusedException {
    WasmBuffer out = new WasmBuffer(types.length() + to - from + 64);
    out.raw(module, 0, 8);
    out.raw(types);
    WasmBuffer content = new WasmBuffer(to - from + 16);
    content.u32(1);
    content.u32(type);
    out.section(FUNCTION, content);
    content.clear();
    content.u32(1);
    content.raw(module, from, to);
    out.section(CODE, content);
    FunctionBody body = ModuleParser.parse(out.toBytes(), false).codeSection().getFunctionBody(0);
    AnnotatedInstruction[] operators = new AnnotatedInstruction[body.instructions().size()];
    for (int i = 0; i < operators.length; i++) {
      operators[i] = alike(body.instructions().get(i));
    }
    bytes += (long) operators.length * REFERENCE_BYTES;
    return new FunctionBody(body.localTypes(), List.of(operators));
  }

  private AnnotatedInstruction alike(AnnotatedInstruction operator) {
    AnnotatedInstruction first =
        isAlone(operator)
            ? null
            : known.putIfAbsent(Likeness.of(operator, operator.depth()), operator);
    if (first != null) {
      return first;
    }
    bytes += OPERATOR_BYTES;
    return operator;
  }

  /** Whether it says where others are. */
  private static boolean isAlone(AnnotatedInstruction operator) {
    return operator.opcode() == OpCode.BR_TABLE
        || operator.labelTrue() != AnnotatedInstruction.UNDEFINED_LABEL
        || operator.labelFalse() != AnnotatedInstruction.UNDEFINED_LABEL
        || operator.scope() != null
        || operator.operandCount() > MOST_OPERANDS;
  }

  Map<Integer, FunctionBody> all() {
    return bodies;
  }

  /** Bytes of heap that they take, or so. */
  long heldBytes() {
    return bytes;
  }
}
