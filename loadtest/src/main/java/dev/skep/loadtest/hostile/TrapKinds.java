package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.TrapKind;
import dev.skep.loadtest.wasm.Code;
import java.util.List;

/** Every trap of the standard, with the standard's message; and what must not trap. */
final class TrapKinds {
  private static final long MIN_I32 = 0x8000_0000L;

  private TrapKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("trap");
    list.traps("unreachable", TrapKind.UNREACHABLE, ":", code().unreachable());
    integers(list);
    conversions(list);
    loads(list);
    tables(list);
    return list.kinds();
  }

  private static void integers(KindList list) {
    int[] divisions = {0x6D, 0x6E, 0x6F, 0x70};
    String[] names = {"div-s", "div-u", "rem-s", "rem-u"};
    for (int i = 0; i < 4; i++) {
      list.traps(
          "i32-" + names[i] + "-by-zero",
          TrapKind.INTEGER_DIVIDE_BY_ZERO,
          ":i",
          code().i32(7).i32(0).op(divisions[i]));
      list.traps(
          "i64-" + names[i] + "-by-zero",
          TrapKind.INTEGER_DIVIDE_BY_ZERO,
          ":I",
          code().i64(7).i64(0).op(divisions[i] + 0x12));
    }
    list.traps(
        "i32-minimum-by-minus-one",
        TrapKind.INTEGER_OVERFLOW,
        ":i",
        code().i32(MIN_I32).i32(-1).op(0x6D));
    list.traps(
        "i64-minimum-by-minus-one",
        TrapKind.INTEGER_OVERFLOW,
        ":I",
        code().i64(Long.MIN_VALUE).i64(-1).op(0x7F));
    list.answers("i32-minimum-rem-minus-one", 0, code().i32(MIN_I32).i32(-1).op(0x6F));
  }

  private static void conversions(KindList list) {
    // i32.trunc_f32_s to i64.trunc_f64_u: 0xA8 to 0xAB and 0xAE to 0xB1, f32 and f64 by pairs.
    int[] operators = {0xA8, 0xA9, 0xAA, 0xAB, 0xAE, 0xAF, 0xB0, 0xB1};
    for (int operator : operators) {
      boolean wide = operator >= 0xAE;
      boolean fromDouble = ((operator - (wide ? 0xAE : 0xA8)) & 2) != 0;
      String type = wide ? ":I" : ":i";
      String name =
          (wide ? "i64" : "i32")
              + "-trunc-"
              + (fromDouble ? "f64" : "f32")
              + ((operator & 1) == 0 ? "-s" : "-u");
      list.traps(
          name + "-of-nan",
          TrapKind.INVALID_CONVERSION,
          type,
          number(Double.NaN, fromDouble).op(operator));
      list.traps(
          name + "-of-infinity",
          TrapKind.INTEGER_OVERFLOW,
          type,
          number(Double.POSITIVE_INFINITY, fromDouble).op(operator));
      list.traps(
          name + "-of-1e30",
          TrapKind.INTEGER_OVERFLOW,
          type,
          number(-1e30, fromDouble).op(operator));
    }
    list.answers("i32-trunc-sat-of-nan", 0, code().f64(Double.NaN).op(0xFC, 2));
    list.answers("i32-trunc-sat-of-1e30", 0x7FFF_FFFFL, code().f64(1e30).op(0xFC, 2));
  }

  private static Code number(double value, boolean wide) {
    return wide ? code().f64(value) : code().f32((float) value);
  }

  private static void loads(KindList list) {
    int[] widths = {1, 2, 4, 8};
    int[] loads = {0x2D, 0x2F, 0x28, 0x29};
    int[] stores = {0x3A, 0x3B, 0x36, 0x37};
    for (int i = 0; i < widths.length; i++) {
      long last = 65_536L - widths[i];
      String result = widths[i] == 8 ? ":I" : ":i";
      for (long at : new long[] {last + 1, 65_537, 0x7FFF_FFFFL, MIN_I32, 0xFFFF_FFFFL}) {
        list.traps(
            "load-" + widths[i] + "-at-" + at,
            TrapKind.OUT_OF_BOUNDS_MEMORY,
            result,
            code().i32(at).op(loads[i], 0).u32(0));
      }
      Code value = code().i32(last + 1);
      list.traps(
          "store-" + widths[i] + "-over-the-end",
          TrapKind.OUT_OF_BOUNDS_MEMORY,
          ":",
          (widths[i] == 8 ? value.i64(1) : value.i32(1)).op(stores[i], 0).u32(0));
      list.calls(
          "load-" + widths[i] + "-at-the-end",
          Regime.RICH,
          HostileOutcome.answered(0),
          result,
          code().i32(last).op(loads[i], 0).u32(0));
    }
    list.traps(
        "load-whose-offset-wraps",
        TrapKind.OUT_OF_BOUNDS_MEMORY,
        ":i",
        code().i32(-1).load32(0xFFFF_FFFFL));
    list.traps(
        "load-offset-past-the-end",
        TrapKind.OUT_OF_BOUNDS_MEMORY,
        ":i",
        code().i32(0).load8(65_536));
    list.traps(
        "load-by-a-negative-index", TrapKind.OUT_OF_BOUNDS_MEMORY, ":i", code().i32(-4).load32(8));
  }

  private static void tables(KindList list) {
    table(list, "indirect-null", HostileOutcome.trapped(TrapKind.UNINITIALIZED_ELEMENT), 3);
    table(list, "indirect-past-the-end", HostileOutcome.trapped(TrapKind.UNDEFINED_ELEMENT), 4);
    table(
        list,
        "indirect-at-2-to-the-31",
        HostileOutcome.trapped(TrapKind.UNDEFINED_ELEMENT),
        MIN_I32);
    table(
        list,
        "indirect-at-all-ones",
        HostileOutcome.trapped(TrapKind.UNDEFINED_ELEMENT),
        0xFFFF_FFFFL);
    table(
        list,
        "indirect-of-another-type",
        HostileOutcome.trapped(TrapKind.INDIRECT_CALL_TYPE_MISMATCH),
        1);
    table(list, "indirect-of-the-type", HostileOutcome.answered(5), 0);
    list.module(
        "indirect-behind-a-set-of-null",
        Regime.RICH,
        HostileOutcome.trapped(TrapKind.UNINITIALIZED_ELEMENT),
        m -> {
          m.table(1);
          int five = m.function(":i", code().i32(5));
          m.elements(code().i32(0), five);
          m.exported(
              F, ":i", code().i32(0).refNull().tableSet(0).i32(0).callIndirect(m.type(":i"), 0));
        });
    list.module(
        "tail-indirect-null",
        Regime.RICH,
        HostileOutcome.trapped(TrapKind.UNINITIALIZED_ELEMENT),
        m -> {
          m.table(1);
          m.exported(F, ":i", code().i32(0).returnCallIndirect(m.type(":i"), 0));
        });
    list.module(
        "tail-indirect-of-another-type",
        Regime.RICH,
        HostileOutcome.trapped(TrapKind.INDIRECT_CALL_TYPE_MISMATCH),
        m -> {
          m.table(1);
          m.elements(code().i32(0), m.function("i:", code()));
          m.exported(F, ":i", code().i32(0).returnCallIndirect(m.type(":i"), 0));
        });
  }

  /** Element 0 is {@code () -> i32}, 1 is {@code (i64) -> i64}, the rest is null. */
  private static void table(KindList list, String name, HostileOutcome outcome, long element) {
    list.module(
        name,
        Regime.RICH,
        outcome,
        m -> {
          m.table(4);
          int five = m.function(":i", code().i32(5));
          int other = m.function("I:I", code().get(0));
          m.elements(code().i32(0), five, other);
          m.exported(F, ":i", code().i32(element).callIndirect(m.type(":i"), 0));
        });
  }
}
