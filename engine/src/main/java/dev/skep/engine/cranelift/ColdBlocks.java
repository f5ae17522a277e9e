package dev.skep.engine.cranelift;

import java.util.EnumMap;
import java.util.Map;

/**
 * The blocks of a function that only traps reach: one for each kind of trap, one for the way back
 * from a call that has trapped, and what all of them end in. Made as they are asked for.
 */
final class ColdBlocks {
  private final IrBuilder ir;
  private final Symbols symbols;
  private final Map<NativeTrap, Integer> traps = new EnumMap<>(NativeTrap.class);
  private int unwind = -1;

  ColdBlocks(IrBuilder ir, Symbols symbols) {
    this.ir = ir;
    this.symbols = symbols;
  }

  /** Forgets the blocks of the function before. */
  void clear() {
    traps.clear();
    unwind = -1;
  }

  /** The block that notes a trap of this kind. */
  int trap(NativeTrap trap) {
    return traps.computeIfAbsent(trap, _ -> ir.op.createBlock());
  }

  /** The block that notes the function on the way back. */
  int unwind() {
    if (unwind < 0) {
      unwind = ir.op.createBlock();
    }
    return unwind;
  }

  /**
   * Writes those that were asked for, behind the rest of the function.
   *
   * @param atTrap writes what each trap's block does first
   */
  void write(int function, FunctionShape shape, Runnable atTrap) {
    if (traps.isEmpty() && unwind < 0) {
      return;
    }
    int trapped = ir.op.createBlock();
    for (Map.Entry<NativeTrap, Integer> each : traps.entrySet()) {
      ir.beginSealed(each.getValue());
      atTrap.run();
      ir.call(
          ir.signature(Symbols.TRAP_SHAPE),
          ir.symbol(symbols.trap()),
          ir.context(),
          ir.i32(each.getKey().number()),
          ir.i32(function));
      ir.op.emitJump(trapped);
    }
    if (unwind >= 0) {
      ir.beginSealed(unwind);
      ir.call(
          ir.signature(Symbols.UNWIND_SHAPE),
          ir.symbol(symbols.unwind()),
          ir.context(),
          ir.i32(function));
      ir.op.emitJump(trapped);
    }
    ir.beginSealed(trapped);
    if (shape.results().isEmpty()) {
      ir.answer(ir.i64(1));
    } else {
      ir.answer(ir.i64(1), ir.zeroOf(shape.results().charAt(0)));
    }
  }
}
