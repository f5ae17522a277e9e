package dev.skep.limits;

/**
 * The fuel cost table: what each operator costs. Means what fuel means in Wasmtime 49 with its
 * default operator costs, so that a tenant can recompute a bill with an independent engine.
 *
 * <p>Entering a function costs {@link #FUNCTION_ENTRY}. Operators that only structure code cost 0,
 * all others {@link #OPERATOR}. Bulk operations cost {@link #PER_UNIT} more for each byte (of a
 * memory), element (of a table) or page (of {@code memory.grow}) that they move; growth that is
 * refused moves nothing.
 */
public final class FuelCosts {
  /** Version of this table; every receipt names it. A new number whenever a figure changes. */
  public static final int VERSION = 2;

  /** For entering a function. */
  public static final int FUNCTION_ENTRY = 1;

  /** For every operator that is not free. */
  public static final int OPERATOR = 1;

  /** For each byte, element or page of a bulk operation, on top of the operator. */
  public static final int PER_UNIT = 1;

  /** For calling a start function, on top of what it does: entering the start-up and the call. */
  public static final int START = 2;

  /**
   * For calling a host function, on top of what it moves. Most take 5 to 100 ns, those that fail up
   * to 130, and prices count with a unit a nanosecond; the call's operators are the guest's own.
   */
  public static final int HOST_CALL = 100;

  /** For each byte that a host function moves. */
  public static final int HOST_BYTE = 1;

  /**
   * For each random byte, and each byte of a path that is followed: these are computed with and not
   * only moved, which takes some 8 ns.
   */
  public static final int HOST_COMPUTED_BYTE = 8;

  /**
   * For each byte of a module, once for each tenant and version, for checking and compiling it. By
   * bytes and not by time, so that it is the same on every node and can be recomputed; what
   * compiling takes of a processor, at the 10^9 units a second that prices take for one.
   */
  public static final int COMPILE_BYTE = 1_000;

  /**
   * For each byte of a module, once for each tenant and version, for compiling it to machine code,
   * whatever comes of it: what that takes of a processor at some 30 KB of Wasm a second.
   */
  public static final int NATIVE_COMPILE_BYTE = 30_000;

  private FuelCosts() {}

  /**
   * What checking and compiling a module costs.
   *
   * @param moduleBytes its size, 0 or more
   */
  public static long compiling(int moduleBytes) {
    return (long) moduleBytes * COMPILE_BYTE;
  }

  /**
   * What compiling a module to machine code costs.
   *
   * @param moduleBytes its size, 0 or more
   */
  public static long compilingNatively(int moduleBytes) {
    return (long) moduleBytes * NATIVE_COMPILE_BYTE;
  }

  /**
   * Cost of the operator with this first byte; operators behind a prefix byte (0xFC and up) all
   * cost {@link #OPERATOR}, as their prefix does here.
   *
   * @param opcode 0 to 255
   */
  public static int of(int opcode) {
    return switch (opcode) {
      case 0x00 -> 0; // unreachable
      case 0x01 -> 0; // nop
      case 0x02 -> 0; // block
      case 0x03 -> 0; // loop
      case 0x05 -> 0; // else
      case 0x0B -> 0; // end
      case 0x0F -> 0; // return
      case 0x1A -> 0; // drop
      default -> OPERATOR;
    };
  }
}
