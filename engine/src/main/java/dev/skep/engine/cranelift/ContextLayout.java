package dev.skep.engine.cranelift;

/**
 * Where machine code finds what it needs, in bytes from the start of an instance's context. Little
 * endian.
 *
 * <pre>
 *   STATE │ TRAP_STATE │ TRAP │ FRAMES │ memory: BASE, SIZE │ FUNCTIONS │ UPCALL │ STACK_…
 *   frame 0 … 63 │ value 0 … │ table 0: elements, size │ … │ global 0 …
 * </pre>
 *
 * @param values how many values calls in and out of the host pass at most
 * @param tables of the module
 * @param globals of the module
 */
public record ContextLayout(int values, int tables, int globals) {
  /** The state at entries and calls of the host, 8 bytes. */
  public static final int STATE = 0;

  /** The state where the guest trapped, 8 bytes. */
  public static final int TRAP_STATE = 8;

  /** Why, 4 bytes: 0, or the number of a {@link NativeTrap}. */
  public static final int TRAP = 16;

  /** How many frames are noted, 4 bytes. */
  public static final int FRAMES = 20;

  /** Address of the memory's byte 0, 8 bytes. */
  public static final int MEMORY_BASE = 24;

  /** Accessible bytes of the memory, 8 bytes. */
  public static final int MEMORY_SIZE = 32;

  /**
   * Address of the functions' table, which lies behind the code, at the next multiple of {@link
   * #FUNCTION_BYTES}.
   */
  public static final int FUNCTIONS = 40;

  /** Bytes of an entry of that table: an address of 8, a signature of 4, 4 of nothing. */
  public static final int FUNCTION_BYTES = 16;

  /** Address of what code calls of the host. */
  public static final int UPCALL = 48;

  /** The lowest address that frames may reach. */
  public static final int STACK_LIMIT = 56;

  /** Stack that one unit of call depth may take, in bytes. */
  public static final int STACK_PER_UNIT = 64;

  /** The call depth that the entry gave, 8 bytes: what was asked for, or what the stack holds. */
  public static final int DEPTH_GIVEN = 72;

  /** Index of the function of each noted frame, 4 bytes each, innermost first. */
  public static final int FRAME = 80;

  /** Most frames that are noted. */
  public static final int MOST_FRAMES = 64;

  private static final int VALUE = FRAME + 4 * MOST_FRAMES;

  /** Bits of the state below the call depth. */
  public static final int DEPTH_SHIFT = 1;

  /** Bits of the state below the fuel. */
  public static final int FUEL_SHIFT = 19;

  /** The call depth in a state, at its place. */
  public static final long DEPTH_MASK = (1L << FUEL_SHIFT) - (1L << DEPTH_SHIFT);

  /** The state that is carried with fuel and depth. */
  public static long state(long fuel, int depth) {
    return fuel << FUEL_SHIFT | (long) depth << DEPTH_SHIFT;
  }

  /** Fuel of a state. */
  public static long fuel(long state) {
    return state >> FUEL_SHIFT;
  }

  /** Call depth of a state. */
  public static int depth(long state) {
    return (int) ((state & DEPTH_MASK) >> DEPTH_SHIFT);
  }

  /** Where value {@code i} is: an argument or a result, 8 bytes each. */
  public int value(int i) {
    return VALUE + 8 * i;
  }

  /** Where the address of table {@code i}'s elements is; its size follows, 8 bytes each. */
  public int table(int i) {
    return value(values) + 16 * i;
  }

  /** Where the size of table {@code i} is. */
  public int tableSize(int i) {
    return table(i) + 8;
  }

  /** Where global {@code i} is, 8 bytes each. */
  public int global(int i) {
    return table(tables) + 8 * i;
  }

  /** Bytes of the whole context. */
  public int bytes() {
    return global(globals);
  }
}
