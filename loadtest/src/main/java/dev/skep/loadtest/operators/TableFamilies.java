package dev.skep.loadtest.operators;

import static dev.skep.loadtest.operators.OperatorGuest.REFERENCE;
import static dev.skep.loadtest.operators.OperatorGuest.i32;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.operators.OperatorGuest.Step;
import dev.skep.loadtest.wasm.Code;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** References and tables (core spec 4.4.3, 4.4.6). */
final class TableFamilies {
  private static final int ELEMENTS = 8_192;
  private static final int MOST_ELEMENTS = 16_384;

  private final List<OperatorFamily> all = new ArrayList<>();

  private TableFamilies() {}

  static List<OperatorFamily> all() {
    TableFamilies families = new TableFamilies();
    families.references();
    families.elements();
    families.sizes();
    families.bulk(0, Kind.OPERATOR, "of nothing");
    families.bulk(4, Kind.OPERATOR, "of 4 elements");
    families.bulk(ELEMENTS / 2, Kind.BULK, "of 4,096 elements");
    return families.all;
  }

  private void add(OperatorGuest guest, String key, String what, int stepUnits, Step step) {
    all.add(guest.family(key, what, Kind.OPERATOR, stepUnits, step));
  }

  /** A function, number 0, and a table. */
  private static OperatorGuest guest() {
    OperatorGuest guest = new OperatorGuest();
    int function = guest.module().function(":", new Code());
    var _ = guest.module().table(ELEMENTS, MOST_ELEMENTS);
    int[] segment = new int[ELEMENTS / 2];
    Arrays.fill(segment, function);
    guest.module().elements(code().i32(0), function, function, function, function);
    guest.module().passiveElements(segment);
    return guest;
  }

  private void references() {
    add(
        guest(),
        "references",
        "ref.null, ref.func, ref.is_null",
        8,
        (code, k) ->
            code.refFunc(0)
                .refNull()
                .get(i32(k))
                .op(0x1C, 1, 0x70)
                .isNull()
                .get(i32(k + 1))
                .add()
                .set(i32(k)));
  }

  private void elements() {
    int mask = ELEMENTS - 1;
    add(
        guest(),
        "table_get",
        "table.get",
        8,
        (code, k) ->
            code.get(i32(k))
                .i32(mask)
                .op(0x71)
                .tableGet(0)
                .isNull()
                .get(i32(k + 1))
                .add()
                .set(i32(k)));
    add(
        guest(),
        "table_set",
        "table.set",
        8,
        (code, k) ->
            code.get(i32(k))
                .get(i32(k + 1))
                .add()
                .tee(i32(k))
                .i32(mask)
                .op(0x71)
                .refFunc(0)
                .tableSet(0));
    add(
        guest(),
        "table_get_set",
        "table.get, table.set",
        7,
        (code, k) ->
            code.i32(k).get(i32(k)).i32(mask).op(0x71).tableGet(0).tee(REFERENCE).tableSet(0));
  }

  private void sizes() {
    add(
        guest(),
        "table_size",
        "table.size",
        4,
        (code, k) -> code.tableSize(0).get(i32(k)).add().set(i32(k)));
    add(
        guest(),
        "table_grow_0",
        "table.grow by nothing",
        6,
        (code, k) -> code.refNull().i32(0).tableGrow(0).get(i32(k)).add().set(i32(k)));
    OperatorGuest refused = new OperatorGuest();
    var _ = refused.module().table(1, 1);
    add(
        refused,
        "table_grow_refused",
        "table.grow, refused",
        6,
        (code, k) -> code.refNull().i32(1).tableGrow(0).get(i32(k)).add().set(i32(k)));
    add(guest(), "elem_drop", "elem.drop", 1, (code, k) -> code.elemDrop(1));
  }

  private void bulk(int length, Kind kind, String what) {
    int units = 4 + length;
    int steps = kind == Kind.BULK ? 4 : 16;
    all.add(
        guest()
            .steps(steps)
            .family(
                "table_fill_" + length,
                "table.fill " + what,
                kind,
                units,
                (code, k) -> code.i32(k).refFunc(0).i32(length).tableFill(0)));
    all.add(
        guest()
            .steps(steps)
            .family(
                "table_copy_" + length,
                "table.copy " + what,
                kind,
                units,
                (code, k) -> code.i32(ELEMENTS / 2).i32(k).i32(length).tableCopy(0, 0)));
    all.add(
        guest()
            .steps(steps)
            .family(
                "table_init_" + length,
                "table.init " + what,
                kind,
                units,
                (code, k) -> code.i32(k).i32(0).i32(length).tableInit(1, 0)));
  }
}
