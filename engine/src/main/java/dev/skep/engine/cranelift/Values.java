package dev.skep.engine.cranelift;

import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * What the code at hand knows without asking Cranelift's variables: values of locals, of the state
 * and of the memory's place and size. As long as control only goes forward into a block that
 * nothing else leads to, what was known stays known, and a variable is neither written nor read.
 * Before control joins, what has changed is written ({@link #flush}); after, nothing is known
 * ({@link #forget}).
 *
 * <p>Not thread-safe; begun anew for each function.
 */
final class Values {
  private static final int UNKNOWN = -1;

  private final IrBuilder ir;
  private final RedlineBridge_ModuleExports op;
  private final boolean memoryGrows;

  // Variables and their values here: locals, then what is ours.
  private int[] variables = new int[64];
  private int[] known = new int[64];
  private boolean[] changed = new boolean[64];
  private int[] dirty = new int[64];
  private int dirties;
  private int locals;

  private int stateVariable;
  private int state;
  private boolean stateChanged;

  private boolean touchesMemory;
  private int baseVariable;
  private int base;
  private boolean memoryChanged;

  /** Whether a call may have moved or grown the memory since it was read. */
  private boolean memoryStale;

  /** By value of an address: up to which offset from it the memory reaches for sure. */
  private final Map<Integer, Long> reaches = new HashMap<>();

  Values(IrBuilder ir, boolean memoryGrows) {
    this.ir = ir;
    this.op = ir.op;
    this.memoryGrows = memoryGrows;
  }

  /**
   * Begins a function, in its entry block.
   *
   * @param entryState the state that it was called with
   * @param memory whether it reads or writes memory, or asks for its size
   */
  void begin(int entryState, boolean memory) {
    locals = 0;
    dirties = 0;
    reaches.clear();
    stateVariable = op.declareVar(IrBuilder.I64);
    setState(entryState);
    touchesMemory = memory;
    memoryChanged = false;
    memoryStale = false;
    if (memory) {
      base = ir.loadLong(ContextLayout.MEMORY_BASE);
      if (memoryGrows) {
        baseVariable = op.declareVar(IrBuilder.I64);
        memoryChanged = true;
      }
    }
  }

  void addLocal(char letter, int value) {
    if (locals == known.length) {
      variables = Arrays.copyOf(variables, 2 * locals);
      known = Arrays.copyOf(known, 2 * locals);
      changed = Arrays.copyOf(changed, 2 * locals);
      dirty = Arrays.copyOf(dirty, 2 * locals);
    }
    variables[locals] = op.declareVar(FunctionShape.type(letter));
    changed[locals] = false;
    locals++;
    setLocal(locals - 1, value);
  }

  int local(int i) {
    if (known[i] == UNKNOWN) {
      known[i] = op.useVar(variables[i]);
    }
    return known[i];
  }

  void setLocal(int i, int value) {
    known[i] = value;
    if (!changed[i]) {
      changed[i] = true;
      dirty[dirties++] = i;
    }
  }

  // ── The state ─────────────────────────────────────────────────────────────────────────────

  int state() {
    if (state == UNKNOWN) {
      state = op.useVar(stateVariable);
    }
    return state;
  }

  void setState(int value) {
    state = value;
    stateChanged = true;
  }

  void flushState() {
    if (stateChanged) {
      op.defVar(stateVariable, state);
      stateChanged = false;
    }
  }

  /** Writes the state's variable in a block beside the way of the code. */
  void defineState(int value) {
    op.defVar(stateVariable, value);
  }

  void forgetState() {
    state = UNKNOWN;
  }

  // ── The memory ────────────────────────────────────────────────────────────────────────────

  int memoryBase() {
    readMemory();
    if (base == UNKNOWN) {
      base = op.useVar(baseVariable);
    }
    return base;
  }

  /**
   * Read each time: a comparison waits for nothing, and the register is worth more to others. The
   * base is in one, because an access waits for it.
   */
  int memorySize() {
    return ir.loadLong(ContextLayout.MEMORY_SIZE);
  }

  private void readMemory() {
    if (memoryStale) {
      memoryStale = false;
      base = ir.loadLong(ContextLayout.MEMORY_BASE);
      memoryChanged = true;
    }
  }

  /** A call has come back. */
  void memoryMayHaveGrown() {
    memoryStale = touchesMemory && memoryGrows;
  }

  /** Whether it is not known yet that the memory reaches so far beyond an address. */
  boolean needsCheck(int address, long reach) {
    return reaches.getOrDefault(address, 0L) < reach;
  }

  /** It is now; a memory never shrinks. */
  void checked(int address, long reach) {
    reaches.put(address, reach);
  }

  // ── Where control joins ───────────────────────────────────────────────────────────────────

  /** Writes to the variables what has changed. */
  void flush() {
    flushState();
    for (int i = 0; i < dirties; i++) {
      int local = dirty[i];
      op.defVar(variables[local], known[local]);
      changed[local] = false;
    }
    dirties = 0;
    readMemory();
    if (memoryChanged) {
      op.defVar(baseVariable, base);
      memoryChanged = false;
    }
  }

  /**
   * Begins a block that others lead to as well. What has changed has been written, or has changed
   * on a way that ended in a trap, and is nobody's.
   */
  void forget() {
    for (int i = 0; i < dirties; i++) {
      changed[dirty[i]] = false;
    }
    dirties = 0;
    memoryChanged = false;
    state = UNKNOWN;
    stateChanged = false;
    Arrays.fill(known, 0, locals, UNKNOWN);
    reaches.clear();
    memoryStale = false;
    if (touchesMemory && memoryGrows) {
      base = UNKNOWN;
    }
  }
}
