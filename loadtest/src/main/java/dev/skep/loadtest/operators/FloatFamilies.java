package dev.skep.loadtest.operators;

import static dev.skep.loadtest.operators.OperatorGuest.f32;
import static dev.skep.loadtest.operators.OperatorGuest.f64;
import static dev.skep.loadtest.operators.OperatorGuest.i32;
import static dev.skep.loadtest.operators.OperatorGuest.i64;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.operators.OperatorGuest.Step;
import java.util.ArrayList;
import java.util.List;

/** Operators on floating-point numbers, and conversions to and from them (core spec 4.3.3). */
final class FloatFamilies {
  private static final float ODD_32 = 1_234.567f;
  private static final double ODD_64 = 1_234.567_890_123;

  private final List<OperatorFamily> all = new ArrayList<>();

  private FloatFamilies() {}

  static List<OperatorFamily> all() {
    FloatFamilies families = new FloatFamilies();
    families.arithmetic();
    families.divisions();
    families.subnormals();
    families.rounding();
    families.others();
    families.truncations();
    families.conversions();
    return families.all;
  }

  private void add(String key, String what, int stepUnits, Step step) {
    all.add(new OperatorGuest().family(key, what, Kind.OPERATOR, stepUnits, step));
  }

  private void binary32(String key, String what, int... operators) {
    add(key, what, OperatorGuest.BINARY_UNITS, Step.binary(OperatorGuest::f32, operators));
  }

  private void binary64(String key, String what, int... operators) {
    add(key, what, OperatorGuest.BINARY_UNITS, Step.binary(OperatorGuest::f64, operators));
  }

  /** {@code a = op(a + constant)}. */
  private void unary32(String key, String what, int... operators) {
    add(
        key,
        what,
        5,
        (code, k) ->
            code.get(f32(k)).f32(ODD_32).op(0x92, operators[k % operators.length]).set(f32(k)));
  }

  private void unary64(String key, String what, int... operators) {
    add(
        key,
        what,
        5,
        (code, k) ->
            code.get(f64(k)).f64(ODD_64).op(0xA0, operators[k % operators.length]).set(f64(k)));
  }

  private void arithmetic() {
    binary32("f32_add_mul", "f32 add, sub, mul", 0x92, 0x94, 0x93);
    binary64("f64_add_mul", "f64 add, sub, mul", 0xA0, 0xA2, 0xA1);
    unary32("f32_sqrt", "f32.sqrt", 0x91);
    unary64("f64_sqrt", "f64.sqrt", 0x9F);
  }

  /** Numbers below the least normal one, which some processors take much longer for. */
  private void subnormals() {
    add(
        "f32_subnormal",
        "f32 add, mul of subnormal numbers",
        6,
        (code, k) -> code.get(f32(k)).f32(0.5f).op(0x94).f32(1e-40f).op(0x92).set(f32(k)));
    add(
        "f64_subnormal",
        "f64 add, mul of subnormal numbers",
        6,
        (code, k) -> code.get(f64(k)).f64(0.5).op(0xA2).f64(1e-310).op(0xA0).set(f64(k)));
  }

  /** {@code a = constant / a}. */
  private void divisions() {
    add("f32_div", "f32.div", 4, (code, k) -> code.f32(ODD_32).get(f32(k)).op(0x95).set(f32(k)));
    add("f64_div", "f64.div", 4, (code, k) -> code.f64(ODD_64).get(f64(k)).op(0xA3).set(f64(k)));
  }

  private void rounding() {
    unary32("f32_ceil", "f32 ceil, floor", 0x8D, 0x8E);
    unary32("f32_trunc", "f32.trunc", 0x8F);
    unary32("f32_nearest", "f32.nearest", 0x90);
    unary64("f64_ceil", "f64 ceil, floor", 0x9B, 0x9C);
    unary64("f64_trunc", "f64.trunc", 0x9D);
    unary64("f64_nearest", "f64.nearest", 0x9E);
  }

  private void others() {
    binary32("f32_min", "f32 min, max", 0x96, 0x97);
    binary64("f64_min", "f64 min, max", 0xA4, 0xA5);
    unary32("f32_sign", "f32 abs, neg", 0x8B, 0x8C);
    unary64("f64_sign", "f64 abs, neg", 0x99, 0x9A);
    binary32("f32_copysign", "f32.copysign", 0x98);
    binary64("f64_copysign", "f64.copysign", 0xA6);
    // a = a op b ? a : b
    add(
        "f32_compare",
        "f32 comparisons",
        7,
        (code, k) ->
            code.get(f32(k))
                .get(f32(k + 1))
                .get(f32(k))
                .get(f32(k + 1))
                .op(0x5B + k % 6, 0x1B)
                .set(f32(k)));
    add(
        "f64_compare",
        "f64 comparisons",
        7,
        (code, k) ->
            code.get(f64(k))
                .get(f64(k + 1))
                .get(f64(k))
                .get(f64(k + 1))
                .op(0x61 + k % 6, 0x1B)
                .set(f64(k)));
  }

  /** To an integer and back: {@code a = float(integer(a)) + 1.5}; stays small for any run. */
  private void truncations() {
    for (String width : List.of("i32", "i64")) {
      int base = width.equals("i32") ? 0xA8 : 0xAE;
      int saturating = width.equals("i32") ? 0 : 4;
      for (int unsigned = 0; unsigned < 2; unsigned++) {
        int u = unsigned;
        String sign = u == 0 ? "s" : "u";
        add(
            width + "_trunc_" + sign,
            width + ".trunc_f32_" + sign + ", trunc_f64_" + sign,
            12,
            (code, k) -> {
              code.get(f32(k)).op(base + u).op(width.equals("i32") ? 0xB2 : 0xB4);
              code.f32(0.9f).op(0x92).set(f32(k));
              code.get(f64(k)).op(base + 2 + u).op(width.equals("i32") ? 0xB7 : 0xB9);
              code.f64(0.9).op(0xA0).set(f64(k));
            });
        add(
            width + "_trunc_sat_" + sign,
            width + ".trunc_sat_f32_" + sign + ", trunc_sat_f64_" + sign,
            12,
            (code, k) -> {
              code.get(f32(k)).op(0xFC, saturating + u).op(width.equals("i32") ? 0xB2 : 0xB4);
              code.f32(0.9f).op(0x92).set(f32(k));
              code.get(f64(k)).op(0xFC, saturating + 2 + u).op(width.equals("i32") ? 0xB7 : 0xB9);
              code.f64(0.9).op(0xA0).set(f64(k));
            });
      }
    }
  }

  private void conversions() {
    add(
        "f32_convert_i32",
        "f32.convert_i32_s, _u; i32.reinterpret_f32",
        6,
        (code, k) -> code.get(i32(k)).op(0xB2 + k % 2, 0xBC).get(i32(k + 1)).op(0x6A).set(i32(k)));
    add(
        "f64_convert_i64_s",
        "f64.convert_i64_s, i64.reinterpret_f64",
        6,
        (code, k) -> code.get(i64(k)).op(0xB9, 0xBD).get(i64(k + 1)).op(0x7C).set(i64(k)));
    add(
        "f32_convert_i64_u",
        "f32.convert_i64_u, i32.reinterpret_f32, i64.extend_i32_s",
        7,
        (code, k) -> code.get(i64(k)).op(0xB5, 0xBC, 0xAC).get(i64(k + 1)).op(0x7C).set(i64(k)));
    add(
        "f64_convert_i64_u",
        "f64.convert_i64_u, i64.reinterpret_f64",
        6,
        (code, k) -> code.get(i64(k)).op(0xBA, 0xBD).get(i64(k + 1)).op(0x7C).set(i64(k)));
    add(
        "reinterpret",
        "f64.reinterpret_i64, i64.reinterpret_f64",
        7,
        (code, k) -> code.get(f64(k)).op(0xBD).get(f64(k + 1)).op(0xBD, 0x7C, 0xBF).set(f64(k)));
    add(
        "promote",
        "f32.demote_f64, f64.promote_f32",
        6,
        (code, k) -> code.get(f64(k)).op(0xB6, 0xBB).get(f64(k + 1)).op(0xA0).set(f64(k)));
  }
}
