package dev.skep.engine;

/**
 * Operators that the engine's interpreter gets wrong, written so that it gets them right, for
 * functions too large for a JVM method. Fuel is not touched: charges are calls of their own.
 *
 * <pre>
 *   i32.mul                   leaves a product of 64 bits, and {@code if} looks at all of them:
 *                             added to 0, which cuts it
 *   i64.store32               wraps addresses at 2^32: i32.store does not
 *   i32.store8, i64.store8    the same: behind i32.load8_u of the same address, which traps
 *   min, max, f64 roundings   hand back a signalling NaN (core spec 4.3.3): multiplied by 1
 *   f64.convert_i64_u         rounds some twice (4.3.2): the sum of its halves, each of them exact
 *   f32.convert_i64_u         the same: if negative with a sign, twice the number of half of it, with
 *                             what is lost in the last bit
 * </pre>
 *
 * None of them branches: operators that say where others are take the heap several times over.
 * Compiled functions have {@link QuietFloats} for that.
 */
final class InterpretedOperator {
  private static final int DROP = 0x1A;
  private static final int SELECT = 0x1B;
  private static final int LOCAL_GET = 0x20;
  private static final int LOCAL_SET = 0x21;
  private static final int LOCAL_TEE = 0x22;
  private static final int I32_LOAD8_U = 0x2D;
  private static final int I32_STORE = 0x36;
  private static final int I32_STORE8 = 0x3A;
  private static final int I64_STORE8 = 0x3C;
  private static final int I64_STORE32 = 0x3E;
  private static final int I32_CONST = 0x41;
  private static final int I64_CONST = 0x42;
  private static final int F32_CONST = 0x43;
  private static final int F64_CONST = 0x44;
  private static final int I64_GE_S = 0x59;
  private static final int I32_ADD = 0x6A;
  private static final int I32_MUL = 0x6C;
  private static final int I64_AND = 0x83;
  private static final int I64_OR = 0x84;
  private static final int I64_SHL = 0x86;
  private static final int I64_SHR_U = 0x88;
  private static final int F32_MUL = 0x94;
  private static final int F32_MIN = 0x96;
  private static final int F32_MAX = 0x97;
  private static final int F64_CEIL = 0x9B;
  private static final int F64_FLOOR = 0x9C;
  private static final int F64_TRUNC = 0x9D;
  private static final int F64_NEAREST = 0x9E;
  private static final int F64_ADD = 0xA0;
  private static final int F64_MUL = 0xA2;
  private static final int F64_MIN = 0xA4;
  private static final int F64_MAX = 0xA5;
  private static final int I32_WRAP_I64 = 0xA7;
  private static final int I64_EXTEND_I32_U = 0xAD;
  private static final int F32_CONVERT_I64_S = 0xB4;
  private static final int F32_CONVERT_I64_U = 0xB5;
  private static final int F64_CONVERT_I64_S = 0xB9;
  private static final int F64_CONVERT_I64_U = 0xBA;

  private InterpretedOperator() {}

  /** Whether {@link #write} writes the operator in another way. */
  static boolean isWritten(int op) {
    return switch (op) {
      case I32_STORE8,
          I64_STORE8,
          I64_STORE32,
          I32_MUL,
          F32_MIN,
          F32_MAX,
          F64_MIN,
          F64_MAX,
          F64_CEIL,
          F64_FLOOR,
          F64_TRUNC,
          F64_NEAREST,
          F32_CONVERT_I64_U,
          F64_CONVERT_I64_U ->
          true;
      default -> false;
    };
  }

  /**
   * Writes what does the same.
   *
   * @param op for which {@link #isWritten} holds
   * @param bytes that have the operator's immediates {@code from} … {@code to}
   * @param freeLocal index of an i64 that the function does not use, and behind it an i32
   */
  static void write(int op, byte[] bytes, int from, int to, int freeLocal, WasmBuffer out) {
    switch (op) {
      case I64_STORE32 -> {
        out.u8(I32_WRAP_I64);
        out.u8(I32_STORE);
        out.raw(bytes, from, to);
      }
      case I32_STORE8, I64_STORE8 -> {
        if (op == I32_STORE8) {
          out.u8(I64_EXTEND_I32_U);
        }
        local(LOCAL_SET, freeLocal, out);
        local(LOCAL_TEE, freeLocal + 1, out);
        local(LOCAL_GET, freeLocal + 1, out);
        out.u8(I32_LOAD8_U);
        out.raw(bytes, from, to);
        out.u8(DROP);
        local(LOCAL_GET, freeLocal, out);
        out.u8(I64_STORE8);
        out.raw(bytes, from, to);
      }
      case I32_MUL -> {
        out.u8(op);
        out.u8(I32_CONST);
        out.s32(0);
        out.u8(I32_ADD);
      }
      case F32_MIN, F32_MAX -> {
        out.u8(op);
        times32(1, out);
      }
      case F64_MIN, F64_MAX, F64_CEIL, F64_FLOOR, F64_TRUNC, F64_NEAREST -> {
        out.u8(op);
        times64(1, out);
      }
      case F32_CONVERT_I64_U -> convertTo32(freeLocal, out);
      case F64_CONVERT_I64_U -> convertTo64(freeLocal, out);
      default -> throw new IllegalArgumentException("operator 0x" + Integer.toHexString(op));
    }
  }

  private static void times32(float factor, WasmBuffer out) {
    out.u8(F32_CONST);
    littleEndian(Float.floatToRawIntBits(factor), Float.BYTES, out);
    out.u8(F32_MUL);
  }

  private static void times64(double factor, WasmBuffer out) {
    out.u8(F64_CONST);
    littleEndian(Double.doubleToRawLongBits(factor), Double.BYTES, out);
    out.u8(F64_MUL);
  }

  private static void convertTo32(int freeLocal, WasmBuffer out) {
    local(LOCAL_TEE, freeLocal, out);
    out.u8(F32_CONVERT_I64_S);
    local(LOCAL_GET, freeLocal, out);
    constant(1, out);
    out.u8(I64_SHR_U);
    local(LOCAL_GET, freeLocal, out);
    constant(1, out);
    out.u8(I64_AND);
    out.u8(I64_OR);
    out.u8(F32_CONVERT_I64_S);
    times32(2, out);
    local(LOCAL_GET, freeLocal, out);
    constant(0, out);
    out.u8(I64_GE_S);
    out.u8(SELECT);
  }

  private static void convertTo64(int freeLocal, WasmBuffer out) {
    local(LOCAL_TEE, freeLocal, out);
    constant(32, out);
    out.u8(I64_SHR_U);
    out.u8(F64_CONVERT_I64_S);
    times64(0x1p32, out);
    local(LOCAL_GET, freeLocal, out);
    constant(32, out);
    out.u8(I64_SHL);
    constant(32, out);
    out.u8(I64_SHR_U);
    out.u8(F64_CONVERT_I64_S);
    out.u8(F64_ADD);
  }

  private static void local(int op, int index, WasmBuffer out) {
    out.u8(op);
    out.u32(index);
  }

  /** A small one: of one byte. */
  private static void constant(int value, WasmBuffer out) {
    out.u8(I64_CONST);
    out.u8(value);
  }

  private static void littleEndian(long bits, int bytes, WasmBuffer out) {
    for (int i = 0; i < bytes; i++) {
      out.u8((int) (bits >>> (8 * i)) & 0xFF);
    }
  }
}
