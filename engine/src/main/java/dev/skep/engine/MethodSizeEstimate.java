package dev.skep.engine;

/**
 * Estimates, operator by operator, how large a JVM method the compiler makes of one function, its
 * charges included. What one operator becomes is the compiler's and is known but for details such
 * as the constant pool's order, so the estimate is near and not exact; a test holds it against real
 * compiles of the guests.
 *
 * <p>It also counts frame cells: the compiler computes a frame of all locals for every label, which
 * is what a function with many of both takes memory by.
 *
 * <p>One instance a module, {@link #begin begun} anew for each function. Not thread-safe.
 */
final class MethodSizeEstimate {
  /** HotSpot compiles methods above this only with {@code -XX:-DontCompileHugeMethods}. */
  static final int HUGE_METHOD_BYTES = 8_000;

  /** Most bytes of a JVM method (JVMS 4.7.3). */
  static final int MOST_METHOD_BYTES = 65_535;

  private static final int INVOKE = 3;
  private static final int BRANCH = 3;

  /** Bytes of operators that become instructions of the JVM; 0 stands for a call of a helper. */
  private static final byte[] INTRINSIC = intrinsics();

  private long bytes;
  private long labels;
  private int memorySlot;
  private int words;
  private boolean calls;
  private int returns;

  private static byte[] intrinsics() {
    byte[] sizes = new byte[256];
    for (int op : new int[] {0x6A, 0x6B, 0x6C, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76}) {
      sizes[op] = 1; // i32
    }
    for (int op : new int[] {0x7C, 0x7D, 0x7E, 0x83, 0x84, 0x85}) {
      sizes[op] = 1; // i64
    }
    for (int op : new int[] {0x86, 0x87, 0x88}) {
      sizes[op] = 2; // i64 shifts: the count becomes an int first
    }
    for (int op : new int[] {0x8C, 0x92, 0x93, 0x94, 0x95, 0x9A, 0xA0, 0xA1, 0xA2, 0xA3}) {
      sizes[op] = 1; // f32, f64
    }
    for (int op : new int[] {0xA7, 0xAC, 0xB6, 0xBB}) {
      sizes[op] = 1; // conversions the JVM has
    }
    return sizes;
  }

  /**
   * Begins a function.
   *
   * @param parameterWords words of its parameters; i64 and f64 take two
   * @param localWords words of its other locals
   * @param locals number of those
   */
  void begin(int parameterWords, int localWords, int locals) {
    memorySlot = parameterWords;
    words = parameterWords + 2 + localWords;
    bytes = 2L * locals;
    for (int i = 0; i < locals; i++) {
      bytes += variable(parameterWords + 2 + i);
    }
    labels = 0;
    calls = false;
    returns = 0;
    charge();
  }

  /** Size of the method so far, in bytes. */
  long methodBytes() {
    // Entering and leaving the call depth, where a function calls.
    long depth = calls ? (1L + returns) * (INVOKE + 3 + variable(memorySlot)) : 0;
    return bytes + depth;
  }

  /** Words of frames that the compiler holds for the function at once. */
  long frameCells() {
    return labels * words;
  }

  private static int variable(int slot) {
    return slot < 4 ? 1 : slot < 256 ? 2 : 4;
  }

  private static int constant(long value) {
    if (value >= -1 && value <= 5) {
      return 1;
    }
    return value == (byte) value ? 2 : 3;
  }

  /** A charge of fuel: the cost, the meter, the call. */
  void charge() {
    bytes += 2 + variable(memorySlot) + variable(memorySlot + 1) + 1 + INVOKE;
  }

  void plain(int op) {
    bytes += INTRINSIC[op] == 0 ? INVOKE : INTRINSIC[op];
  }

  void helper() {
    bytes += INVOKE;
  }

  void constantInt(long value) {
    bytes += constant(value);
  }

  void constantLong(long value) {
    bytes += value == 0 || value == 1 ? 1 : 3;
  }

  void constantFloat() {
    bytes += 3;
  }

  /** A local read ({@code local.get}) or written; {@code local.tee} is both. */
  void local(int slot, boolean isTee) {
    bytes += variable(slot) + (isTee ? 1 : 0);
  }

  /** A global read or written: its index, the instance, the helper, a conversion. */
  void global(int index) {
    bytes += constant(index) + variable(memorySlot + 1) + INVOKE + 2;
  }

  /** A table's element or size, a dropped segment: an index, the instance, the helper. */
  void indexed(int index) {
    bytes += constant(index) + variable(memorySlot + 1) + INVOKE;
  }

  void memory(int op, long offset, boolean isFirst) {
    boolean widened = op == 0x2D || op == 0x2F || op == 0x31 || op == 0x33 || op == 0x35;
    bytes += constant(offset) + variable(memorySlot) + INVOKE + (widened ? 4 : 0);
    bytes += op >= 0x30 && op <= 0x3E ? 1 : 0;
    bytes += isFirst ? 0 : 5;
  }

  /** {@code drop}, or the drops of a branch that leaves values behind. */
  void drop(int values) {
    bytes += values;
  }

  void select(boolean isWide) {
    bytes += BRANCH + (isWide ? 3 : 2);
    labels++;
  }

  /**
   * A call.
   *
   * @param results of the callee; more than one come in an array
   */
  void call(int results) {
    calls = true;
    bytes += variable(memorySlot) + variable(memorySlot + 1) + INVOKE;
    if (results > 1) {
      bytes += variable(words);
      bytes += results * (variable(words) + 4L);
    }
  }

  /** A branch that keeps {@code kept} values and drops {@code dropped} below them. */
  void branch(int kept, int dropped) {
    bytes += BRANCH;
    if (dropped > 0) {
      bytes += dropped + 2L * kept * variable(words) + BRANCH;
    }
    labels++;
  }

  void label() {
    labels++;
  }

  void table(int targets) {
    bytes += targets <= 1 ? 1 + BRANCH : 16 + 4L * targets;
  }

  void leave(int results) {
    returns++;
    bytes += 1 + (results > 1 ? INVOKE : 0);
  }
}
