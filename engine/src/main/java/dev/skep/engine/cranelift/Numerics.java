package dev.skep.engine.cranelift;

import static dev.skep.engine.cranelift.NativeTrap.INTEGER_DIVIDE_BY_ZERO;
import static dev.skep.engine.cranelift.NativeTrap.INTEGER_OVERFLOW;
import static dev.skep.engine.cranelift.NativeTrap.INVALID_CONVERSION;

import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;

/**
 * Translates the operators that compute: comparisons, arithmetic, conversions. What the processor
 * would fault on is checked before it is done.
 */
final class Numerics {
  private static final int F32 = 2;
  private static final int F64 = 3;

  /** Leaves for a trap if a condition holds, and goes on if not. */
  interface Checks {
    void trapIf(int condition, NativeTrap trap);
  }

  private final IrBuilder ir;
  private final RedlineBridge_ModuleExports op;
  private final Checks checks;

  Numerics(IrBuilder ir, Checks checks) {
    this.ir = ir;
    this.op = ir.op;
    this.checks = checks;
  }

  /** How many operands an operator from 0x45 to 0xC4 takes. */
  static int operands(int code) {
    boolean one =
        code == 0x45
            || code == 0x50
            || (code >= 0x67 && code <= 0x69)
            || (code >= 0x79 && code <= 0x7B)
            || (code >= 0x8B && code <= 0x91)
            || (code >= 0x99 && code <= 0x9F)
            || code >= 0xA7;
    return one ? 1 : 2;
  }

  /** The value of an operator of two operands. */
  int binary(int code, int a, int b) {
    if (code >= 0x46 && code <= 0x4F) {
      return op.emitIcmp(code - 0x46, a, b);
    }
    if (code >= 0x51 && code <= 0x5A) {
      return op.emitIcmp(code - 0x51, a, b);
    }
    if (code >= 0x5B && code <= 0x60) {
      return op.emitFcmp(code - 0x5B, a, b);
    }
    if (code >= 0x61 && code <= 0x66) {
      return op.emitFcmp(code - 0x61, a, b);
    }
    return code < 0x92 ? integers(code, a, b) : floats(code, a, b);
  }

  private int integers(int code, int a, int b) {
    boolean wide = code >= 0x7C;
    return switch (wide ? code - 0x7C + 0x6A : code) {
      case 0x6A -> op.emitIadd(a, b);
      case 0x6B -> op.emitIsub(a, b);
      case 0x6C -> op.emitImul(a, b);
      case 0x6D -> {
        notZero(b, wide);
        if (!mayBe(b, -1)) {
          yield op.emitSdiv(a, b);
        }
        int least = wide ? ir.i64(Long.MIN_VALUE) : ir.i32(Integer.MIN_VALUE);
        int minusOne = wide ? ir.i64(-1) : ir.i32(-1);
        int overflows =
            op.emitBand(
                op.emitIcmp(IrBuilder.EQ, a, least), op.emitIcmp(IrBuilder.EQ, b, minusOne));
        checks.trapIf(overflows, INTEGER_OVERFLOW);
        yield op.emitSdiv(a, b);
      }
      case 0x6E -> {
        notZero(b, wide);
        yield op.emitUdiv(a, b);
      }
      case 0x6F -> {
        notZero(b, wide);
        yield op.emitSrem(a, b);
      }
      case 0x70 -> {
        notZero(b, wide);
        yield op.emitUrem(a, b);
      }
      case 0x71 -> op.emitBand(a, b);
      case 0x72 -> op.emitBor(a, b);
      case 0x73 -> op.emitBxor(a, b);
      case 0x74 -> op.emitIshl(a, b);
      case 0x75 -> op.emitSshr(a, b);
      case 0x76 -> op.emitUshr(a, b);
      case 0x77 -> op.emitRotl(a, b);
      case 0x78 -> op.emitRotr(a, b);
      default -> throw new IllegalArgumentException("operator " + code);
    };
  }

  private boolean mayBe(int value, long number) {
    Long constant = ir.constantOf(value);
    return constant == null || constant == number;
  }

  private void notZero(int divisor, boolean wide) {
    if (!mayBe(divisor, 0)) {
      return;
    }
    checks.trapIf(
        op.emitIcmp(IrBuilder.EQ, divisor, wide ? ir.i64(0) : ir.i32(0)), INTEGER_DIVIDE_BY_ZERO);
  }

  private int floats(int code, int a, int b) {
    return switch (code >= 0xA0 ? code - 0xA0 + 0x92 : code) {
      case 0x92 -> op.emitFadd(a, b);
      case 0x93 -> op.emitFsub(a, b);
      case 0x94 -> op.emitFmul(a, b);
      case 0x95 -> op.emitFdiv(a, b);
      case 0x96 -> op.emitFmin(a, b);
      case 0x97 -> op.emitFmax(a, b);
      case 0x98 -> op.emitFcopysign(a, b);
      default -> throw new IllegalArgumentException("operator " + code);
    };
  }

  /** The value of an operator of one operand. */
  int unary(int code, int a) {
    return switch (code) {
      case 0x45 -> op.emitIcmp(IrBuilder.EQ, a, ir.i32(0));
      case 0x50 -> op.emitIcmp(IrBuilder.EQ, a, ir.i64(0));
      case 0x67, 0x79 -> op.emitClz(a);
      case 0x68, 0x7A -> op.emitCtz(a);
      case 0x69, 0x7B -> op.emitPopcnt(a);
      case 0x8B, 0x99 -> op.emitFabs(a);
      case 0x8C, 0x9A -> op.emitFneg(a);
      case 0x8D, 0x9B -> op.emitCeil(a);
      case 0x8E, 0x9C -> op.emitFloor(a);
      case 0x8F, 0x9D -> op.emitTruncFloat(a);
      case 0x90, 0x9E -> op.emitNearest(a);
      case 0x91, 0x9F -> op.emitSqrt(a);
      case 0xA7 -> op.emitI32WrapI64(a);
      case 0xA8 -> truncated(a, IrBuilder.I32, true, -0x1p31 - 0x1p8, 0x1p31, false);
      case 0xA9 -> truncated(a, IrBuilder.I32, false, -1, 0x1p32, false);
      case 0xAA -> truncated(a, IrBuilder.I32, true, -0x1p31 - 1, 0x1p31, true);
      case 0xAB -> truncated(a, IrBuilder.I32, false, -1, 0x1p32, true);
      case 0xAC -> op.emitSextendI64(a);
      case 0xAD -> op.emitUextendI64(a);
      case 0xAE -> truncated(a, IrBuilder.I64, true, -0x1p63 - 0x1p40, 0x1p63, false);
      case 0xAF -> truncated(a, IrBuilder.I64, false, -1, 0x1p64, false);
      case 0xB0 -> truncated(a, IrBuilder.I64, true, -0x1p63 - 0x1p11, 0x1p63, true);
      case 0xB1 -> truncated(a, IrBuilder.I64, false, -1, 0x1p64, true);
      case 0xB2, 0xB4 -> op.emitFcvtFromSint(F32, a);
      case 0xB3 -> op.emitFcvtFromUint(F32, a);
      case 0xB5 -> fromUnsigned(F32, a);
      case 0xB6 -> op.emitFdemote(a);
      case 0xB7, 0xB9 -> op.emitFcvtFromSint(F64, a);
      case 0xB8 -> op.emitFcvtFromUint(F64, a);
      case 0xBA -> fromUnsigned(F64, a);
      case 0xBB -> op.emitFpromote(a);
      case 0xBC -> op.emitBitcastF32ToI32(a);
      case 0xBD -> op.emitBitcastF64ToI64(a);
      case 0xBE -> op.emitBitcastI32ToF32(a);
      case 0xBF -> op.emitBitcastI64ToF64(a);
      case 0xC0 -> op.emitSextend832(a);
      case 0xC1 -> op.emitSextend1632(a);
      case 0xC2 -> op.emitSextend864(a);
      case 0xC3 -> op.emitSextend1664(a);
      case 0xC4 -> op.emitSextend3264(a);
      default -> throw new IllegalArgumentException("operator " + code);
    };
  }

  /**
   * A conversion of 64 bits without sign, by one of half of it if the highest is set: what is lost
   * stays as the lowest bit, and so is rounded once. Cranelift's own operator comes to the same,
   * but not of a constant when the JVM runs the compiler: there Chicory's conversion rounds twice.
   */
  private int fromUnsigned(int type, int value) {
    int half = op.emitBor(op.emitUshr(value, ir.i64(1)), op.emitBand(value, ir.i64(1)));
    int converted = op.emitFcvtFromSint(type, half);
    return op.emitSelect(
        op.emitIcmp(IrBuilder.SLT, value, ir.i64(0)),
        op.emitFadd(converted, converted),
        op.emitFcvtFromSint(type, value));
  }

  /** A saturating truncation, numbered as behind the prefix 0xFC. */
  int saturated(int code, int a) {
    int type = code < 4 ? IrBuilder.I32 : IrBuilder.I64;
    return code % 2 == 0 ? op.emitFcvtToSintSat(type, a) : op.emitFcvtToUintSat(type, a);
  }

  /**
   * A truncation that traps.
   *
   * @param below the greatest number that is too small; with fewer bits of fraction than 1, the
   *     next one down that there is
   * @param above the smallest number that is too large
   */
  private int truncated(
      int value, int type, boolean signed, double below, double above, boolean wide) {
    checks.trapIf(op.emitFcmp(IrBuilder.F_NE, value, value), INVALID_CONVERSION);
    int outside =
        op.emitBor(
            op.emitFcmp(F_LE, value, constant(below, wide)),
            op.emitFcmp(F_GE, value, constant(above, wide)));
    checks.trapIf(outside, INTEGER_OVERFLOW);
    return signed ? op.emitFcvtToSint(type, value) : op.emitFcvtToUint(type, value);
  }

  private static final int F_LE = IrBuilder.F_LE;
  private static final int F_GE = IrBuilder.F_GE;

  private int constant(double value, boolean wide) {
    if (!wide) {
      return op.emitF32const(Float.floatToRawIntBits((float) value));
    }
    long bits = Double.doubleToRawLongBits(value);
    return op.emitF64const((int) bits, (int) (bits >>> 32));
  }
}
