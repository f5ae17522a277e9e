package dev.skep.engine;

import com.dylibso.chicory.wasm.types.AnnotatedInstruction;
import com.dylibso.chicory.wasm.types.CodeSection;
import com.dylibso.chicory.wasm.types.FunctionBody;
import com.dylibso.chicory.wasm.types.Instruction;
import com.dylibso.chicory.wasm.types.OpCode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The bodies of the functions that the engine's interpreter runs. Its parser makes an object of
 * each operator, some forty times the operator's bytes; and a module can be made of such functions.
 * So they are parsed a few at a time, and operators that are alike, whatever their place, are one
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

  /**
   * Bodies of so many bytes are parsed at a time, or one that is larger: what the parser makes of
   * them is garbage soon, and the module's types are parsed each time.
   */
  private static final int BYTES_AT_A_TIME = 128 << 10;

  /** Where a body is in the module, its length before it. */
  private record Place(int function, int type, int from, int to) {}

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
    List<Place> places = new ArrayList<>();
    int placed = 0;
    WasmCursor in = new WasmCursor(module, 8, module.length);
    while (!in.atEnd()) {
      int start = in.position;
      int id = in.u8();
      int length = in.u31();
      WasmCursor content = new WasmCursor(module, in.position, in.position + length);
      in.skip(length);
      switch (id) {
        case TYPE -> types.raw(module, start, in.position);
        case FUNCTION -> functionTypes = functionTypes(content);
        case CODE -> {
          int count = content.u31();
          for (int i = 0; i < count; i++) {
            int from = content.position;
            content.skip(content.u31());
            if (interpreted.contains(imported + i)) {
              places.add(new Place(imported + i, functionTypes[i], from, content.position));
              placed += content.position - from;
            }
            if (placed >= BYTES_AT_A_TIME) {
              parsed.parse(module, types, places);
              places.clear();
              placed = 0;
            }
          }
        }
        default -> {}
      }
    }
    parsed.parse(module, types, places);
    return parsed;
  }

  private static int[] functionTypes(WasmCursor in) throws ModuleRefusedException {
    int[] types = new int[in.u31()];
    for (int i = 0; i < types.length; i++) {
      types[i] = in.u31();
    }
    return types;
  }

  /** Parses some, as the functions of a module that has no others and is not validated. */
  private void parse(byte[] module, WasmBuffer types, List<Place> places)
      throws ModuleRefusedException {
    WasmBuffer functions = new WasmBuffer(64);
    WasmBuffer code = new WasmBuffer(BYTES_AT_A_TIME);
    functions.u32(places.size());
    code.u32(places.size());
    for (Place place : places) {
      functions.u32(place.type());
      code.raw(module, place.from(), place.to());
    }
    WasmBuffer out = new WasmBuffer(types.length() + code.length() + 64);
    out.raw(module, 0, 8);
    out.raw(types);
    out.section(FUNCTION, functions);
    out.section(CODE, code);
    CodeSection parsed = ModuleParser.parse(out.toBytes(), false).codeSection();
    for (int i = 0; i < places.size(); i++) {
      bodies.put(places.get(i).function(), shared(parsed.getFunctionBody(i)));
    }
  }

  private FunctionBody shared(FunctionBody body) {
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
