package dev.skep.loadtest.programs;

import dev.skep.loadtest.programs.NumericOperator.Care;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Makes values of a wanted type: constants, locals, globals, loads, references, and numeric
 * operators over more of them. What could trap is kept from it, but for a wild program's choice.
 */
class Values extends TypedCode {
  /** Loads: opcode, what they answer, bytes. */
  private static final int[][] LOADS = {
    {0x28, 'i', 4}, {0x29, 'I', 8}, {0x2A, 'f', 4}, {0x2B, 'F', 8}, {0x2C, 'i', 1}, {0x2D, 'i', 1},
    {0x2E, 'i', 2}, {0x2F, 'i', 2}, {0x30, 'I', 1}, {0x31, 'I', 1}, {0x32, 'I', 2}, {0x33, 'I', 2},
    {0x34, 'I', 4}, {0x35, 'I', 4}
  };

  private static final int[] I32_EDGES = {
    0,
    1,
    -1,
    2,
    7,
    8,
    31,
    32,
    33,
    63,
    64,
    127,
    128,
    255,
    256,
    32_767,
    65_535,
    65_536,
    Integer.MIN_VALUE,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE + 1,
    -2,
    -128,
    -32_768
  };

  private static final long[] I64_EDGES = {
    0,
    1,
    -1,
    2,
    31,
    32,
    63,
    64,
    65,
    0xFFFF_FFFFL,
    1L << 32,
    Long.MIN_VALUE,
    Long.MAX_VALUE,
    -2,
    Integer.MIN_VALUE,
    Integer.MAX_VALUE,
    (1L << 53) + 1,
    -(1L << 53) - 1
  };

  private static final double[] FLOAT_EDGES = {
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    0.1,
    1e10,
    -1e10,
    1e-40,
    1e300,
    4.9e-324,
    2147483647.0,
    2147483648.0,
    -2147483648.0,
    4294967295.0,
    4294967296.0,
    0x1p63,
    -0x1p63,
    0x1p64,
    Double.POSITIVE_INFINITY,
    Double.NEGATIVE_INFINITY,
    Double.NaN
  };

  /** NaNs: quiet with a payload, signalling, negative. */
  private static final int[] F32_NANS = {0x7FC0_0001, 0x7F80_0001, 0xFFC0_0000, 0xFFA0_1234};

  private static final long[] F64_NANS = {
    0x7FF8_0000_0000_0001L, 0x7FF0_0000_0000_0001L, 0xFFF8_0000_0000_0000L, 0xFFF4_1234_5678_9ABCL
  };

  private static final int MASK_BITS_FROM = 4;
  private static final int PAGE_BITS = 16;

  /**
   * The conversions of i64 without sign to floats. Chicory's interpreter rounds some twice, and
   * functions too large for a JVM method run there.
   */
  private static final List<Integer> ROUNDED_TWICE = List.of(0xB5, 0xBA);

  final Random random;
  final ModulePlan plan;

  /** Whether this function is one of those. */
  boolean oversized;

  Values(Random random, ModulePlan plan, String params, String results) {
    super(params, results);
    this.random = random;
    this.plan = plan;
  }

  // ── Chance ────────────────────────────────────────────────────────────────────────────────

  boolean chance(double probability) {
    return random.nextDouble() < probability;
  }

  int below(int bound) {
    return random.nextInt(bound);
  }

  /** Whether what could trap here may. */
  boolean wild() {
    return plan.wildness() > 0 && chance(plan.wildness());
  }

  char numberType() {
    return "iIfF".charAt(below(4));
  }

  /** Mostly numbers, now and then references. */
  char anyType() {
    return chance(0.05) ? "re".charAt(below(2)) : numberType();
  }

  String someTypes(int most) {
    StringBuilder types = new StringBuilder();
    for (int n = below(most + 1); n > 0; n--) {
      types.append(anyType());
    }
    return types.toString();
  }

  // ── Operands ──────────────────────────────────────────────────────────────────────────────

  /** Sees to it that these are on top of the stack, with what is there already or without. */
  void ensure(String types, int depth) {
    if (isPolymorphic(types) && chance(0.5)) {
      return;
    }
    int there = chance(0.8) || height() > MOST_OPERANDS ? matching(types) : 0;
    for (int i = there; i < types.length(); i++) {
      value(types.charAt(i), depth);
    }
  }

  /** As {@link #ensure}, and all of them settled. */
  void ensureSettled(String types, int depth) {
    ensure(types, depth);
    settle(types.length());
  }

  /** Pushes a value made by at most so many levels of operators; takes nothing from the stack. */
  void value(char type, int depth) {
    switch (type) {
      case 'r' -> function();
      case 'e' -> extern();
      default -> {
        if (depth > 0 && chance(0.6)) {
          List<NumericOperator> fit = operatorsTo(type);
          NumericOperator operator = fit.get(below(fit.size()));
          for (int i = 0; i < operator.inputs().length(); i++) {
            value(operator.inputs().charAt(i), depth - 1);
          }
          numeric(operator);
        } else {
          leaf(type, depth);
        }
      }
    }
  }

  /** Those that answer the type, or any type if it is 0. */
  List<NumericOperator> operatorsTo(char type) {
    List<NumericOperator> fit = new ArrayList<>();
    for (NumericOperator operator : NumericOperator.ALL) {
      boolean right = !oversized || !ROUNDED_TWICE.contains(operator.code());
      if (right && (type == 0 || operator.output() == type)) {
        fit.add(operator);
      }
    }
    return fit;
  }

  private void leaf(char type, int depth) {
    int choice = below(10);
    if (choice < 4 && localOf(type) >= 0) {
      get(localOf(type));
    } else if (choice < 6 && globalOf(type) >= 0) {
      globalGet(globalOf(type));
    } else if (choice < 7) {
      load(type, depth);
    } else if (choice < 8 && type == 'i') {
      op(0x3F, 0);
      push('i');
    } else {
      constant(type);
    }
  }

  private void constant(char type) {
    switch (type) {
      case 'i' -> i32(anyI32());
      case 'I' -> i64(anyI64());
      case 'f' -> f32(anyF32());
      default -> f64(anyF64());
    }
  }

  int anyI32() {
    return switch (below(3)) {
      case 0 -> I32_EDGES[below(I32_EDGES.length)];
      case 1 -> below(1_000);
      default -> random.nextInt();
    };
  }

  long anyI64() {
    return switch (below(3)) {
      case 0 -> I64_EDGES[below(I64_EDGES.length)];
      case 1 -> below(1_000);
      default -> random.nextLong();
    };
  }

  int anyF32() {
    return switch (below(8)) {
      case 0 -> F32_NANS[below(F32_NANS.length)];
      case 1, 2, 3 -> Float.floatToRawIntBits((float) FLOAT_EDGES[below(FLOAT_EDGES.length)]);
      case 4, 5 -> Float.floatToRawIntBits((float) (random.nextGaussian() * 1_000));
      default -> random.nextInt();
    };
  }

  long anyF64() {
    return switch (below(8)) {
      case 0 -> F64_NANS[below(F64_NANS.length)];
      case 1, 2, 3 -> Double.doubleToRawLongBits(FLOAT_EDGES[below(FLOAT_EDGES.length)]);
      case 4, 5 -> Double.doubleToRawLongBits(random.nextGaussian() * 1_000);
      default -> random.nextLong();
    };
  }

  private int localOf(char type) {
    int from = freeLocals().isEmpty() ? 0 : below(freeLocals().size());
    for (int i = 0; i < freeLocals().size(); i++) {
      int local = freeLocals().get((from + i) % freeLocals().size());
      if (typeOf(local) == type) {
        return local;
      }
    }
    return -1;
  }

  /** A global of the type, −1 if there is none. */
  int globalOf(char type) {
    int from = below(plan.globals().length());
    for (int i = 0; i < plan.globals().length(); i++) {
      int global = (from + i) % plan.globals().length();
      if (global >= ModulePlan.FREE_GLOBALS && plan.globals().charAt(global) == type) {
        return global;
      }
    }
    return -1;
  }

  void globalGet(int global) {
    op(0x23, global);
    push(plan.globals().charAt(global));
  }

  /** The value must be settled. */
  void globalSet(int global) {
    op(0x24, global);
    pop("" + plan.globals().charAt(global));
  }

  // ── References ────────────────────────────────────────────────────────────────────────────

  private void function() {
    int choice = below(5);
    if (choice == 0 && localOf('r') >= 0) {
      get(localOf('r'));
    } else if (choice == 1 && globalOf('r') >= 0) {
      globalGet(globalOf('r'));
    } else if (choice == 2) {
      tableGet(chance(0.5) ? ModulePlan.STABLE_TABLE : ModulePlan.FUNCTION_TABLE);
    } else if (choice == 3) {
      op(0xD0);
      out.raw(0x70);
      push('r');
    } else {
      op(0xD2, below(plan.signatures().size()));
      push('r');
    }
  }

  private void extern() {
    int choice = below(3);
    if (choice == 0 && localOf('e') >= 0) {
      get(localOf('e'));
    } else if (choice == 1) {
      tableGet(ModulePlan.EXTERN_TABLE);
    } else {
      op(0xD0);
      out.raw(0x6F);
      push('e');
    }
  }

  private void tableGet(int table) {
    element(ModulePlan.ELEMENTS);
    op(0x25, table);
    pop("i");
    push(plan.tableType(table));
  }

  /** Pushes an index into what every table has. */
  void element(int of) {
    if (wild()) {
      value('i', 1);
    } else if (chance(0.5)) {
      i32(below(of));
    } else {
      masked(of - 1, 1);
    }
  }

  /** Pushes an i32 of the bits of a mask. */
  void masked(int mask, int depth) {
    value('i', depth);
    i32(mask);
    apply(0x71, "ii", "i");
  }

  // ── Memory ────────────────────────────────────────────────────────────────────────────────

  /**
   * Pushes an address at which so many bytes can be accessed.
   *
   * @return the offset to go with it
   */
  long address(int bytes, int depth) {
    if (wild()) {
      value('i', depth);
      long[] offsets = {0, 1, 65_535, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFFL};
      return offsets[below(offsets.length)];
    }
    if (chance(0.2)) {
      return edge(bytes);
    }
    long size = (long) plan.pages() << PAGE_BITS;
    int bits = MASK_BITS_FROM + below(PAGE_BITS + plan.pages() - 1 - MASK_BITS_FROM);
    masked((1 << bits) - 1, depth);
    long room = size - (1L << bits) - bytes;
    return chance(0.5) ? 0 : chance(0.5) ? below(64) : random.nextLong(room + 1);
  }

  /** The last bytes that the memory has, or, in a wild program, one too far. */
  private long edge(int bytes) {
    int back = bytes + (chance(0.5) ? 0 : below(16));
    int offset = below(back + 1);
    op(0x3F, 0);
    push('i');
    i32(PAGE_BITS);
    apply(0x74, "ii", "i");
    i32(back);
    apply(0x6B, "ii", "i");
    long tooFar = wild() ? 1 + below(bytes) : 0;
    return Math.min(offset, back - bytes) + tooFar;
  }

  private void load(char type, int depth) {
    int[] load = LOADS[below(LOADS.length)];
    while (load[1] != type) {
      load = LOADS[below(LOADS.length)];
    }
    long offset = address(load[2], Math.min(depth, 1));
    op(load[0], below(Integer.numberOfTrailingZeros(load[2]) + 1), offset);
    pop("i");
    push(type);
  }

  // ── Numbers ───────────────────────────────────────────────────────────────────────────────

  /** An operator on what is on the stack. */
  void numeric(NumericOperator operator) {
    String inputs = operator.inputs();
    if (operator.care() == Care.SHOWS_BITS) {
      settle(inputs.length());
    } else if (operator.care() == Care.DIVIDES && !wild()) {
      makeDivisor(inputs.charAt(0));
    } else if (operator.care() == Care.TRUNCATES && !wild()) {
      makeTruncatable(operator);
    }
    boolean answersSettled =
        switch (operator.care()) {
          case MAKES_NAN -> false;
          case KEEPS_NAN -> isSettled(0);
          default -> true;
        };
    op(operator.code());
    pop(inputs);
    push(operator.output(), answersSettled);
  }

  /** Makes the number on top one that divides: positive. */
  private void makeDivisor(char type) {
    if (type == 'i') {
      i32(chance(0.5) ? Integer.MAX_VALUE : below(1 << PAGE_BITS));
      apply(0x71, "ii", "i");
      i32(1);
      apply(0x72, "ii", "i");
    } else {
      i64(chance(0.5) ? Long.MAX_VALUE : below(1 << PAGE_BITS));
      apply(0x83, "II", "I");
      i64(1);
      apply(0x84, "II", "I");
    }
  }

  /** Makes the number on top one that the integer can hold. */
  private void makeTruncatable(NumericOperator operator) {
    char type = operator.inputs().charAt(0);
    boolean unsigned = operator.code() % 2 == 1;
    boolean wide = operator.output() == 'I';
    double most = wide ? (unsigned ? 1.8e19 : 9.2e18) : unsigned ? 4.29e9 : 2.14e9;
    settle(1);
    int local = newLocal(type);
    tee(local);
    bound(type, 1);
    selectNumber(local, type);
    bound(type, most);
    apply(type == 'f' ? 0x96 : 0xA4, "" + type + type, "" + type);
    bound(type, unsigned ? -0.5 : -most);
    apply(type == 'f' ? 0x97 : 0xA5, "" + type + type, "" + type);
  }

  private void bound(char type, double value) {
    if (type == 'f') {
      f32(Float.floatToRawIntBits((float) value));
    } else {
      f64(Double.doubleToRawLongBits(value));
    }
  }
}
