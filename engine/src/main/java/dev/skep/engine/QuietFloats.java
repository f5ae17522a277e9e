package dev.skep.engine;

/**
 * Floating-point operators that the engine's own get wrong, with the same names and descriptors.
 * Those of one kind must answer a quiet NaN to a signalling one (core spec 4.3.3), and hand it back
 * as it is; those of the other round an integer of 64 bits without sign, and round some twice
 * (4.3.2). And two that the engine computes a power for each time. Public only so that generated
 * classes can reach it.
 */
@SuppressWarnings("unused") // called by generated code only
public final class QuietFloats {
  private static final int QUIET_32 = 0x0040_0000;
  private static final long QUIET_64 = 0x0008_0000_0000_0000L;

  private QuietFloats() {}

  /** Multiplying by 1 would do, but the JIT takes that for nothing. */
  private static float quiet(float value) {
    return Float.isNaN(value)
        ? Float.intBitsToFloat(Float.floatToRawIntBits(value) | QUIET_32)
        : value;
  }

  private static double quiet(double value) {
    return Double.isNaN(value)
        ? Double.longBitsToDouble(Double.doubleToRawLongBits(value) | QUIET_64)
        : value;
  }

  public static float F32_MIN(float a, float b) {
    return quiet(Math.min(a, b));
  }

  public static float F32_MAX(float a, float b) {
    return quiet(Math.max(a, b));
  }

  public static double F64_MIN(double a, double b) {
    return quiet(Math.min(a, b));
  }

  public static double F64_MAX(double a, double b) {
    return quiet(Math.max(a, b));
  }

  public static double F64_CEIL(double value) {
    return quiet(Math.ceil(value));
  }

  public static double F64_FLOOR(double value) {
    return quiet(Math.floor(value));
  }

  public static double F64_TRUNC(double value) {
    return quiet(value < 0 ? Math.ceil(value) : Math.floor(value));
  }

  public static double F64_NEAREST(double value) {
    return quiet(Math.rint(value));
  }

  // Halved with what is lost kept in the last bit, a number from 2^63 on rounds as itself would.

  public static float F32_CONVERT_I64_U(long value) {
    return value >= 0 ? value : 2.0f * ((value >>> 1) | (value & 1));
  }

  public static double F64_CONVERT_I64_U(long value) {
    return value >= 0 ? value : 2.0 * ((value >>> 1) | (value & 1));
  }

  // Java's conversion saturates as WebAssembly's does, and answers 0 to what is no number.

  public static long I64_TRUNC_SAT_F32_U(float value) {
    return I64_TRUNC_SAT_F64_U(value);
  }

  public static long I64_TRUNC_SAT_F64_U(double value) {
    if (value < 0x1p63) {
      return Math.max(0, (long) value);
    }
    // From 2^63 on, and no number at all.
    return value < 0x1p64 ? (long) (value - 0x1p63) | Long.MIN_VALUE : value >= 0x1p64 ? -1 : 0;
  }
}
