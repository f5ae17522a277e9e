package dev.skep.engine.cranelift;

import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;

/** The small functions between the host and a module's own. Not thread-safe. */
final class Thunks {
  /** What the host offers to be called: context, what, extra. */
  private static final FunctionShape UPCALL = new FunctionShape("Iii", "");

  private final IrBuilder ir;
  private final RedlineBridge_ModuleExports op;
  private final Symbols symbols;
  private final ContextLayout layout;

  Thunks(IrBuilder ir, Symbols symbols, ContextLayout layout) {
    this.ir = ir;
    this.op = ir.op;
    this.symbols = symbols;
    this.layout = layout;
  }

  /**
   * What the host enters by: {@code (context, function)}. Takes arguments and state from the
   * context, gives no more call depth than the stack holds, calls, and leaves results and state
   * there.
   */
  byte[] entry(FunctionShape shape) {
    ir.beginForHost(new FunctionShape("II", ""));
    int function = ir.param(1);
    int state = ir.loadLong(ContextLayout.STATE);
    int left = op.emitIsub(op.emitGetStackPointer(), ir.loadLong(ContextLayout.STACK_LIMIT));
    // Below the limit already: nothing is left.
    int none = op.emitIcmp(IrBuilder.SLT, left, ir.i64(0));
    int held =
        op.emitSelect(
            none, ir.i64(0), op.emitUdiv(left, ir.loadLong(ContextLayout.STACK_PER_UNIT)));
    int asked =
        op.emitUshr(
            op.emitBand(state, ir.i64(ContextLayout.DEPTH_MASK)),
            ir.i64(ContextLayout.DEPTH_SHIFT));
    int given = op.emitSelect(op.emitIcmp(IrBuilder.ULT, held, asked), held, asked);
    ir.storeLong(ContextLayout.DEPTH_GIVEN, given);
    int fuel = op.emitBand(state, ir.i64(-1L << ContextLayout.FUEL_SHIFT));
    int entryState = op.emitBor(fuel, op.emitIshl(given, ir.i64(ContextLayout.DEPTH_SHIFT)));
    String params = shape.params();
    int[] arguments = new int[params.length() + 2];
    arguments[0] = ir.context();
    arguments[1] = entryState;
    for (int i = 0; i < params.length(); i++) {
      arguments[i + 2] = ir.load(params.charAt(i), layout.value(i));
    }
    int after = ir.call(ir.guestSignature(shape), function, arguments);
    ir.storeLong(ContextLayout.STATE, after);
    if (!shape.results().isEmpty()) {
      ir.store(shape.results().charAt(0), layout.value(0), ir.secondOf(after));
    }
    op.emitReturnVoid();
    return ir.end();
  }

  /** A function that the host carries out: arguments and results go through the context. */
  byte[] toHost(FunctionShape shape, int what) {
    ir.beginGuest(shape);
    for (int i = 0; i < shape.params().length(); i++) {
      ir.store(shape.params().charAt(i), layout.value(i), ir.param(i + 2));
    }
    ir.storeLong(ContextLayout.STATE, ir.param(1));
    upcall(what, ir.i32(0));
    int state = ir.loadLong(ContextLayout.STATE);
    if (shape.results().isEmpty()) {
      ir.answer(state);
    } else {
      ir.answer(state, ir.load(shape.results().charAt(0), layout.value(0)));
    }
    return ir.end();
  }

  private void upcall(int what, int extra) {
    ir.call(
        ir.hostSignature(UPCALL),
        ir.loadLong(ContextLayout.UPCALL),
        ir.context(),
        ir.i32(what),
        extra);
  }

  byte[] refill() {
    ir.beginPreserving(Symbols.REFILL_SHAPE);
    upcall(MachineCode.REFILL, ir.param(1));
    op.emitReturnVoid();
    return ir.end();
  }

  byte[] trap() {
    ir.begin(Symbols.TRAP_SHAPE);
    ir.storeInt(ContextLayout.TRAP, ir.param(1));
    ir.call(
        ir.signature(Symbols.UNWIND_SHAPE), ir.symbol(symbols.unwind()), ir.context(), ir.param(2));
    op.emitReturnVoid();
    return ir.end();
  }

  byte[] unwind() {
    ir.begin(Symbols.UNWIND_SHAPE);
    int count = ir.loadInt(ContextLayout.FRAMES);
    int room = op.createBlock();
    int end = op.createBlock();
    op.emitBrif(op.emitIcmp(IrBuilder.ULT, count, ir.i32(ContextLayout.MOST_FRAMES)), room, end);
    ir.beginSealed(room);
    int at = op.emitIshl(count, ir.i32(2));
    op.emitStoreI32(ir.context(), at, ir.param(1), ContextLayout.FRAME);
    ir.storeInt(ContextLayout.FRAMES, op.emitIadd(count, ir.i32(1)));
    op.emitJump(end);
    ir.beginSealed(end);
    op.emitReturnVoid();
    return ir.end();
  }
}
