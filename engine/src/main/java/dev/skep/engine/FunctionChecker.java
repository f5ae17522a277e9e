package dev.skep.engine;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.ScannedModule.GlobalType;
import dev.skep.limits.ModuleLimits;
import java.util.Arrays;
import java.util.List;

/**
 * Checks function bodies before the engine sees them: types and operand stack by the algorithm of
 * the standard (core spec, appendix "Validation Algorithm"), and all that the engine's parser,
 * validator and compiler take more than a constant time for.
 *
 * <p>The engine's validator checks the types again. It is not left to it alone because it goes on
 * behind an error and keeps an exception with a stack trace for each, a million of them in a
 * megabyte; and because its operand stack has no bound.
 *
 * <h2>Steps</h2>
 *
 * Where the engine loops over something at one operator, that is counted in steps, over the whole
 * module, and bounded ({@link ModuleLimits#checkSteps}):
 *
 * <pre>
 *   a branch                       the levels it goes out by, the values it takes along, those it
 *                                  drops; a br_table each of its targets
 *   a block                        its parameters and results, the operands below it
 *   the end of a loop              the blocks that began before it in the same block
 *   a call, a ref.func             parameters and results
 * </pre>
 *
 * Linear in the bodies and in those steps, with state bounded by the limits. One instance a module;
 * not thread-safe.
 */
final class FunctionChecker {
  private static final int BLOCK = 0;
  private static final int LOOP = 1;
  private static final int IF = 2;
  private static final int ELSE = 3;

  /** A value of unknown type, which only code that cannot be reached sees. */
  private static final byte ANY = 0;

  private static final byte I32 = 0x7F;
  private static final byte I64 = 0x7E;
  private static final byte F32 = 0x7D;
  private static final byte F64 = 0x7C;
  private static final byte FUNCREF = 0x70;

  private static final byte[] NONE = {};

  private final ScannedModule module;
  private final ModuleLimits limits;
  private final MethodSizeEstimate size = new MethodSizeEstimate();
  private final byte[][] parameters;
  private final byte[][] results;

  // The control stack, the function's own block first.
  private final byte[] kinds;
  private final byte[][] entry;
  private final byte[][] exit;
  private final int[] heights;
  private final int[] began;
  private final boolean[] polymorphic;
  private final boolean[] entryLive;
  private int depth;

  private final byte[] operands;
  private int height;

  /** Whether the compiler makes code of what comes: not behind a branch, up to the next end. */
  private boolean live;

  // The function's locals, parameters first: types and slots of the JVM frame.
  private byte[] locals = new byte[64];
  private int[] slots = new int[64];
  private int localCount;

  private WasmCursor in;
  private int at;
  private long steps;
  private long targets;

  FunctionChecker(ScannedModule module, ModuleLimits limits) {
    this.module = module;
    this.limits = limits;
    int types = module.types().size();
    parameters = new byte[types][];
    results = new byte[types][];
    for (int i = 0; i < types; i++) {
      parameters[i] = codes(module.types().get(i).params());
      results[i] = codes(module.types().get(i).results());
    }
    int most = limits.nesting() + 1;
    kinds = new byte[most];
    entry = new byte[most][];
    exit = new byte[most][];
    heights = new int[most];
    began = new int[most];
    polymorphic = new boolean[most];
    entryLive = new boolean[most];
    operands = new byte[limits.operands()];
    in = new WasmCursor(module.bytes(), 0, 0);
  }

  private static byte[] codes(List<ValueKind> kinds) {
    byte[] codes = new byte[kinds.size()];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) kinds.get(i).code();
    }
    return codes;
  }

  /** Steps taken by the functions checked so far. */
  long steps() {
    return steps;
  }

  /** What the last function's method will take. */
  MethodSizeEstimate size() {
    return size;
  }

  /**
   * Checks the body of one function.
   *
   * @param type index of its type
   * @param from where the body begins, behind its length
   */
  void check(int type, int from, int to) throws ModuleRefusedException {
    in = new WasmCursor(module.bytes(), from, to);
    at = from;
    declareLocals(parameters[type]);
    depth = 0;
    height = 0;
    live = true;
    push(BLOCK, NONE, results[type]);
    while (depth > 0) {
      at = in.position;
      operator();
    }
    if (!in.atEnd()) {
      throw in.malformed("operators behind the function's end");
    }
  }

  private void declareLocals(byte[] declared) throws ModuleRefusedException {
    localCount = 0;
    int slot = 0;
    for (byte kind : declared) {
      slot = declare(kind, 1, slot);
    }
    int parameterWords = slot;
    slot += 2; // the compiler's own parameters: memory and instance
    int first = localCount;
    int groups = in.u31();
    for (int g = 0; g < groups; g++) {
      int count = in.u31();
      slot = declare((byte) ValueKind.read(in).code(), count, slot);
    }
    size.begin(parameterWords, slot - parameterWords - 2, localCount - first);
  }

  private int declare(byte kind, int count, int slot) {
    int next = slot;
    if (localCount + count > locals.length) {
      int room = Math.max(locals.length * 2, localCount + count);
      locals = Arrays.copyOf(locals, room);
      slots = Arrays.copyOf(slots, room);
    }
    for (int i = 0; i < count; i++) {
      locals[localCount] = kind;
      slots[localCount++] = next;
      next += isWide(kind) ? 2 : 1;
    }
    return next;
  }

  private static boolean isWide(byte kind) {
    return kind == I64 || kind == F64;
  }

  // ── Steps and refusals ────────────────────────────────────────────────────────────────────

  private void step(long count) throws ModuleRefusedException {
    steps += count;
    in.check("steps of checking blocks, branches and calls", steps, limits.checkSteps());
  }

  private ModuleRefusedException invalid(String what) {
    return new ModuleRefusedException(
        Reason.INVALID, "invalid module: " + what + " at offset " + at);
  }

  private ModuleRefusedException mismatch(String needed, String found) {
    return invalid("type mismatch: " + needed + " is needed and " + found + " is there,");
  }

  private static String word(byte kind) {
    return switch (kind) {
      case I32 -> "i32";
      case I64 -> "i64";
      case F32 -> "f32";
      case F64 -> "f64";
      case FUNCREF -> "funcref";
      case ANY -> "a value";
      default -> "externref";
    };
  }

  // ── Operands ──────────────────────────────────────────────────────────────────────────────

  private void push(byte kind) throws ModuleRefusedException {
    if (height == operands.length) {
      throw in.limit("values on the operand stack of one function", height + 1L, limits.operands());
    }
    operands[height++] = kind;
  }

  private void pushAll(byte[] all) throws ModuleRefusedException {
    for (byte kind : all) {
      push(kind);
    }
  }

  private byte pop(byte expected) throws ModuleRefusedException {
    if (height == heights[depth - 1]) {
      if (polymorphic[depth - 1]) {
        return ANY;
      }
      throw mismatch(word(expected), "nothing");
    }
    byte found = operands[--height];
    if (found != expected && found != ANY && expected != ANY) {
      throw mismatch(word(expected), word(found));
    }
    return found;
  }

  private void popAll(byte[] all) throws ModuleRefusedException {
    for (int i = all.length - 1; i >= 0; i--) {
      pop(all[i]);
    }
  }

  /** Checks that these values are there, and leaves them. */
  private void peekAll(byte[] all) throws ModuleRefusedException {
    int position = height;
    for (int i = all.length - 1; i >= 0; i--) {
      if (position == heights[depth - 1]) {
        if (polymorphic[depth - 1]) {
          return;
        }
        throw mismatch(word(all[i]), "nothing");
      }
      byte found = operands[--position];
      if (found != all[i] && found != ANY) {
        throw mismatch(word(all[i]), word(found));
      }
    }
  }

  private void operation(byte[] signature) throws ModuleRefusedException {
    for (int i = signature.length - 2; i >= 0; i--) {
      pop(signature[i]);
    }
    push(signature[signature.length - 1]);
  }

  // ── Control ───────────────────────────────────────────────────────────────────────────────

  private void push(int kind, byte[] parameterTypes, byte[] resultTypes)
      throws ModuleRefusedException {
    in.check("nested blocks", depth, limits.nesting());
    kinds[depth] = (byte) kind;
    entry[depth] = parameterTypes;
    exit[depth] = resultTypes;
    heights[depth] = height;
    began[depth] = 0;
    polymorphic[depth] = false;
    entryLive[depth] = live;
    depth++;
    pushAll(parameterTypes);
  }

  /** What a branch to a label takes along. */
  private byte[] labelTypes(int frame) {
    return kinds[frame] == LOOP ? entry[frame] : exit[frame];
  }

  private int frame(long label) throws ModuleRefusedException {
    if (label >= depth) {
      throw invalid("unknown label " + label);
    }
    return depth - 1 - (int) label;
  }

  private int branch(long label) throws ModuleRefusedException {
    int frame = frame(label);
    byte[] types = labelTypes(frame);
    int dropped = Math.max(0, height - heights[frame] - types.length);
    step(label + 2L * types.length + dropped);
    if (live) {
      size.branch(types.length, dropped);
    }
    return frame;
  }

  private void unreachable() {
    height = heights[depth - 1];
    polymorphic[depth - 1] = true;
    live = false;
  }

  private void open(int op) throws ModuleRefusedException {
    byte[] parameterTypes = NONE;
    byte[] resultTypes;
    if (in.atEnd()) {
      throw in.malformed("unexpected end");
    }
    int first = in.bytes[in.position] & 0xFF;
    if (first == 0x40) {
      in.u8();
      resultTypes = NONE;
    } else if ((first & 0xC0) == 0x40) {
      resultTypes = new byte[] {(byte) ValueKind.read(in).code()};
    } else {
      long type = in.signed(33);
      checkIndex("type", type, parameters.length);
      parameterTypes = parameters[(int) type];
      resultTypes = results[(int) type];
    }
    if (op == 0x04) {
      pop(I32);
    }
    began[depth - 1]++;
    step(2L * (parameterTypes.length + resultTypes.length) + height);
    popAll(parameterTypes);
    push(op == 0x02 ? BLOCK : op == 0x03 ? LOOP : IF, parameterTypes, resultTypes);
    if (live) {
      if (op != 0x02) {
        size.charge();
      }
      if (op == 0x04) {
        size.branch(0, 0);
      } else {
        size.label();
      }
    }
  }

  private void finish() throws ModuleRefusedException {
    popAll(exit[depth - 1]);
    if (height != heights[depth - 1]) {
      throw invalid(
          "type mismatch: "
              + (height - heights[depth - 1])
              + " values more than the block's results are left");
    }
  }

  private void alternative() throws ModuleRefusedException {
    int top = depth - 1;
    if (kinds[top] != IF) {
      throw in.malformed("else without if");
    }
    finish();
    kinds[top] = ELSE;
    polymorphic[top] = false;
    if (live) {
      size.branch(0, 0);
    }
    live = entryLive[top];
    if (live) {
      size.charge();
    }
    pushAll(entry[top]);
  }

  private void close() throws ModuleRefusedException {
    finish();
    int top = --depth;
    if (kinds[top] == IF && !Arrays.equals(entry[top], exit[top])) {
      throw invalid("type mismatch: an if without else must have the same parameters and results");
    }
    live = entryLive[top];
    if (top == 0) {
      size.leave(exit[top].length);
      return;
    }
    if (kinds[top] == LOOP) {
      // The engine's parser looks for a loop's head among all blocks that began beside it.
      step(began[top - 1]);
    } else if (live) {
      size.charge();
    }
    pushAll(exit[top]);
  }

  private void branchTable() throws ModuleRefusedException {
    int count = in.u31();
    in.check("targets of one br_table", count, limits.branchTargets());
    targets += count + 1L;
    in.check("targets of all br_tables", targets, limits.totalBranchTargets());
    pop(I32);
    int arity = -1;
    for (int i = 0; i <= count; i++) {
      long label = in.u32();
      byte[] types = labelTypes(frame(label));
      if (arity >= 0 && types.length != arity) {
        throw invalid("type mismatch: targets of one br_table take different numbers of values");
      }
      arity = types.length;
      step(label + 2L * arity);
      peekAll(types);
    }
    if (live) {
      size.table(count + 1);
    }
    unreachable();
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────

  private void checkIndex(String what, long index, int count) throws ModuleRefusedException {
    if (index < 0 || index >= count) {
      throw invalid("unknown " + what + " " + index);
    }
  }

  private int typeOf(long function) throws ModuleRefusedException {
    checkIndex("function", function, module.functionCount());
    int imported = module.importedFunctions().length;
    return function < imported
        ? module.importedFunctions()[(int) function]
        : module.functions()[(int) function - imported];
  }

  private void call(int type) throws ModuleRefusedException {
    step(parameters[type].length + (long) results[type].length);
    popAll(parameters[type]);
    pushAll(results[type]);
    if (live) {
      size.call(results[type].length);
    }
  }

  private void tailCall(int type) throws ModuleRefusedException {
    step(parameters[type].length + (long) results[type].length);
    popAll(parameters[type]);
    if (!Arrays.equals(results[type], exit[0])) {
      throw invalid("type mismatch: a tail call must have the function's own results");
    }
    if (live) {
      size.call(0);
      size.leave(exit[0].length);
    }
    unreachable();
  }

  private int indirectType() throws ModuleRefusedException {
    long type = in.u32();
    long table = in.u32();
    checkIndex("type", type, parameters.length);
    if (tableType(table) != FUNCREF) {
      throw invalid("type mismatch: a call goes through table " + table + " of externref");
    }
    pop(I32);
    return (int) type;
  }

  private byte tableType(long table) throws ModuleRefusedException {
    checkIndex("table", table, module.tables().size());
    return (byte) module.tables().get((int) table).elements().code();
  }

  // ── Operators ─────────────────────────────────────────────────────────────────────────────

  private void operator() throws ModuleRefusedException {
    int op = in.u8();
    switch (op) {
      case 0x00 -> { // unreachable
        if (live) {
          size.helper();
          size.drop(1);
        }
        unreachable();
      }
      case 0x01 -> {} // nop
      case 0x02, 0x03, 0x04 -> open(op);
      case 0x05 -> alternative();
      case 0x0B -> close();
      case 0x0C -> { // br
        int frame = branch(in.u32());
        popAll(labelTypes(frame));
        unreachable();
      }
      case 0x0D -> { // br_if
        long label = in.u32();
        pop(I32);
        byte[] types = labelTypes(branch(label));
        popAll(types);
        pushAll(types);
        if (live) {
          size.charge();
        }
      }
      case 0x0E -> branchTable();
      case 0x0F -> { // return
        step(exit[0].length);
        popAll(exit[0]);
        if (live) {
          size.leave(exit[0].length);
        }
        unreachable();
      }
      case 0x10 -> call(typeOf(in.u32()));
      case 0x11 -> { // call_indirect
        int type = indirectType();
        call(type);
        if (live) {
          size.constantInt(0);
        }
      }
      case 0x12 -> tailCall(typeOf(in.u32()));
      case 0x13 -> tailCall(indirectType());
      case 0x1A -> { // drop
        pop(ANY);
        if (live) {
          size.drop(1);
        }
      }
      case 0x1B, 0x1C -> select(op);
      case 0x20, 0x21, 0x22 -> local(op);
      case 0x23, 0x24 -> global(op);
      case 0x25, 0x26 -> tableElement(op);
      case 0x3F -> { // memory.size
        checkIndex("memory", in.u32(), module.memories());
        push(I32);
        if (live) {
          size.indexed(0);
        }
      }
      case 0x40 -> { // memory.grow
        checkIndex("memory", in.u32(), module.memories());
        pop(I32);
        push(I32);
        bulk();
      }
      case 0x41 -> { // i32.const
        long value = in.signed(32);
        push(I32);
        if (live) {
          size.constantInt(value);
        }
      }
      case 0x42 -> { // i64.const
        long value = in.signed(64);
        push(I64);
        if (live) {
          size.constantLong(value);
        }
      }
      case 0x43, 0x44 -> { // f32.const, f64.const
        in.skip(op == 0x43 ? 4 : 8);
        push(op == 0x43 ? F32 : F64);
        if (live) {
          size.constantFloat();
        }
      }
      case 0xD0, 0xD1, 0xD2 -> reference(op);
      case 0xFC -> extended();
      case 0x06, 0x07, 0x08, 0x09, 0x0A, 0x18, 0x19, 0x1F ->
          throw in.unsupported("exception handling");
      case 0x14, 0x15, 0xD3, 0xD4, 0xD5, 0xD6 -> throw in.unsupported("typed references");
      case 0xFB -> throw in.unsupported("garbage collection");
      case 0xFD -> throw in.unsupported("SIMD vectors (v128)");
      case 0xFE -> throw in.unsupported("threads (atomic operators)");
      default -> {
        if (op >= 0x28 && op <= 0x3E) {
          access(op);
          return;
        }
        byte[] signature = OperatorTypes.of(op);
        if (signature == null) {
          throw in.malformed("unknown operator 0x" + Integer.toHexString(op));
        }
        operation(signature);
        if (live) {
          size.plain(op);
        }
      }
    }
  }

  private void select(int op) throws ModuleRefusedException {
    byte kind = ANY;
    if (op == 0x1C) {
      int count = in.u31();
      if (count != 1) {
        throw invalid("select with " + count + " types; it must have 1");
      }
      kind = (byte) ValueKind.read(in).code();
    }
    pop(I32);
    byte second = pop(kind);
    byte first = pop(kind);
    if (kind == ANY) {
      if (first != ANY && second != ANY && first != second) {
        throw mismatch(word(first), word(second));
      }
      kind = first == ANY ? second : first;
      if (kind != ANY && kind < F64) {
        throw invalid("type mismatch: select of references must name their type");
      }
    }
    push(kind);
    if (live) {
      size.select(isWide(kind));
    }
  }

  private void local(int op) throws ModuleRefusedException {
    long index = in.u32();
    checkIndex("local", index, localCount);
    byte kind = locals[(int) index];
    if (op != 0x20) {
      pop(kind);
    }
    if (op != 0x21) {
      push(kind);
    }
    if (live) {
      size.local(slots[(int) index], op == 0x22);
    }
  }

  private void global(int op) throws ModuleRefusedException {
    long index = in.u32();
    checkIndex("global", index, module.globals().size());
    GlobalType global = module.globals().get((int) index);
    byte kind = (byte) global.kind().code();
    if (op == 0x23) {
      push(kind);
    } else {
      if (!global.isMutable()) {
        throw invalid("global " + index + " is immutable and is written");
      }
      pop(kind);
    }
    if (live) {
      size.global((int) index);
    }
  }

  private void tableElement(int op) throws ModuleRefusedException {
    long table = in.u32();
    byte kind = tableType(table);
    if (op == 0x25) {
      pop(I32);
      push(kind);
    } else {
      pop(kind);
      pop(I32);
    }
    if (live) {
      size.indexed((int) table);
    }
  }

  private void reference(int op) throws ModuleRefusedException {
    if (op == 0xD0) { // ref.null
      ValueKind kind = ValueKind.read(in);
      if (!kind.isReference()) {
        throw in.malformed("unknown reference type");
      }
      push((byte) kind.code());
    } else if (op == 0xD1) { // ref.is_null
      byte kind = pop(ANY);
      if (kind >= F64) {
        throw mismatch("a reference", word(kind));
      }
      push(I32);
    } else { // ref.func
      int type = typeOf(in.u32());
      step(parameters[type].length + (long) results[type].length);
      push(FUNCREF);
    }
    if (live) {
      size.helper();
    }
  }

  private void access(int op) throws ModuleRefusedException {
    long align = in.u32();
    long index = 0;
    if ((align & 0x40) != 0) {
      index = in.u32();
      align &= ~0x40L;
    }
    long offset = in.u32();
    checkIndex("memory", index, module.memories());
    if (align > OperatorTypes.alignment(op)) {
      throw invalid("alignment must not be larger than natural");
    }
    byte kind = OperatorTypes.accessed(op);
    if (op >= 0x36) {
      pop(kind);
      pop(I32);
    } else {
      pop(I32);
      push(kind);
    }
    if (live) {
      size.memory(op, offset, index == 0);
    }
  }

  /** A bulk operator, which becomes a call of a function of its own. */
  private void bulk() {
    if (live) {
      size.call(1);
    }
  }

  private void extended() throws ModuleRefusedException {
    long op = in.u32();
    if (op <= 7) {
      operation(OperatorTypes.saturating((int) op));
      if (live) {
        size.helper();
      }
      return;
    }
    switch ((int) op) {
      case 8 -> { // memory.init
        dataSegment(in.u32());
        checkIndex("memory", in.u32(), module.memories());
        popThree(I32);
      }
      case 9 -> dataSegment(in.u32()); // data.drop
      case 10 -> { // memory.copy
        checkIndex("memory", in.u32(), module.memories());
        checkIndex("memory", in.u32(), module.memories());
        popThree(I32);
      }
      case 11 -> { // memory.fill
        checkIndex("memory", in.u32(), module.memories());
        popThree(I32);
      }
      case 12 -> { // table.init
        long segment = in.u32();
        long table = in.u32();
        checkIndex("element segment", segment, module.elementSegments());
        checkIndex("table", table, module.tables().size());
        popThree(I32);
      }
      case 13 -> checkIndex("element segment", in.u32(), module.elementSegments()); // elem.drop
      case 14 -> { // table.copy
        byte to = tableType(in.u32());
        byte from = tableType(in.u32());
        if (to != from) {
          throw mismatch("a table of " + word(to), "one of " + word(from));
        }
        popThree(I32);
      }
      case 15 -> { // table.grow
        byte kind = tableType(in.u32());
        pop(I32);
        pop(kind);
        push(I32);
      }
      case 16 -> { // table.size
        checkIndex("table", in.u32(), module.tables().size());
        push(I32);
      }
      case 17 -> { // table.fill
        byte kind = tableType(in.u32());
        popThree(kind);
      }
      default -> throw in.malformed("unknown operator 0xfc " + op);
    }
    bulk();
  }

  private void popThree(byte middle) throws ModuleRefusedException {
    pop(I32);
    pop(middle);
    pop(I32);
  }

  private void dataSegment(long segment) throws ModuleRefusedException {
    if (module.dataCount() < 0) {
      throw in.malformed("data count section required");
    }
    checkIndex("data segment", segment, module.dataCount());
  }
}
