package dev.skep.engine.cranelift;

import com.dylibso.chicory.runtime.Memory;
import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Builds one function after another in Cranelift's intermediate representation. Values, blocks,
 * variables and signatures are numbers that hold within a function. Not thread-safe. After an
 * exception it is of no use any more.
 *
 * <p>What the bridge offers is in {@link #op}; this adds what it does not: constants, context
 * fields, calls by symbol, and the second result of a call.
 */
final class IrBuilder {
  static final int I32 = 0;
  static final int I64 = 1;

  // Comparisons of integers, in the order of Wasm's operators.
  static final int EQ = 0;
  static final int NE = 1;
  static final int SLT = 2;
  static final int ULT = 3;
  static final int UGT = 5;

  // Comparisons of floats, in the order of Wasm's operators.
  static final int F_NE = 1;
  static final int F_LE = 4;
  static final int F_GE = 5;

  /**
   * Where the bridge, in this version, keeps the list by which it numbers values: capacity, address
   * and length, 4 bytes each. The version is pinned.
   */
  private static final int VALUES_CAPACITY = 1_208_112;

  private static final int VALUES_ADDRESS = VALUES_CAPACITY + 4;
  private static final int VALUES_LENGTH = VALUES_CAPACITY + 8;

  /** Where the convention of the signature at hand is, and that of the function at hand. */
  private static final int SIGNATURE_CONVENTION = 1_208_196;

  private static final int FUNCTION = 1_208_200;
  private static final int CONVENTION_IN_FUNCTION = 460;

  /** By what registers a function is called, as Cranelift numbers it. */
  private enum Convention {
    /** The bridge's own. What the callee preserves is the system's. */
    TAIL(1),
    /** The one of C, in which the host calls and is called. */
    SYSTEM(2),
    /** The callee preserves all registers; it has no results. */
    PRESERVE_ALL(7);

    final byte number;

    Convention(int number) {
      this.number = (byte) number;
    }
  }

  /** The bridge's own operators. */
  final RedlineBridge_ModuleExports op;

  private final Memory memory;

  private final Linker linker;

  /** A signature that has been told to the bridge. */
  private record Known(FunctionShape shape, Convention convention) {}

  private final Map<Known, Integer> signatures = new HashMap<>();

  // Of the function at hand.
  private final Map<Integer, Long> constants = new HashMap<>();
  private int zero;
  private int context;
  private int entry;

  IrBuilder(RedlineBridge_ModuleExports bridge, Linker linker) {
    this.op = bridge;
    this.memory = op.memory();
    this.linker = linker;
  }

  /** Begins a guest's function, in its entry block; {@link #param} gives its parameters. */
  void beginGuest(FunctionShape shape) {
    begin(new FunctionShape("II" + shape.params(), "I" + firstOf(shape.results())));
  }

  /** Begins any function whose first parameter is the context. */
  void begin(FunctionShape shape) {
    begin(shape, Convention.TAIL);
  }

  /** Begins a function that the host calls. */
  void beginForHost(FunctionShape shape) {
    begin(shape, Convention.SYSTEM);
  }

  /** Begins a function that leaves all registers as they are, and has no results. */
  void beginPreserving(FunctionShape shape) {
    begin(shape, Convention.PRESERVE_ALL);
  }

  private void begin(FunctionShape shape, Convention convention) {
    signatures.clear();
    constants.clear();
    op.createFunction();
    follow(convention, memory.readInt(FUNCTION) + CONVENTION_IN_FUNCTION);
    for (int i = 0; i < shape.params().length(); i++) {
      op.addParamType(FunctionShape.type(shape.params().charAt(i)));
    }
    for (int i = 0; i < shape.results().length(); i++) {
      op.addReturnType(FunctionShape.type(shape.results().charAt(i)));
    }
    op.buildFunction();
    entry = op.createBlock();
    op.appendBlockParamsForFuncParams(entry);
    op.switchToBlock(entry);
    op.sealBlock(entry);
    context = op.funcParam(entry, 0);
    zero = op.emitIconst32(0);
  }

  /** Ends the function and gives its code. */
  byte[] end() {
    op.sealAllBlocks();
    var _ = op.compile();
    return memory.readBytes(op.getCodePtr(), op.getCodeLen());
  }

  private static String firstOf(String results) {
    return results.isEmpty() ? "" : results.substring(0, 1);
  }

  /** The function's context. */
  int context() {
    return context;
  }

  int param(int i) {
    return op.funcParam(entry, i);
  }

  // ── Blocks ────────────────────────────────────────────────────────────────────────────────

  /** Begins a block that all branches to are known of. */
  void beginSealed(int block) {
    op.switchToBlock(block);
    op.sealBlock(block);
  }

  // ── Constants and context ─────────────────────────────────────────────────────────────────

  int i32(int value) {
    int constant = op.emitIconst32(value);
    constants.put(constant, (long) value);
    return constant;
  }

  int i64(long value) {
    int constant = op.emitIconst64((int) value, (int) (value >>> 32));
    constants.put(constant, value);
    return constant;
  }

  /** The number that a value is, if it is a constant. */
  @Nullable Long constantOf(int value) {
    return constants.get(value);
  }

  /** A constant of a type's zero. */
  int zeroOf(char letter) {
    return switch (FunctionShape.type(letter)) {
      case I32 -> op.emitIconst32(0);
      case I64 -> op.emitIconst64(0, 0);
      case 2 -> op.emitF32const(0);
      default -> op.emitF64const(0, 0);
    };
  }

  int loadLong(int offset) {
    return op.emitLoadI64(context, zero, offset);
  }

  void storeLong(int offset, int value) {
    op.emitStoreI64(context, zero, value, offset);
  }

  int loadInt(int offset) {
    return op.emitLoadI32(context, zero, offset);
  }

  void storeInt(int offset, int value) {
    op.emitStoreI32(context, zero, value, offset);
  }

  int load(char letter, int offset) {
    return switch (FunctionShape.type(letter)) {
      case I32 -> op.emitLoadI32(context, zero, offset);
      case I64 -> op.emitLoadI64(context, zero, offset);
      case 2 -> op.emitLoadF32(context, zero, offset);
      default -> op.emitLoadF64(context, zero, offset);
    };
  }

  void store(char letter, int offset, int value) {
    switch (FunctionShape.type(letter)) {
      case I32 -> op.emitStoreI32(context, zero, value, offset);
      case I64 -> op.emitStoreI64(context, zero, value, offset);
      case 2 -> op.emitStoreF32(context, zero, value, offset);
      default -> op.emitStoreF64(context, zero, value, offset);
    }
  }

  /** The value of 8 bytes at an address. */
  int loadLongAt(int address, int offset) {
    return op.emitLoadI64(address, zero, offset);
  }

  /** The value of 4 bytes at an address. */
  int loadIntAt(int address, int offset) {
    return op.emitLoadI32(address, zero, offset);
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────

  /** Address of what a symbol stands for. */
  int symbol(int symbol) {
    return linker.address(this, symbol);
  }

  /** The signature of a guest's function. */
  int guestSignature(FunctionShape shape) {
    return signature(new FunctionShape("II" + shape.params(), "I" + firstOf(shape.results())));
  }

  private void follow(Convention convention, int address) {
    if (memory.read(address) != Convention.TAIL.number) {
      throw new IllegalStateException("the bridge is another version");
    }
    memory.writeByte(address, convention.number);
  }

  int signature(FunctionShape shape) {
    return signature(shape, Convention.TAIL);
  }

  /** The signature of a function of the host. */
  int hostSignature(FunctionShape shape) {
    return signature(shape, Convention.SYSTEM);
  }

  /** The signature of a function that leaves all registers as they are. */
  int preservingSignature(FunctionShape shape) {
    return signature(shape, Convention.PRESERVE_ALL);
  }

  private int signature(FunctionShape shape, Convention convention) {
    Known wanted = new Known(shape, convention);
    Integer known = signatures.get(wanted);
    if (known != null) {
      return known;
    }
    op.beginSig();
    follow(convention, SIGNATURE_CONVENTION);
    for (int i = 0; i < shape.params().length(); i++) {
      op.sigAddParam(FunctionShape.type(shape.params().charAt(i)));
    }
    for (int i = 0; i < shape.results().length(); i++) {
      op.sigAddReturn(FunctionShape.type(shape.results().charAt(i)));
    }
    int number = op.endSig();
    signatures.put(wanted, number);
    return number;
  }

  int call(int signature, int address, int... arguments) {
    for (int argument : arguments) {
      op.pushCallArg(argument);
    }
    return op.emitCallIndirect(signature, address);
  }

  /**
   * The second result of a call whose first is {@code first}. The bridge numbers only the first;
   * Cranelift numbers results in turn, so the next is one further.
   */
  int secondOf(int first) {
    int length = memory.readInt(VALUES_LENGTH);
    int index = length;
    if (length < memory.readInt(VALUES_CAPACITY)) {
      memory.writeI32(VALUES_LENGTH, length + 1);
    } else {
      index = op.emitIconst32(0); // The list has grown by a place, which is taken over.
    }
    int list = memory.readInt(VALUES_ADDRESS);
    memory.writeI32(list + 4 * index, memory.readInt(list + 4 * first) + 1);
    return index;
  }

  /** Comes back with these values. */
  void answer(int... values) {
    for (int value : values) {
      op.pushCallArg(value);
    }
    op.emitReturnMulti();
  }
}
