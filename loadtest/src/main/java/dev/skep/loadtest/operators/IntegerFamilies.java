package dev.skep.loadtest.operators;

import static dev.skep.loadtest.operators.OperatorGuest.i32;
import static dev.skep.loadtest.operators.OperatorGuest.i64;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.operators.OperatorGuest.Step;
import java.util.ArrayList;
import java.util.List;

/** Constants, locals, and the operators on integers (core spec 4.3.2). */
final class IntegerFamilies {
  /** Long dividends, so that quotients are long too. */
  private static final int DIVIDEND_32 = 0x7654_3211;

  private static final long DIVIDEND_64 = 0x7654_3210_FEDC_BA91L;

  private final List<OperatorFamily> all = new ArrayList<>();

  private IntegerFamilies() {}

  static List<OperatorFamily> all() {
    IntegerFamilies families = new IntegerFamilies();
    families.locals();
    families.arithmetic();
    families.divisions();
    families.comparisons();
    families.conversions();
    return families.all;
  }

  private void add(String key, String what, int stepUnits, Step step) {
    all.add(new OperatorGuest().family(key, what, Kind.OPERATOR, stepUnits, step));
  }

  /** {@code a = a op b}, with the operators in turn. */
  private void binary32(String key, String what, int... operators) {
    add(key, what, OperatorGuest.BINARY_UNITS, Step.binary(OperatorGuest::i32, operators));
  }

  private void binary64(String key, String what, int... operators) {
    add(key, what, OperatorGuest.BINARY_UNITS, Step.binary(OperatorGuest::i64, operators));
  }

  /** {@code a = op(a) + b}. */
  private void unary32(String key, String what, int... operators) {
    add(
        key,
        what,
        5,
        (code, k) ->
            code.get(i32(k)).op(operators[k % operators.length]).get(i32(k + 1)).add().set(i32(k)));
  }

  private void unary64(String key, String what, int... operators) {
    add(
        key,
        what,
        5,
        (code, k) ->
            code.get(i64(k))
                .op(operators[k % operators.length])
                .get(i64(k + 1))
                .op(0x7C)
                .set(i64(k)));
  }

  private void locals() {
    add(
        "locals",
        "constants, locals, drop, select",
        6,
        (code, k) ->
            code.get(i32(k)).drop().i32(k).get(i32(k + 1)).get(i32(k + 2)).op(0x1B).set(i32(k)));
  }

  private void arithmetic() {
    binary32("i32_logic", "i32 add, sub, logic, shift, rotate", 0x6A, 0x77, 0x73, 0x6B, 0x74, 0x72);
    binary64("i64_logic", "i64 add, sub, logic, shift, rotate", 0x7C, 0x89, 0x85, 0x7D, 0x86, 0x84);
    binary32("i32_mul", "i32.mul", 0x6C);
    binary64("i64_mul", "i64.mul", 0x7E);
    unary32("i32_count", "i32 clz, ctz, popcnt", 0x67, 0x68, 0x69);
    unary64("i64_count", "i64 clz, ctz, popcnt", 0x79, 0x7A, 0x7B);
  }

  /** {@code a = dividend op (a | 1)}; the quotient is as long as can be. */
  private void divisions() {
    String[] names = {"div_s", "div_u", "rem_s", "rem_u"};
    for (int i = 0; i < names.length; i++) {
      int operator32 = 0x6D + i;
      int operator64 = 0x7F + i;
      add(
          "i32_" + names[i],
          "i32." + names[i],
          6,
          (code, k) ->
              code.i32(DIVIDEND_32).get(i32(k)).i32(1).op(0x72).op(operator32).set(i32(k)));
      add(
          "i64_" + names[i],
          "i64." + names[i],
          6,
          (code, k) ->
              code.i64(DIVIDEND_64).get(i64(k)).i64(1).op(0x84).op(operator64).set(i64(k)));
    }
  }

  /** {@code a = (a op b) + c}. */
  private void comparisons() {
    add(
        "i32_compare",
        "i32 comparisons, eqz",
        7,
        (code, k) ->
            code.get(i32(k))
                .get(i32(k + 1))
                .op(0x46 + k % 10)
                .op(0x45)
                .get(i32(k + 2))
                .add()
                .set(i32(k)));
    add(
        "i64_compare",
        "i64 comparisons, eqz",
        8,
        (code, k) ->
            code.get(i64(k))
                .get(i64(k + 1))
                .op(0x51 + k % 10)
                .op(0x45, 0xAD)
                .get(i64(k + 2))
                .op(0x7C)
                .set(i64(k)));
  }

  private void conversions() {
    unary32("i32_extend", "i32.extend8_s, extend16_s", 0xC0, 0xC1);
    unary64("i64_extend", "i64.extend8_s, extend16_s, extend32_s", 0xC2, 0xC3, 0xC4);
    add(
        "wrap",
        "i32.wrap_i64, i64.extend_i32_s, i64.extend_i32_u",
        6,
        (code, k) -> code.get(i64(k)).op(0xA7, 0xAC + k % 2).get(i64(k + 1)).op(0x7C).set(i64(k)));
  }
}
