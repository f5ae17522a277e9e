package dev.skep.loadtest.operators;

import static dev.skep.loadtest.operators.OperatorGuest.f64;
import static dev.skep.loadtest.operators.OperatorGuest.i32;
import static dev.skep.loadtest.operators.OperatorGuest.i64;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.operators.OperatorGuest.Step;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.ArrayList;
import java.util.List;

/** Blocks, branches, calls and globals (core spec 4.4.5, 4.4.8, 4.4.10). */
final class ControlFamilies {
  private static final int TARGETS = 8;

  /** {@code fib(10)} calls itself 176 times. */
  private static final int FIB_OF = 10;

  private final List<OperatorFamily> all = new ArrayList<>();

  private ControlFamilies() {}

  static List<OperatorFamily> all() {
    ControlFamilies families = new ControlFamilies();
    families.globals();
    families.branches();
    families.calls();
    families.indirectCalls();
    families.recursion();
    return families.all;
  }

  private void add(OperatorGuest guest, String key, String what, int stepUnits, Step step) {
    all.add(guest.family(key, what, Kind.OPERATOR, stepUnits, step));
  }

  private void globals() {
    global("i32", ModuleWriter.I32, code().i32(3), 0x6A);
    global("i64", ModuleWriter.I64, code().i64(3), 0x7C);
    global("f64", 0x7C, code().f64(1.5), 0xA0);
  }

  private void global(String type, int code, Code init, int add) {
    OperatorGuest guest = new OperatorGuest();
    for (int i = 0; i < 4; i++) {
      var _ = guest.module().global(code, true, init);
    }
    add(
        guest,
        "global_" + type,
        "global.get, global.set of " + type,
        4,
        (out, k) -> out.globalGet(k % 4).globalGet((k + 1) % 4).op(add).globalSet(k % 4));
  }

  private void branches() {
    add(
        new OperatorGuest(),
        "br",
        "block, br",
        5,
        (code, k) -> code.block().get(i32(k)).get(i32(k + 1)).add().set(i32(k)).br(0).end());
    // One of the two additions, as chance will have it: 4 and 4, 4 or 0.
    add(
        new OperatorGuest(),
        "br_if",
        "br_if by chance",
        0,
        (code, k) -> {
          code.get(i32(k)).get(i32(k + 1)).add().set(i32(k));
          code.block().get(i32(k)).i32(0x1000).op(0x71).brIf(0);
          code.get(i32(k + 1)).i32(1).op(0x77).set(i32(k + 1)).end();
        });
    add(
        new OperatorGuest(),
        "if",
        "if, else by chance",
        11,
        (code, k) -> {
          code.get(i32(k)).get(i32(k + 1)).add().tee(i32(k)).i32(0x1000).op(0x71);
          code.when().get(i32(k + 1)).i32(1).op(0x77).set(i32(k + 1)).orElse();
          code.get(i32(k + 2)).i32(3).op(0x73).set(i32(k + 2)).end();
        });
    add(
        new OperatorGuest().steps(8),
        "br_table",
        "br_table of 8 by chance",
        0,
        (code, k) -> {
          code.repeat(TARGETS, Code::block);
          code.get(i32(k))
              .get(i32(k + 1))
              .add()
              .tee(i32(k))
              .i32(20)
              .op(0x76)
              .i32(TARGETS - 1)
              .op(0x71);
          code.op(0x0E).u32(TARGETS - 1);
          for (int target = 0; target < TARGETS; target++) {
            code.u32(target);
          }
          for (int target = 0; target < TARGETS - 1; target++) {
            code.end().get(i32(k + 1)).i32(3 + target).op(0x77 - target % 2 * 4).set(i32(k + 1));
            code.br(TARGETS - 2 - target);
          }
          code.end();
        });
    OperatorGuest pairs = new OperatorGuest();
    int pair = pairs.module().type("ii:ii");
    add(
        pairs,
        "multi_value",
        "blocks of two parameters and results",
        6,
        (code, k) ->
            code.get(i32(k))
                .get(i32(k + 1))
                .op(0x02)
                .u32(pair)
                .get(i32(k + 2))
                .add()
                .end()
                .set(i32(k))
                .set(i32(k + 1)));
  }

  private void calls() {
    OperatorGuest empty = new OperatorGuest();
    int nothing = empty.module().function(":", new Code());
    add(empty, "call_empty", "call of an empty function", 2, (code, k) -> code.call(nothing));
    OperatorGuest small = new OperatorGuest();
    int add = small.module().function("ii:i", code().get(0).get(1).add());
    add(
        small,
        "call",
        "call of a small function",
        8,
        (code, k) -> code.get(i32(k)).get(i32(k + 1)).call(add).set(i32(k)));
    OperatorGuest two = new OperatorGuest();
    int pair = two.module().function("i:ii", code().get(0).get(0).i32(7).add());
    add(
        two,
        "call_results",
        "call with two results",
        9,
        (code, k) -> code.get(i32(k)).call(pair).set(i32(k)).set(i32(k + 1)));
    OperatorGuest wide = new OperatorGuest();
    int many =
        wide.module().function("iIFiIF:I", code().get(1).get(4).op(0x7C).get(0).op(0xAC, 0x7C));
    add(
        wide,
        "call_wide",
        "call with six parameters",
        15,
        (code, k) ->
            code.get(i32(k))
                .get(i64(k))
                .get(f64(k))
                .get(i32(k + 1))
                .get(i64(k + 1))
                .get(f64(k + 1))
                .call(many)
                .set(i64(k)));
  }

  /** Functions that each do something else with their two numbers, in a table. */
  private static OperatorGuest withTable() {
    OperatorGuest guest = new OperatorGuest();
    int[] functions = new int[TARGETS];
    for (int i = 0; i < TARGETS; i++) {
      functions[i] = guest.module().function("ii:i", code().get(0).get(1).op(0x6A + i % 2));
    }
    var _ = guest.module().table(TARGETS);
    guest.module().elements(code().i32(0), functions);
    return guest;
  }

  private void indirectCalls() {
    OperatorGuest one = withTable();
    int type = one.module().type("ii:i");
    add(
        one,
        "call_indirect_one",
        "call_indirect of one function",
        9,
        (code, k) -> code.get(i32(k)).get(i32(k + 1)).i32(3).callIndirect(type, 0).set(i32(k)));
    OperatorGuest eight = withTable();
    int same = eight.module().type("ii:i");
    add(
        eight,
        "call_indirect_many",
        "call_indirect of eight functions by chance",
        13,
        (code, k) ->
            code.get(i32(k))
                .get(i32(k + 1))
                .get(i32(k + 2))
                .i32(20)
                .op(0x76)
                .i32(TARGETS - 1)
                .op(0x71)
                .callIndirect(same, 0)
                .set(i32(k)));
  }

  private void recursion() {
    OperatorGuest guest = new OperatorGuest();
    int self = guest.module().nextFunction();
    Code fib = code().get(0).i32(2).op(0x48).op(0x04, 0x7F).get(0).orElse();
    fib.get(0).i32(1).op(0x6B).call(self).get(0).i32(2).op(0x6B).call(self).add().end();
    var _ = guest.module().function("i:i", fib);
    add(
        guest.steps(4),
        "recursion",
        "recursion: fib(" + FIB_OF + ")",
        0,
        (code, k) -> code.i32(FIB_OF).call(self).get(i32(k)).add().set(i32(k)));
  }
}
