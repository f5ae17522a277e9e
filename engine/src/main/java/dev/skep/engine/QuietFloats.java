package dev.skep.engine;

/**
 * Floating-point operators that must answer a quiet NaN to a signalling one (core spec 4.3.3),
 * which the engine's own hand back as it is: the same names and descriptors. Public only so that
 * generated classes can reach it.
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
}
