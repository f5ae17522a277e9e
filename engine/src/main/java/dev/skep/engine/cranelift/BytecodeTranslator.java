package dev.skep.engine.cranelift;

import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.FrameNode;
import org.objectweb.asm.tree.InsnNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.JumpInsnNode;
import org.objectweb.asm.tree.LabelNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TableSwitchInsnNode;
import org.objectweb.asm.tree.VarInsnNode;

/**
 * Translates one function of a module of which only the JVM's bytecode is left, as the engine's
 * compiler makes it of WebAssembly: its operators one by one, its helpers by name, its locals and
 * its operand stack as they are. That is how Cranelift itself becomes machine code.
 *
 * <p>Values that are on the operand stack where control joins are handed over in variables, one for
 * each depth and type; which types those are the bytecode's frames say.
 *
 * <p>Not thread-safe; one module at a time.
 */
final class BytecodeTranslator {
  /** Stands on the operand stack for what is no value: the memory and the instance. */
  private static final int OBJECT = -1;

  private final IrBuilder ir;
  private final RedlineBridge_ModuleExports op;
  private final Symbols symbols;
  private final ContextLayout layout;
  private final CompileRequest module;
  private final Numerics numerics;
  private final ColdBlocks coldBlocks;

  // The function at hand.
  private int function;
  private int units;
  private FunctionShape shape = Body.NOTHING;
  private int stateVariable;
  private int baseVariable;
  private int sizeVariable;
  private final Map<Integer, Integer> variables = new HashMap<>();
  private final Map<LabelNode, Integer> blocks = new HashMap<>();
  private final Map<LabelNode, String> stacks = new HashMap<>();

  /** What is known of variables without asking, until control joins. */
  private final Map<Integer, Integer> known = new HashMap<>();

  /** By value of an address: up to which offset from it the memory reaches for sure. */
  private final Map<Integer, Long> reaches = new HashMap<>();

  /** Whether a call may have moved or grown the memory since it was read. */
  private boolean memoryStale;

  /** Values, and the letters of their types beside them. */
  private final List<Integer> values = new ArrayList<>();

  private final StringBuilder types = new StringBuilder();
  private boolean reachable;

  BytecodeTranslator(CompileRequest module, Symbols symbols, ContextLayout layout, IrBuilder ir) {
    this.module = module;
    this.symbols = symbols;
    this.layout = layout;
    this.ir = ir;
    this.op = ir.op;
    this.coldBlocks = new ColdBlocks(ir, symbols);
    this.numerics = new Numerics(ir, this::trapIf);
  }

  /** The code of function {@code index}, whose method this is, with expanded frames. */
  byte[] translate(int index, MethodNode method) {
    function = index;
    shape = module.shapeOf(index);
    units = module.depthUnits()[index - module.imported()];
    variables.clear();
    blocks.clear();
    stacks.clear();
    coldBlocks.clear();
    forget();
    ir.beginGuest(shape);
    stateVariable = op.declareVar(IrBuilder.I64);
    baseVariable = op.declareVar(IrBuilder.I64);
    sizeVariable = op.declareVar(IrBuilder.I64);
    define(stateVariable, ir.param(1));
    memoryStale = true;
    int slot = 0;
    for (int i = 0; i < shape.params().length(); i++) {
      char letter = shape.params().charAt(i);
      define(local(slot, letter), ir.param(i + 2));
      slot += isWide(letter) ? 2 : 1;
    }
    if (units > 0) {
      long needed = (long) units << ContextLayout.DEPTH_SHIFT;
      int state = use(stateVariable);
      int left = op.emitBand(state, ir.i64(ContextLayout.DEPTH_MASK));
      trapIf(op.emitIcmp(IrBuilder.ULT, left, ir.i64(needed)), NativeTrap.DEPTH);
      define(stateVariable, op.emitIsub(state, ir.i64(needed)));
    }
    survey(method);
    reachable = true;
    for (AbstractInsnNode node = method.instructions.getFirst();
        node != null;
        node = node.getNext()) {
      if (node instanceof LabelNode label) {
        label(label);
      } else if (reachable && node.getOpcode() >= 0) {
        instruction(node);
      }
    }
    coldBlocks.write(
        function, shape, () -> ir.storeLong(ContextLayout.TRAP_STATE, op.useVar(stateVariable)));
    return ir.end();
  }

  private void readMemory() {
    if (memoryStale) {
      memoryStale = false;
      define(baseVariable, ir.loadLong(ContextLayout.MEMORY_BASE));
      define(sizeVariable, ir.loadLong(ContextLayout.MEMORY_SIZE));
    }
  }

  // ── Labels ────────────────────────────────────────────────────────────────────────────────

  /** Finds the labels that are jumped to, and what is on the stack there. */
  private void survey(MethodNode method) {
    for (AbstractInsnNode node = method.instructions.getFirst();
        node != null;
        node = node.getNext()) {
      if (node instanceof JumpInsnNode jump) {
        target(jump.label);
      } else if (node instanceof TableSwitchInsnNode table) {
        target(table.dflt);
        table.labels.forEach(this::target);
      }
    }
    ArrayDeque<LabelNode> waiting = new ArrayDeque<>();
    for (AbstractInsnNode node = method.instructions.getFirst();
        node != null;
        node = node.getNext()) {
      if (node instanceof LabelNode label) {
        waiting.add(label);
      } else if (node instanceof FrameNode frame) {
        String stack = letters(frame.stack);
        waiting.forEach(label -> stacks.put(label, stack));
      } else if (node.getOpcode() >= 0) {
        waiting.clear();
      }
    }
  }

  private void target(LabelNode label) {
    blocks.computeIfAbsent(label, _ -> op.createBlock());
  }

  private static String letters(List<Object> stack) {
    StringBuilder letters = new StringBuilder();
    for (Object entry : stack == null ? List.of() : stack) {
      letters.append(
          entry.equals(Opcodes.INTEGER)
              ? 'i'
              : entry.equals(Opcodes.LONG)
                  ? 'I'
                  : entry.equals(Opcodes.FLOAT) ? 'f' : entry.equals(Opcodes.DOUBLE) ? 'F' : '-');
    }
    return letters.toString();
  }

  private void label(LabelNode label) {
    Integer block = blocks.get(label);
    if (block == null) {
      return;
    }
    if (reachable) {
      hand();
      op.emitJump(block);
    }
    op.switchToBlock(block);
    forget();
    String stack = stacks.getOrDefault(label, "");
    for (int i = 0; i < stack.length(); i++) {
      char letter = stack.charAt(i);
      push(letter == '-' ? OBJECT : op.useVar(stackVariable(i, letter)), letter);
    }
    reachable = true;
  }

  /** Hands the operand stack over to whatever label comes next. */
  private void hand() {
    readMemory();
    for (int i = 0; i < values.size(); i++) {
      if (types.charAt(i) != '-') {
        op.defVar(stackVariable(i, types.charAt(i)), values.get(i));
      }
    }
  }

  private int jump(LabelNode label) {
    hand();
    Integer block = blocks.get(label);
    if (block == null) {
      throw new IllegalStateException("a jump to nowhere");
    }
    return block;
  }

  // ── Variables and operands ────────────────────────────────────────────────────────────────

  private static boolean isWide(char letter) {
    return letter == 'I' || letter == 'F';
  }

  private int local(int slot, char letter) {
    return variable(slot * 4 + FunctionShape.type(letter), letter);
  }

  private int stackVariable(int depth, char letter) {
    return variable(-1 - (depth * 4 + FunctionShape.type(letter)), letter);
  }

  private int variable(int key, char letter) {
    return variables.computeIfAbsent(key, _ -> op.declareVar(FunctionShape.type(letter)));
  }

  private void define(int variable, int value) {
    op.defVar(variable, value);
    known.put(variable, value);
  }

  private int use(int variable) {
    return known.computeIfAbsent(variable, op::useVar);
  }

  /** Begins where nothing is known. */
  private void forget() {
    values.clear();
    types.setLength(0);
    known.clear();
    reaches.clear();
    memoryStale = false;
  }

  private void push(int value, char letter) {
    values.add(value);
    types.append(letter);
  }

  private int pop() {
    types.setLength(types.length() - 1);
    return values.removeLast();
  }

  private int number(int value) {
    Long constant = ir.constantOf(value);
    if (constant == null) {
      throw new IllegalStateException("a helper's number is not constant");
    }
    return constant.intValue();
  }

  // ── Instructions ──────────────────────────────────────────────────────────────────────────

  private void instruction(AbstractInsnNode node) {
    switch (node) {
      case VarInsnNode local -> local(local);
      case IntInsnNode push -> push(ir.i32(push.operand), 'i');
      case LdcInsnNode constant -> constant(constant.cst);
      case JumpInsnNode jump -> branch(jump);
      case TableSwitchInsnNode table -> branch(table);
      case MethodInsnNode call -> call(call);
      case InsnNode plain -> plain(plain.getOpcode());
      default -> throw new IllegalStateException("instruction " + node.getOpcode());
    }
  }

  private void local(VarInsnNode node) {
    int slot = node.var;
    switch (node.getOpcode()) {
      case Opcodes.ALOAD -> push(OBJECT, '-');
      case Opcodes.ILOAD -> push(use(local(slot, 'i')), 'i');
      case Opcodes.LLOAD -> push(use(local(slot, 'I')), 'I');
      case Opcodes.FLOAD -> push(use(local(slot, 'f')), 'f');
      case Opcodes.DLOAD -> push(use(local(slot, 'F')), 'F');
      case Opcodes.ISTORE -> define(local(slot, 'i'), pop());
      case Opcodes.LSTORE -> define(local(slot, 'I'), pop());
      case Opcodes.FSTORE -> define(local(slot, 'f'), pop());
      case Opcodes.DSTORE -> define(local(slot, 'F'), pop());
      default -> throw new IllegalStateException("instruction " + node.getOpcode());
    }
  }

  private void constant(Object constant) {
    switch (constant) {
      case Integer number -> push(ir.i32(number), 'i');
      case Long number -> push(ir.i64(number), 'I');
      case Float number -> push(op.emitF32const(Float.floatToRawIntBits(number)), 'f');
      case Double number -> {
        long bits = Double.doubleToRawLongBits(number);
        push(op.emitF64const((int) bits, (int) (bits >>> 32)), 'F');
      }
      default -> throw new IllegalStateException("constant " + constant);
    }
  }

  private void branch(JumpInsnNode node) {
    if (node.getOpcode() == Opcodes.GOTO) {
      op.emitJump(jump(node.label));
      reachable = false;
      return;
    }
    int condition = pop();
    int target = jump(node.label);
    int next = op.createBlock();
    switch (node.getOpcode()) {
      case Opcodes.IFNE -> op.emitBrif(condition, target, next);
      case Opcodes.IFEQ -> op.emitBrif(condition, next, target);
      default -> throw new IllegalStateException("instruction " + node.getOpcode());
    }
    ir.beginSealed(next);
  }

  private void branch(TableSwitchInsnNode node) {
    int index = pop();
    int base = node.min == 0 ? index : op.emitIsub(index, ir.i32(node.min));
    int otherwise = jump(node.dflt);
    for (LabelNode label : node.labels) {
      op.pushBrTableTarget(jump(label));
    }
    op.emitBrTable(base, otherwise);
    reachable = false;
  }

  private void plain(int code) {
    switch (code) {
      case Opcodes.NOP -> {}
      case Opcodes.ICONST_M1,
          Opcodes.ICONST_0,
          Opcodes.ICONST_1,
          Opcodes.ICONST_2,
          Opcodes.ICONST_3,
          Opcodes.ICONST_4,
          Opcodes.ICONST_5 ->
          push(ir.i32(code - Opcodes.ICONST_0), 'i');
      case Opcodes.LCONST_0, Opcodes.LCONST_1 -> push(ir.i64(code - Opcodes.LCONST_0), 'I');
      case Opcodes.FCONST_0, Opcodes.FCONST_1, Opcodes.FCONST_2 ->
          push(op.emitF32const(Float.floatToRawIntBits(code - Opcodes.FCONST_0)), 'f');
      case Opcodes.DCONST_0, Opcodes.DCONST_1 -> constant((double) (code - Opcodes.DCONST_0));
      case Opcodes.POP -> pop();
      case Opcodes.POP2 -> {
        if (!isWide(types.charAt(types.length() - 1))) {
          pop();
        }
        pop();
      }
      case Opcodes.DUP -> push(values.getLast(), types.charAt(types.length() - 1));
      case Opcodes.DUP2 -> duplicateTwo();
      case Opcodes.DUP2_X2 -> duplicateBelow();
      case Opcodes.SWAP -> {
        char upper = types.charAt(types.length() - 1);
        int b = pop();
        char lower = types.charAt(types.length() - 1);
        int a = pop();
        push(b, upper);
        push(a, lower);
      }
      case Opcodes.I2L -> push(op.emitSextendI64(pop()), 'I');
      case Opcodes.L2I -> push(op.emitI32WrapI64(pop()), 'i');
      case Opcodes.I2B -> push(op.emitSextend832(pop()), 'i');
      case Opcodes.I2S -> push(op.emitSextend1632(pop()), 'i');
      case Opcodes.FNEG -> push(op.emitFneg(pop()), 'f');
      case Opcodes.DNEG -> push(op.emitFneg(pop()), 'F');
      case Opcodes.I2F, Opcodes.L2F ->
          push(op.emitFcvtFromSint(FunctionShape.type('f'), pop()), 'f');
      case Opcodes.I2D, Opcodes.L2D ->
          push(op.emitFcvtFromSint(FunctionShape.type('F'), pop()), 'F');
      case Opcodes.F2D -> push(op.emitFpromote(pop()), 'F');
      case Opcodes.D2F -> push(op.emitFdemote(pop()), 'f');
      case Opcodes.IRETURN, Opcodes.LRETURN, Opcodes.FRETURN, Opcodes.DRETURN, Opcodes.RETURN ->
          leave();
      case Opcodes.ATHROW -> reachable = false;
      default -> arithmetic(code);
    }
  }

  private void duplicateTwo() {
    char letter = types.charAt(types.length() - 1);
    if (isWide(letter)) {
      push(values.getLast(), letter);
      return;
    }
    int size = values.size();
    int a = values.get(size - 2);
    int b = values.get(size - 1);
    char first = types.charAt(size - 2);
    push(a, first);
    push(b, letter);
  }

  /** Of two wide values, which is all that the engine's compiler does it with. */
  private void duplicateBelow() {
    char upper = types.charAt(types.length() - 1);
    char lower = types.charAt(types.length() - 2);
    if (!isWide(upper) || !isWide(lower)) {
      throw new IllegalStateException("dup2_x2 of narrow values");
    }
    int b = pop();
    int a = pop();
    push(b, upper);
    push(a, lower);
    push(b, upper);
  }

  private void arithmetic(int code) {
    int b = pop();
    int a = pop();
    switch (code) {
      case Opcodes.IADD -> push(op.emitIadd(a, b), 'i');
      case Opcodes.LADD -> push(op.emitIadd(a, b), 'I');
      case Opcodes.ISUB -> push(op.emitIsub(a, b), 'i');
      case Opcodes.LSUB -> push(op.emitIsub(a, b), 'I');
      case Opcodes.IMUL -> push(op.emitImul(a, b), 'i');
      case Opcodes.LMUL -> push(op.emitImul(a, b), 'I');
      case Opcodes.IAND -> push(op.emitBand(a, b), 'i');
      case Opcodes.LAND -> push(op.emitBand(a, b), 'I');
      case Opcodes.IOR -> push(op.emitBor(a, b), 'i');
      case Opcodes.LOR -> push(op.emitBor(a, b), 'I');
      case Opcodes.IXOR -> push(op.emitBxor(a, b), 'i');
      case Opcodes.LXOR -> push(op.emitBxor(a, b), 'I');
      case Opcodes.ISHL -> push(op.emitIshl(a, b), 'i');
      case Opcodes.LSHL -> push(op.emitIshl(a, b), 'I');
      case Opcodes.ISHR -> push(op.emitSshr(a, b), 'i');
      case Opcodes.LSHR -> push(op.emitSshr(a, b), 'I');
      case Opcodes.IUSHR -> push(op.emitUshr(a, b), 'i');
      case Opcodes.LUSHR -> push(op.emitUshr(a, b), 'I');
      case Opcodes.FADD -> push(op.emitFadd(a, b), 'f');
      case Opcodes.FSUB -> push(op.emitFsub(a, b), 'f');
      case Opcodes.FMUL -> push(op.emitFmul(a, b), 'f');
      case Opcodes.FDIV -> push(op.emitFdiv(a, b), 'f');
      case Opcodes.DADD -> push(op.emitFadd(a, b), 'F');
      case Opcodes.DSUB -> push(op.emitFsub(a, b), 'F');
      case Opcodes.DMUL -> push(op.emitFmul(a, b), 'F');
      case Opcodes.DDIV -> push(op.emitFdiv(a, b), 'F');
      default -> throw new IllegalStateException("instruction " + code);
    }
  }

  private void leave() {
    int state = use(stateVariable);
    if (units > 0) {
      state = op.emitIadd(state, ir.i64((long) units << ContextLayout.DEPTH_SHIFT));
    }
    if (shape.results().isEmpty()) {
      ir.answer(state);
    } else {
      ir.answer(state, pop());
    }
    reachable = false;
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────

  private void call(MethodInsnNode node) {
    String name = node.name;
    if (name.startsWith("func_")) {
      int callee = Integer.parseInt(name.substring("func_".length()));
      guest(module.shapeOf(callee), ir.symbol(callee), 2);
    } else if (name.startsWith("call_indirect_")) {
      indirect(Integer.parseInt(name.substring("call_indirect_".length())));
    } else if (node.owner.endsWith("Shaded")) {
      helper(name);
    } else {
      operator(name, letterOf(Type.getReturnType(node.desc)));
    }
  }

  private void guest(FunctionShape callee, int address, int objects) {
    for (int i = 0; i < objects; i++) {
      pop();
    }
    int count = callee.params().length();
    op.pushCallArg(ir.context());
    op.pushCallArg(use(stateVariable));
    for (int i = values.size() - count; i < values.size(); i++) {
      op.pushCallArg(values.get(i));
    }
    for (int i = 0; i < count; i++) {
      pop();
    }
    int state = op.emitCallIndirect(ir.guestSignature(callee), address);
    String results = callee.results();
    int result = results.isEmpty() ? OBJECT : ir.secondOf(state);
    define(stateVariable, state);
    int next = op.createBlock();
    op.emitBrif(op.emitBand(state, ir.i64(1)), coldBlocks.unwind(), next);
    ir.beginSealed(next);
    memoryStale = true;
    if (!results.isEmpty()) {
      push(result, results.charAt(0));
    }
  }

  private void indirect(int type) {
    pop();
    pop();
    int table = number(pop());
    int index = op.emitUextendI64(pop());
    trapIf(
        op.emitIcmp(UGE, index, ir.loadLong(layout.tableSize(table))),
        NativeTrap.UNDEFINED_ELEMENT);
    int place = op.emitIadd(ir.loadLong(layout.table(table)), op.emitIshl(index, ir.i64(2)));
    int element = ir.loadIntAt(place, 0);
    trapIf(op.emitIcmp(IrBuilder.EQ, element, ir.i32(0)), NativeTrap.UNINITIALIZED_ELEMENT);
    int entry =
        op.emitIadd(
            ir.loadLong(ContextLayout.FUNCTIONS),
            op.emitIshl(op.emitUextendI64(element), ir.i64(4)));
    trapIf(
        op.emitIcmp(IrBuilder.NE, ir.loadIntAt(entry, 8 - 16), ir.i32(symbols.signature(type))),
        NativeTrap.INDIRECT_CALL_TYPE_MISMATCH);
    guest(module.types().get(type), ir.loadLongAt(entry, -16), 0);
  }

  private static final int UGE = 9;

  private void helper(String name) {
    switch (name) {
      case "checkInterruption" -> {}
      case "throwTrapException" -> {
        op.emitJump(coldBlocks.trap(NativeTrap.UNREACHABLE));
        reachable = false;
      }
      case "readGlobal" -> {
        pop();
        int global = number(pop());
        char letter = module.globals().charAt(global);
        int value = ir.load(letter, layout.global(global));
        push(letter == 'i' ? op.emitSextendI64(value) : value, 'I');
      }
      case "writeGlobal" -> {
        pop();
        int global = number(pop());
        char letter = module.globals().charAt(global);
        int value = pop();
        ir.store(letter, layout.global(global), letter == 'i' ? op.emitI32WrapI64(value) : value);
      }
      case "memoryReadByte",
          "memoryReadShort",
          "memoryReadInt",
          "memoryReadLong",
          "memoryReadFloat",
          "memoryReadDouble" ->
          read(name.substring("memoryRead".length()));
      case "memoryWriteByte",
          "memoryWriteShort",
          "memoryWriteInt",
          "memoryWriteLong",
          "memoryWriteFloat",
          "memoryWriteDouble" ->
          write(name.substring("memoryWrite".length()));
      case "memoryPages" -> {
        pop();
        readMemory();
        push(op.emitI32WrapI64(op.emitUshr(use(sizeVariable), ir.i64(16))), 'i');
      }
      case "memoryCopy" -> operation(HostOperation.Kind.MEMORY_COPY);
      case "memoryFill" -> operation(HostOperation.Kind.MEMORY_FILL);
      case "memoryGrow" -> operation(HostOperation.Kind.MEMORY_GROW);
      case "i32_ge_u" -> compare(9);
      default -> throw new IllegalStateException("helper " + name);
    }
  }

  private void operation(HostOperation.Kind kind) {
    guest(kind.shape(), ir.symbol(symbols.operation(new HostOperation(kind, 0, 0))), 1);
  }

  private int checked(int address, int offset, int width) {
    readMemory();
    long reach = (offset & 0xFFFF_FFFFL) + width;
    if (reaches.getOrDefault(address, 0L) < reach) {
      int end = op.emitIadd(op.emitUextendI64(address), ir.i64(reach));
      trapIf(op.emitIcmp(IrBuilder.UGT, end, use(sizeVariable)), NativeTrap.OUT_OF_BOUNDS_MEMORY);
      reaches.put(address, reach);
    }
    return use(baseVariable);
  }

  private void read(String what) {
    pop();
    int offset = number(pop());
    int address = pop();
    switch (what) {
      case "Byte" -> push(op.emitLoad8s(checked(address, offset, 1), address, offset), 'i');
      case "Short" -> push(op.emitLoad16s(checked(address, offset, 2), address, offset), 'i');
      case "Int" -> push(op.emitLoadI32(checked(address, offset, 4), address, offset), 'i');
      case "Long" -> push(op.emitLoadI64(checked(address, offset, 8), address, offset), 'I');
      case "Float" -> push(op.emitLoadF32(checked(address, offset, 4), address, offset), 'f');
      default -> push(op.emitLoadF64(checked(address, offset, 8), address, offset), 'F');
    }
  }

  private void write(String what) {
    pop();
    int offset = number(pop());
    int value = pop();
    int address = pop();
    switch (what) {
      case "Byte" -> op.emitStore8(checked(address, offset, 1), address, value, offset);
      case "Short" -> op.emitStore16(checked(address, offset, 2), address, value, offset);
      case "Int" -> op.emitStoreI32(checked(address, offset, 4), address, value, offset);
      case "Float" -> op.emitStoreF32(checked(address, offset, 4), address, value, offset);
      case "Double" -> op.emitStoreF64(checked(address, offset, 8), address, value, offset);
      default -> op.emitStoreI64(checked(address, offset, 8), address, value, offset);
    }
  }

  private void compare(int condition) {
    int b = pop();
    push(op.emitIcmp(condition, pop(), b), 'i');
  }

  /** Operators of Wasm by their names, which the engine's own table has. */
  private void operator(String name, char result) {
    int code = Operators.codeOf(name);
    if (code >> 8 == 0xFC) {
      push(numerics.saturated(code & 0xFF, pop()), result);
    } else if (Numerics.operands(code) == 1) {
      push(numerics.unary(code, pop()), result);
    } else {
      int b = pop();
      push(numerics.binary(code, pop(), b), result);
    }
  }

  private static char letterOf(Type type) {
    return switch (type.getSort()) {
      case Type.LONG -> 'I';
      case Type.FLOAT -> 'f';
      case Type.DOUBLE -> 'F';
      default -> 'i';
    };
  }

  // ── Traps ─────────────────────────────────────────────────────────────────────────────────

  private void trapIf(int condition, NativeTrap trap) {
    int next = op.createBlock();
    op.emitBrif(condition, coldBlocks.trap(trap), next);
    ir.beginSealed(next);
  }
}
