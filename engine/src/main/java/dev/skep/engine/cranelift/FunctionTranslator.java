package dev.skep.engine.cranelift;

import dev.skep.engine.cranelift.CompileRequest.Charges;
import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;
import java.util.Arrays;

/**
 * Translates one function: structured control becomes blocks, the operand stack becomes values,
 * locals become variables, out of which Cranelift makes its own form.
 *
 * <h2>Fuel</h2>
 *
 * Charges stand where {@link CompileRequest.Charges} says. Most only subtract. One that is checked
 * and finds the slice used up asks for the next slice and goes back before the charge:
 *
 * <pre>
 *   head: if (state &lt; cost) goto cold;
 *   paid: state −= cost; …
 *   cold: state = refill(state, cost); if trapped, unwind; goto head
 * </pre>
 *
 * so that the cold block leads nowhere ahead, and Cranelift lays it out behind everything else.
 *
 * <h2>Blocks of ours</h2>
 *
 * One block for each kind of trap that the function can raise, which notes it; one that notes the
 * function when a call has come back trapped; and one behind them that answers "trapped".
 *
 * <p>Not thread-safe; one module at a time.
 */
final class FunctionTranslator {
  private static final int BLOCK = 0;
  private static final int LOOP = 1;
  private static final int IF = 2;
  private static final int ELSE = 3;

  private final CompileRequest module;
  private final Symbols symbols;
  private final ContextLayout layout;
  private final IrBuilder ir;
  private final RedlineBridge_ModuleExports op;
  private final Numerics numerics;
  private final ColdBlocks coldBlocks;
  private final Values values;

  // The function at hand.
  private int function;
  private Body body = new Body(new byte[0], 0, 0);
  private FunctionShape shape = Body.NOTHING;
  private int units;

  // The operand stack.
  private int[] stack = new int[256];
  private int height;

  // The control stack.
  private Frame[] frames = new Frame[64];
  private int depth;
  private boolean reachable;

  /** A block that is open. */
  private static final class Frame {
    int kind;
    FunctionShape type = Body.NOTHING;

    /** Operands below its parameters. */
    int height;

    /** Whether its beginning could be reached. */
    boolean alive;

    /** Where a branch to it goes; −1 as long as none does. For a loop its head. */
    int target;

    /** The first of the variables that a branch to it hands values over in; −1 without. */
    int variables;

    /** What is run if the condition does not hold. */
    int otherwise;

    /** Values of an if's parameters. */
    int[] parameters = {};

    String handed() {
      return kind == LOOP ? type.params() : type.results();
    }
  }

  FunctionTranslator(CompileRequest module, Symbols symbols, ContextLayout layout, IrBuilder ir) {
    this.module = module;
    this.symbols = symbols;
    this.layout = layout;
    this.ir = ir;
    this.op = ir.op;
    this.coldBlocks = new ColdBlocks(ir, symbols);
    this.values = new Values(ir, module.memoryGrows());
    this.numerics = new Numerics(ir, this::trapIf);
  }

  /** The code of defined function {@code defined}. */
  byte[] translate(int defined) throws UnsupportedException {
    function = module.imported() + defined;
    shape = module.shapeOf(function);
    units = module.depthUnits()[defined];
    int from = module.bodies()[2 * defined];
    int to = module.bodies()[2 * defined + 1];
    boolean touchesMemory = touchesMemory(from, to);
    body = new Body(module.bytes(), from, to);
    coldBlocks.clear();
    height = 0;
    depth = 0;
    reachable = true;
    ir.beginGuest(shape);
    values.begin(ir.param(1), touchesMemory);
    locals();
    enter();
    push(BLOCK, new FunctionShape("", shape.results()));
    code(module.charges().get(defined));
    coldBlocks.write(function, shape, () -> {});
    return ir.end();
  }

  /** Looks at all operators, so that nothing is begun with one that is not translated. */
  private boolean touchesMemory(int from, int to) throws UnsupportedException {
    Body scan = new Body(module.bytes(), from, to);
    skipLocals(scan);
    boolean touches = false;
    while (!scan.atEnd()) {
      int code = scan.u8();
      touches |= code >= 0x28 && code <= 0x3F;
      scan.skip(code);
    }
    return touches;
  }

  private static void skipLocals(Body in) {
    int groups = in.u32();
    for (int g = 0; g < groups; g++) {
      in.u32();
      in.u8();
    }
  }

  private void locals() throws UnsupportedException {
    for (int i = 0; i < shape.params().length(); i++) {
      values.addLocal(shape.params().charAt(i), ir.param(i + 2));
    }
    int groups = body.u32();
    for (int g = 0; g < groups; g++) {
      int count = body.u32();
      char letter = Body.letter(body.u8());
      for (int i = 0; i < count; i++) {
        boolean isReference = letter == 'r' || letter == 'x';
        values.addLocal(letter, isReference ? ir.i32(-1) : ir.zeroOf(letter));
      }
    }
  }

  /** Takes the function's call depth. */
  private void enter() {
    if (units > 0) {
      long needed = (long) units << ContextLayout.DEPTH_SHIFT;
      int left = op.emitBand(values.state(), ir.i64(ContextLayout.DEPTH_MASK));
      trapIf(op.emitIcmp(IrBuilder.ULT, left, ir.i64(needed)), NativeTrap.DEPTH);
      values.setState(op.emitIsub(values.state(), ir.i64(needed)));
    }
  }

  private void leave() {
    String results = shape.results();
    for (int i = 1; i < results.length(); i++) {
      ir.store(results.charAt(i), layout.value(i), stack[height - results.length() + i]);
    }
    int state = values.state();
    if (units > 0) {
      state = op.emitIadd(state, ir.i64((long) units << ContextLayout.DEPTH_SHIFT));
    }
    if (results.isEmpty()) {
      ir.answer(state);
    } else {
      ir.answer(state, stack[height - results.length()]);
    }
  }

  private void code(Charges charges) throws UnsupportedException {
    int next = 0;
    int count = charges.positions().length;
    while (depth > 0) {
      while (next < count && charges.positions()[next] == body.position) {
        if (reachable) {
          charge(charges.costs()[next], charges.checked()[next]);
        }
        next++;
      }
      int code = body.u8();
      if (reachable) {
        operator(code);
      } else {
        passOver(code);
      }
    }
    if (next < count) {
      throw new IllegalStateException("function " + function + " has charges left over");
    }
  }

  // ── Fuel ──────────────────────────────────────────────────────────────────────────────────

  private void charge(int cost, boolean checked) {
    int price = ir.i64((long) cost << ContextLayout.FUEL_SHIFT);
    if (!checked) {
      values.setState(op.emitIsub(values.state(), price));
      return;
    }
    values.flushState();
    int head = op.createBlock();
    int cold = op.createBlock();
    int paid = op.createBlock();
    op.emitJump(head);
    op.switchToBlock(head);
    values.forgetState();
    int before = values.state();
    op.emitBrif(op.emitIcmp(IrBuilder.SLT, before, price), cold, paid);
    ir.beginSealed(cold);
    ir.storeLong(ContextLayout.STATE, before);
    var _ =
        ir.call(
            ir.preservingSignature(Symbols.REFILL_SHAPE),
            ir.symbol(symbols.refill()),
            ir.context(),
            ir.i32(cost));
    int refilled = ir.loadLong(ContextLayout.STATE);
    values.defineState(refilled);
    op.emitBrif(op.emitBand(refilled, ir.i64(1)), coldBlocks.unwind(), head);
    op.sealBlock(head);
    ir.beginSealed(paid);
    values.setState(op.emitIsub(before, price));
  }

  // ── Traps ─────────────────────────────────────────────────────────────────────────────────

  /**
   * Each place notes its state by itself, on a way of its own that only a trap takes. If all of
   * them handed it to the block that they lead to, the register allocator would join it to one
   * value for the whole function and keep that in memory: a load and a store in each stretch of
   * code.
   */
  private void trapIf(int condition, NativeTrap trap) {
    int state = values.state();
    int way = op.createBlock();
    int next = op.createBlock();
    op.emitBrif(condition, way, next);
    ir.beginSealed(way);
    trapFrom(state, trap);
    ir.beginSealed(next);
  }

  private void trapFrom(int state, NativeTrap trap) {
    ir.storeLong(ContextLayout.TRAP_STATE, state);
    op.emitJump(coldBlocks.trap(trap));
  }

  // ── Operands ──────────────────────────────────────────────────────────────────────────────

  private void push(int value) {
    if (height == stack.length) {
      stack = Arrays.copyOf(stack, 2 * height);
    }
    stack[height++] = value;
  }

  private int pop() {
    return stack[--height];
  }

  // ── Control ───────────────────────────────────────────────────────────────────────────────

  private Frame push(int kind, FunctionShape type) {
    if (depth == frames.length) {
      frames = Arrays.copyOf(frames, 2 * depth);
    }
    Frame frame = frames[depth];
    if (frame == null) {
      frame = new Frame();
      frames[depth] = frame;
    }
    depth++;
    frame.kind = kind;
    frame.type = type;
    frame.height = height - type.params().length();
    frame.alive = reachable;
    frame.target = -1;
    frame.variables = -1;
    return frame;
  }

  private Frame frame(int label) {
    return frames[depth - 1 - label];
  }

  /** Makes a block a target, with variables for what is handed over. */
  private int target(Frame frame) {
    if (frame.target < 0) {
      frame.target = op.createBlock();
      declare(frame);
    }
    return frame.target;
  }

  private void declare(Frame frame) {
    String handed = frame.handed();
    for (int i = 0; i < handed.length(); i++) {
      int variable = op.declareVar(FunctionShape.type(handed.charAt(i)));
      if (i == 0) {
        frame.variables = variable;
      }
    }
  }

  /** Hands the topmost operands to a target; they stay where they are. */
  private int hand(Frame frame) {
    int block = target(frame);
    int count = frame.handed().length();
    for (int i = 0; i < count; i++) {
      op.defVar(frame.variables + i, stack[height - count + i]);
    }
    return block;
  }

  private void take(Frame frame) {
    height = frame.height;
    int count = frame.handed().length();
    for (int i = 0; i < count; i++) {
      push(op.useVar(frame.variables + i));
    }
  }

  private void open(int code) throws UnsupportedException {
    FunctionShape type = body.blockType(module);
    if (code == 0x02) {
      push(BLOCK, type);
      return;
    }
    if (code == 0x03) {
      Frame loop = push(LOOP, type);
      int head = hand(loop);
      values.flush();
      op.emitJump(head);
      op.switchToBlock(head);
      values.forget();
      take(loop);
      return;
    }
    int condition = pop();
    Frame frame = push(IF, type);
    frame.parameters = Arrays.copyOfRange(stack, frame.height, height);
    frame.otherwise = op.createBlock();
    int then = op.createBlock();
    values.flush();
    op.emitBrif(condition, then, frame.otherwise);
    ir.beginSealed(then);
  }

  private void alternative() {
    Frame frame = frames[depth - 1];
    if (reachable) {
      int end = hand(frame);
      values.flush();
      op.emitJump(end);
    }
    frame.kind = ELSE;
    if (frame.alive) {
      beginOtherwise(frame);
    }
  }

  private void beginOtherwise(Frame frame) {
    ir.beginSealed(frame.otherwise);
    values.forget();
    height = frame.height;
    for (int parameter : frame.parameters) {
      push(parameter);
    }
    reachable = true;
  }

  private void close() {
    Frame frame = frames[depth - 1];
    if (frame.alive) {
      if (frame.kind == LOOP) {
        op.sealBlock(frame.target);
      } else {
        if (frame.kind == IF) {
          alternative(); // Without one of its own: its parameters are its results.
        }
        join(frame);
      }
    }
    depth--;
    if (depth == 0 && reachable) {
      leave();
    }
  }

  private void join(Frame frame) {
    if (frame.target < 0) {
      return; // Nothing branches here: either the code goes on, or nothing does.
    }
    if (reachable) {
      int end = hand(frame);
      values.flush();
      op.emitJump(end);
    }
    ir.beginSealed(frame.target);
    values.forget();
    take(frame);
    reachable = true;
  }

  private void branchTable() {
    int index = pop();
    int count = body.u32();
    int[] targets = new int[count + 1];
    for (int i = 0; i <= count; i++) {
      targets[i] = hand(frame(body.u32()));
    }
    values.flush();
    for (int i = 0; i < count; i++) {
      op.pushBrTableTarget(targets[i]);
    }
    op.emitBrTable(index, targets[count]);
    reachable = false;
  }

  private void branch(Frame frame) {
    int block = hand(frame);
    values.flush();
    op.emitJump(block);
    reachable = false;
  }

  private void branchIf(Frame frame) {
    int condition = pop();
    int block = hand(frame);
    values.flush();
    int next = op.createBlock();
    op.emitBrif(condition, block, next);
    ir.beginSealed(next);
  }

  /** Code that cannot be reached only has its blocks counted. */
  private void passOver(int code) throws UnsupportedException {
    switch (code) {
      case 0x02, 0x03, 0x04 -> {
        body.skip(code);
        push(code - 0x02, Body.NOTHING);
      }
      case 0x05 -> alternative();
      case 0x0B -> close();
      default -> body.skip(code);
    }
  }

  // ── Operators ─────────────────────────────────────────────────────────────────────────────

  private void operator(int code) throws UnsupportedException {
    switch (code) {
      case 0x00 -> {
        trapFrom(values.state(), NativeTrap.UNREACHABLE);
        reachable = false;
      }
      case 0x01 -> {}
      case 0x02, 0x03, 0x04 -> open(code);
      case 0x05 -> {
        alternative();
        reachable = frames[depth - 1].alive;
      }
      case 0x0B -> close();
      case 0x0C -> branch(frame(body.u32()));
      case 0x0D -> branchIf(frame(body.u32()));
      case 0x0E -> branchTable();
      case 0x0F -> branch(frames[0]);
      case 0x10 -> {
        int callee = body.u32();
        call(module.shapeOf(callee), ir.symbol(callee), callee >= module.imported());
      }
      case 0x11 -> callIndirect(body.u32(), body.u32());
      case 0x1A -> pop();
      case 0x1B -> select();
      case 0x1C -> {
        body.skip(code);
        select();
      }
      case 0x20 -> push(values.local(body.u32()));
      case 0x21 -> values.setLocal(body.u32(), pop());
      case 0x22 -> values.setLocal(body.u32(), stack[height - 1]);
      case 0x23 -> {
        int global = body.u32();
        push(ir.load(module.globals().charAt(global), layout.global(global)));
      }
      case 0x24 -> {
        int global = body.u32();
        ir.store(module.globals().charAt(global), layout.global(global), pop());
      }
      case 0x25 -> push(tableGet(body.u32()));
      case 0x26 -> operation(new HostOperation(HostOperation.Kind.TABLE_SET, body.u32(), 0));
      case 0x3F -> {
        body.u32();
        push(op.emitI32WrapI64(op.emitUshr(values.memorySize(), ir.i64(16))));
      }
      case 0x40 -> operation(new HostOperation(HostOperation.Kind.MEMORY_GROW, body.u32(), 0));
      case 0x41 -> push(ir.i32((int) body.signed()));
      case 0x42 -> push(ir.i64(body.signed()));
      case 0x43 -> push(op.emitF32const(body.i32()));
      case 0x44 -> push(op.emitF64const(body.i32(), body.i32()));
      case 0xD0 -> {
        body.u8();
        push(ir.i32(-1));
      }
      case 0xD1 -> push(op.emitIcmp(IrBuilder.EQ, pop(), ir.i32(-1)));
      case 0xD2 -> push(ir.i32(body.u32()));
      case 0xFC -> extended(body.u32());
      default -> {
        if (code >= 0x28 && code <= 0x35) {
          long offset = memoryArgument();
          push(load(code, pop(), offset));
        } else if (code >= 0x36 && code <= 0x3E) {
          long offset = memoryArgument();
          int value = pop();
          store(code, pop(), value, offset);
        } else if (code >= 0x45 && code <= 0xC4) {
          numeric(code);
        } else {
          throw new UnsupportedException(Operators.nameOf(code));
        }
      }
    }
  }

  private void numeric(int code) {
    if (Numerics.operands(code) == 1) {
      push(numerics.unary(code, pop()));
    } else {
      int b = pop();
      push(numerics.binary(code, pop(), b));
    }
  }

  private void select() {
    int condition = pop();
    int otherwise = pop();
    push(op.emitSelect(condition, pop(), otherwise));
  }

  private void extended(int code) throws UnsupportedException {
    switch (code) {
      case 0, 1, 2, 3, 4, 5, 6, 7 -> push(numerics.saturated(code, pop()));
      case 8 -> operation(HostOperation.Kind.MEMORY_INIT, body.u32(), body.u32());
      case 9 -> operation(HostOperation.Kind.DATA_DROP, body.u32(), 0);
      case 10 -> operation(HostOperation.Kind.MEMORY_COPY, body.u32(), body.u32());
      case 11 -> operation(HostOperation.Kind.MEMORY_FILL, body.u32(), 0);
      case 12 -> operation(HostOperation.Kind.TABLE_INIT, body.u32(), body.u32());
      case 13 -> operation(HostOperation.Kind.ELEM_DROP, body.u32(), 0);
      case 14 -> operation(HostOperation.Kind.TABLE_COPY, body.u32(), body.u32());
      case 15 -> operation(HostOperation.Kind.TABLE_GROW, body.u32(), 0);
      case 16 -> push(op.emitI32WrapI64(ir.loadLong(layout.tableSize(body.u32()))));
      case 17 -> operation(HostOperation.Kind.TABLE_FILL, body.u32(), 0);
      default -> throw new UnsupportedException(Operators.nameOf(0xFC, code));
    }
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────

  private void operation(HostOperation.Kind kind, int first, int second) {
    operation(new HostOperation(kind, first, second));
  }

  private void operation(HostOperation operation) {
    boolean grows = operation.kind() == HostOperation.Kind.MEMORY_GROW;
    call(operation.kind().shape(), ir.symbol(symbols.operation(operation)), grows);
  }

  private void call(FunctionShape callee, int address, boolean mayGrowMemory) {
    int count = callee.params().length();
    op.pushCallArg(ir.context());
    op.pushCallArg(values.state());
    for (int i = 0; i < count; i++) {
      op.pushCallArg(stack[height - count + i]);
    }
    height -= count;
    int state = op.emitCallIndirect(ir.guestSignature(callee), address);
    String results = callee.results();
    int result = results.isEmpty() ? -1 : ir.secondOf(state);
    values.setState(state);
    int next = op.createBlock();
    op.emitBrif(op.emitBand(state, ir.i64(1)), coldBlocks.unwind(), next);
    ir.beginSealed(next);
    if (mayGrowMemory) {
      values.memoryMayHaveGrown();
    }
    if (result >= 0) {
      push(result);
    }
    for (int i = 1; i < results.length(); i++) {
      push(ir.load(results.charAt(i), layout.value(i)));
    }
  }

  private void callIndirect(int type, int table) {
    int index = op.emitUextendI64(pop());
    trapIf(
        op.emitIcmp(UGE, index, ir.loadLong(layout.tableSize(table))),
        NativeTrap.UNDEFINED_ELEMENT);
    int element = element(table, index);
    trapIf(op.emitIcmp(IrBuilder.EQ, element, ir.i32(0)), NativeTrap.UNINITIALIZED_ELEMENT);
    // The table of functions, one entry on, because an element is the function's index plus one.
    int entry =
        op.emitIadd(
            ir.loadLong(ContextLayout.FUNCTIONS),
            op.emitIshl(op.emitUextendI64(element), ir.i64(4)));
    int signature = ir.loadIntAt(entry, 8 - 16);
    trapIf(
        op.emitIcmp(IrBuilder.NE, signature, ir.i32(symbols.signature(type))),
        NativeTrap.INDIRECT_CALL_TYPE_MISMATCH);
    call(module.types().get(type), ir.loadLongAt(entry, -16), true);
  }

  private static final int UGE = 9;

  private int tableGet(int table) {
    int index = op.emitUextendI64(pop());
    trapIf(
        op.emitIcmp(UGE, index, ir.loadLong(layout.tableSize(table))),
        NativeTrap.OUT_OF_BOUNDS_TABLE);
    return op.emitIsub(element(table, index), ir.i32(1));
  }

  /** An element as it is stored: the reference plus one. */
  private int element(int table, int index) {
    int address = op.emitIadd(ir.loadLong(layout.table(table)), op.emitIshl(index, ir.i64(2)));
    return ir.loadIntAt(address, 0);
  }

  // ── Memory ────────────────────────────────────────────────────────────────────────────────

  private long memoryArgument() {
    return body.memoryArgument();
  }

  /** The base to access from, with what the bridge's immediate cannot hold. */
  private int checked(int address, long offset, int width) {
    long reach = offset + width;
    if (values.needsCheck(address, reach)) {
      int end = op.emitIadd(op.emitUextendI64(address), ir.i64(reach));
      trapIf(op.emitIcmp(IrBuilder.UGT, end, values.memorySize()), NativeTrap.OUT_OF_BOUNDS_MEMORY);
      values.checked(address, reach);
    }
    int base = values.memoryBase();
    return offset <= Integer.MAX_VALUE ? base : op.emitIadd(base, ir.i64(offset));
  }

  private static final int[] LOAD_WIDTHS = {4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4};
  private static final int[] STORE_WIDTHS = {4, 8, 4, 8, 1, 2, 1, 2, 4};

  private int load(int code, int address, long offset) {
    int base = checked(address, offset, LOAD_WIDTHS[code - 0x28]);
    int at = offset <= Integer.MAX_VALUE ? (int) offset : 0;
    return switch (code) {
      case 0x28 -> op.emitLoadI32(base, address, at);
      case 0x29 -> op.emitLoadI64(base, address, at);
      case 0x2A -> op.emitLoadF32(base, address, at);
      case 0x2B -> op.emitLoadF64(base, address, at);
      case 0x2C -> op.emitLoad8s(base, address, at);
      case 0x2D -> op.emitLoad8u(base, address, at);
      case 0x2E -> op.emitLoad16s(base, address, at);
      case 0x2F -> op.emitLoad16u(base, address, at);
      case 0x30 -> op.emitLoad8sI64(base, address, at);
      case 0x31 -> op.emitLoad8uI64(base, address, at);
      case 0x32 -> op.emitLoad16sI64(base, address, at);
      case 0x33 -> op.emitLoad16uI64(base, address, at);
      case 0x34 -> op.emitLoad32sI64(base, address, at);
      default -> op.emitLoad32uI64(base, address, at);
    };
  }

  private void store(int code, int address, int value, long offset) {
    int base = checked(address, offset, STORE_WIDTHS[code - 0x36]);
    int at = offset <= Integer.MAX_VALUE ? (int) offset : 0;
    switch (code) {
      case 0x36 -> op.emitStoreI32(base, address, value, at);
      case 0x37 -> op.emitStoreI64(base, address, value, at);
      case 0x38 -> op.emitStoreF32(base, address, value, at);
      case 0x39 -> op.emitStoreF64(base, address, value, at);
      case 0x3A -> op.emitStore8(base, address, value, at);
      case 0x3B -> op.emitStore16(base, address, value, at);
      case 0x3C -> op.emitStore8I64(base, address, value, at);
      case 0x3D -> op.emitStore16I64(base, address, value, at);
      default -> op.emitStore32I64(base, address, value, at);
    }
  }
}
