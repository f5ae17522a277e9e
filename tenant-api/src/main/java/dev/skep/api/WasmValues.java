package dev.skep.api;

import dev.skep.engine.Printable;
import dev.skep.engine.Signature;
import dev.skep.engine.ValueKind;
import io.vertx.core.json.JsonArray;
import java.math.BigInteger;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Converts between JSON and WebAssembly values.
 *
 * <p>i32 and i64 are taken as signed or unsigned; i64 may also be a decimal string, and is answered
 * as one beyond 2^53, because JSON readers lose digits there. f32 and f64 that are not finite are
 * the strings {@code NaN}, {@code Infinity} and {@code -Infinity}.
 */
final class WasmValues {
  private static final long MOST_EXACT = 1L << 53;
  private static final BigInteger U64_END = BigInteger.ONE.shiftLeft(64);
  private static final BigInteger I64_LEAST = BigInteger.valueOf(Long.MIN_VALUE);

  private WasmValues() {}

  /**
   * The raw bits of arguments.
   *
   * @throws ProblemException if they do not fit the signature
   */
  static long[] toBits(JsonArray args, Signature signature) {
    List<ValueKind> params = signature.params();
    if (args.size() != params.size()) {
      throw bad(
          "the function takes "
              + params.size()
              + " arguments, "
              + signature
              + "; the call has "
              + args.size());
    }
    long[] bits = new long[params.size()];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = toBits(i, args.getValue(i), params.get(i));
    }
    return bits;
  }

  private static long toBits(int index, @Nullable Object value, ValueKind kind) {
    return switch (kind) {
      case I32 -> {
        BigInteger integer = integer(index, value, kind);
        if (integer.bitLength() > 32 || integer.compareTo(BigInteger.valueOf(-1L << 31)) < 0) {
          throw unfit(index, value, "an i32, -2147483648 to 4294967295");
        }
        yield integer.longValue() & 0xFFFF_FFFFL;
      }
      case I64 -> {
        BigInteger integer = integer(index, value, kind);
        if (integer.compareTo(U64_END) >= 0 || integer.compareTo(I64_LEAST) < 0) {
          throw unfit(index, value, "an i64, -2^63 to 2^64 - 1");
        }
        yield integer.longValue();
      }
      case F32 -> Float.floatToRawIntBits((float) floating(index, value, kind)) & 0xFFFF_FFFFL;
      case F64 -> Double.doubleToRawLongBits(floating(index, value, kind));
      case FUNCREF, EXTERNREF ->
          throw bad(
              "argument " + index + " is a " + kind.word() + ", which cannot be given in JSON");
    };
  }

  private static BigInteger integer(int index, @Nullable Object value, ValueKind kind) {
    if (value instanceof Integer || value instanceof Long) {
      return BigInteger.valueOf(((Number) value).longValue());
    }
    if (value instanceof BigInteger big) {
      return big;
    }
    if (value instanceof String text && text.matches("[+-]?[0-9]{1,20}")) {
      return new BigInteger(text);
    }
    throw unfit(index, value, "an " + kind.word() + ": a whole number or a decimal string");
  }

  private static double floating(int index, @Nullable Object value, ValueKind kind) {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    if (value instanceof String text) {
      switch (text) {
        case "NaN" -> {
          return Double.NaN;
        }
        case "Infinity" -> {
          return Double.POSITIVE_INFINITY;
        }
        case "-Infinity" -> {
          return Double.NEGATIVE_INFINITY;
        }
        default -> {}
      }
    }
    throw unfit(
        index, value, "an " + kind.word() + ": a number, \"NaN\", \"Infinity\" or \"-Infinity\"");
  }

  private static ProblemException unfit(int index, @Nullable Object value, String wanted) {
    String shown = Printable.of(String.valueOf(value));
    return bad("argument " + index + " is " + shown + "; it must be " + wanted);
  }

  private static ProblemException bad(String detail) {
    return new ProblemException(Problem.Kind.BAD_ARGUMENTS, detail);
  }

  /** Results as JSON. */
  static JsonArray toJson(long[] bits, Signature signature) {
    JsonArray json = new JsonArray();
    for (int i = 0; i < bits.length; i++) {
      json.add(toJson(bits[i], signature.results().get(i)));
    }
    return json;
  }

  private static Object toJson(long bits, ValueKind kind) {
    return switch (kind) {
      case I32 -> (int) bits;
      case I64 -> bits > MOST_EXACT || bits < -MOST_EXACT ? Long.toString(bits) : (Object) bits;
      case F32 -> {
        float value = Float.intBitsToFloat((int) bits);
        yield Float.isFinite(value) ? (Object) value : Float.toString(value);
      }
      case F64 -> {
        double value = Double.longBitsToDouble(bits);
        yield Double.isFinite(value) ? (Object) value : Double.toString(value);
      }
      case FUNCREF, EXTERNREF -> kind.word();
    };
  }
}
