package dev.skep.loadtest.programs;

import dev.skep.loadtest.wasm.ByteSink;
import java.util.ArrayList;
import java.util.List;

/**
 * A function's body under way, with what the validator knows of it: the types on the operand stack,
 * the open blocks, the locals. What is written is valid by construction.
 *
 * <p>Types are letters, as in {@link dev.skep.loadtest.wasm.ModuleWriter#type}.
 */
class TypedCode {
  /** Values kept on the operand stack of one block. */
  static final int MOST_OPERANDS = 12;

  private static final int CANONICAL_F32 = 0x7FC0_0000;
  private static final long CANONICAL_F64 = 0x7FF8_0000_0000_0000L;

  /** A block under way. */
  static final class Frame {
    /** What a branch to it takes along. */
    final String label;

    /** What it leaves behind. */
    final String results;

    /** Operands beneath it. */
    final int base;

    /** Whether any code in it may branch to it. */
    final boolean open;

    /** Whether what follows cannot be reached. */
    boolean dead;

    Frame(String label, String results, int base, boolean open) {
      this.label = label;
      this.results = results;
      this.base = base;
      this.open = open;
    }
  }

  final ByteSink out = new ByteSink();
  final List<Frame> frames = new ArrayList<>();

  /** Operators written. */
  int written;

  private final StringBuilder operands = new StringBuilder();
  private final List<Boolean> settled = new ArrayList<>();

  private final StringBuilder locals;
  private final int params;

  /** Locals that the program may set; the others count or hold for a moment. */
  private final List<Integer> free = new ArrayList<>();

  TypedCode(String params, String results) {
    this.params = params.length();
    this.locals = new StringBuilder(params);
    for (int i = 0; i < this.params; i++) {
      free.add(i);
    }
    frames.add(new Frame(results, results, 0, true));
  }

  // ── Operators ─────────────────────────────────────────────────────────────────────────────

  void op(int code) {
    written++;
    if (code > 0xFF) {
      out.raw(code >> 8).u32(code & 0xFF);
    } else {
      out.raw(code);
    }
  }

  void op(int code, long immediate) {
    op(code);
    out.u32(immediate);
  }

  void op(int code, long first, long second) {
    op(code, first);
    out.u32(second);
  }

  void i32(int value) {
    op(0x41);
    out.signed(value);
    push('i');
  }

  void i64(long value) {
    op(0x42);
    out.signed(value);
    push('I');
  }

  void f32(int bits) {
    op(0x43);
    out.raw(bits, bits >> 8, bits >> 16, bits >> 24);
    push('f');
  }

  void f64(long bits) {
    op(0x44);
    for (int i = 0; i < Long.BYTES; i++) {
      out.raw((int) (bits >> (8 * i)));
    }
    push('F');
  }

  /** An operator on operands that are there. */
  void apply(int code, String inputs, String outputs) {
    op(code);
    pop(inputs);
    push(outputs);
  }

  // ── Operands ──────────────────────────────────────────────────────────────────────────────

  Frame frame() {
    return frames.getLast();
  }

  /** Operands of the innermost block. */
  int height() {
    return operands.length() - frame().base;
  }

  String top(int count) {
    return operands.substring(operands.length() - count);
  }

  void push(String types) {
    for (int i = 0; i < types.length(); i++) {
      push(types.charAt(i));
    }
  }

  void push(char type) {
    push(type, true);
  }

  void push(char type, boolean isSettled) {
    operands.append(type);
    settled.add(isSettled);
  }

  /** In code that cannot be reached, operands that are not there may be taken too. */
  void pop(String types) {
    for (int i = 0; i < types.length() && height() > 0; i++) {
      operands.setLength(operands.length() - 1);
      settled.removeLast();
    }
  }

  /** Whether the value so far from the top is settled; what is not there is. */
  boolean isSettled(int fromTop) {
    return fromTop >= height() || settled.get(settled.size() - 1 - fromTop);
  }

  /** How many of these types' first are on top of the stack already. */
  int matching(String types) {
    for (int count = Math.min(types.length(), height()); count > 0; count--) {
      if (types.startsWith(top(count))) {
        return count;
      }
    }
    return 0;
  }

  /** Whether these could be popped because nothing is known of what lies below. */
  boolean isPolymorphic(String types) {
    return frame().dead && height() <= types.length() && types.endsWith(top(height()));
  }

  /** Settles the values on top. */
  void settle(int count) {
    int deepest = -1;
    for (int i = 0; i < Math.min(count, height()); i++) {
      if (!isSettled(i)) {
        deepest = i;
      }
    }
    if (deepest < 0) {
      return;
    }
    int[] kept = new int[deepest];
    for (int i = 0; i < deepest; i++) {
      canonicalTop();
      kept[i] = newLocal(top(1).charAt(0));
      set(kept[i]);
    }
    canonicalTop();
    for (int i = deepest - 1; i >= 0; i--) {
      get(kept[i]);
    }
  }

  /** Makes an unsettled value on top the one NaN if it is one. */
  private void canonicalTop() {
    if (isSettled(0)) {
      return;
    }
    char type = top(1).charAt(0);
    settled.set(settled.size() - 1, true);
    orCanonical(type);
  }

  /** {@code x = x ? x : NaN}. */
  private void orCanonical(char type) {
    int local = newLocal(type);
    tee(local);
    if (type == 'f') {
      f32(CANONICAL_F32);
    } else {
      f64(CANONICAL_F64);
    }
    selectNumber(local, type);
  }

  /** Selects between the two on top by whether a local is a number: the first if it is. */
  void selectNumber(int local, char type) {
    get(local);
    get(local);
    apply(type == 'f' ? 0x5B : 0x61, "" + type + type, "i");
    apply(0x1B, "" + type + type + "i", "" + type);
  }

  // ── Locals ────────────────────────────────────────────────────────────────────────────────

  /** A local of our own. */
  int newLocal(char type) {
    locals.append(type);
    return locals.length() - 1;
  }

  /** A local that the program may set. */
  int newFreeLocal(char type) {
    int local = newLocal(type);
    free.add(local);
    return local;
  }

  List<Integer> freeLocals() {
    return free;
  }

  char typeOf(int local) {
    return locals.charAt(local);
  }

  void get(int local) {
    op(0x20, local);
    push(typeOf(local));
  }

  /** The value must be settled. */
  void set(int local) {
    op(0x21, local);
    pop("" + typeOf(local));
  }

  void tee(int local) {
    op(0x22, local);
    pop("" + typeOf(local));
    push(typeOf(local));
  }

  // ── Blocks ────────────────────────────────────────────────────────────────────────────────

  /** Opens a block that takes {@code params} from the stack. */
  void open(String params, String label, String results, boolean open) {
    pop(params);
    frames.add(new Frame(label, results, operands.length(), open));
    push(params);
  }

  /** Begins the other arm of the innermost block. */
  void alternative(String params) {
    truncate();
    frame().dead = false;
    push(params);
  }

  /** Ends the innermost block, whose results are on the stack. */
  void close() {
    truncate();
    push(frames.removeLast().results);
  }

  /** What follows up to the end of the block cannot be reached. */
  void die() {
    truncate();
    frame().dead = true;
  }

  private void truncate() {
    operands.setLength(frame().base);
    while (settled.size() > frame().base) {
      settled.removeLast();
    }
  }

  /** The whole body: locals, a group each, then the code and its end. */
  ByteSink body() {
    ByteSink body = new ByteSink().u32((long) locals.length() - params);
    for (int i = params; i < locals.length(); i++) {
      body.u32(1)
          .raw(
              switch (locals.charAt(i)) {
                case 'i' -> 0x7F;
                case 'I' -> 0x7E;
                case 'f' -> 0x7D;
                case 'F' -> 0x7C;
                case 'r' -> 0x70;
                default -> 0x6F;
              });
    }
    return body.raw(out).raw(0x0B);
  }
}
