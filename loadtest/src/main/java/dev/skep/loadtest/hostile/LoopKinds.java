package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Loops of every shape, each ended by fuel and by its deadline. What is free must not be endless:
 * {@code loop br 0} costs by its branch alone.
 */
final class LoopKinds {
  private static final String VOID = ":";

  private LoopKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("loop");
    Map<String, Consumer<ModuleWriter>> shapes = new LinkedHashMap<>();
    branches(shapes);
    around(shapes);
    calls(shapes);
    shapes.forEach((name, module) ->
        list.module(name + "-by-fuel", Regime.SMALL, HostileOutcome.limited(LimitKind.FUEL), module)
            .module(
                name + "-by-deadline",
                Regime.DEADLINE,
                HostileOutcome.limited(LimitKind.DEADLINE),
                module));
    return list.kinds();
  }

  private static Consumer<ModuleWriter> guest(Code body) {
    return m -> {
      m.memory(1);
      m.table(4);
      m.global(ModuleWriter.I32, true, code().i32(0));
      m.export(F, ModuleWriter.FUNCTION, m.function(VOID, 2, ModuleWriter.I32, body));
    };
  }

  /** {@code body} again and again. */
  private static Consumer<ModuleWriter> forever(Code body) {
    Code loop = code().loop();
    loop.sink().raw(body.sink());
    return guest(loop.br(0).end());
  }

  private static void branches(Map<String, Consumer<ModuleWriter>> shapes) {
    shapes.put("br", guest(code().loop().br(0).end()));
    shapes.put("br-if", guest(code().loop().i32(1).brIf(0).end()));
    shapes.put("br-table", guest(code().loop().i32(7).brTable(1, 0).end()));
    shapes.put("br-table-wide", guest(code().loop().i32(999).brTable(1_000, 0).end()));
    shapes.put("br-to-outer", guest(code().loop().loop().br(1).end().end()));
    shapes.put(
        "br-to-outermost-of-100",
        guest(code().repeat(100, Code::loop).br(99).repeat(100, Code::end)));
    shapes.put("inner-loop-ends", guest(code().loop().loop().i32(0).brIf(0).end().br(0).end()));
    shapes.put("through-block", guest(code().loop().block().br(0).end().br(0).end()));
    shapes.put("from-within-blocks", guest(code().loop().block().block().br(2).end().end().end()));
    shapes.put("through-if", guest(code().loop().i32(1).when().br(1).end().end()));
    shapes.put("through-else", guest(code().loop().i32(0).when().orElse().br(1).end().end()));
    // loop (result i32) i32.const 1; drop; br 0; end; drop
    shapes.put("with-result", guest(code().op(0x03, 0x7F).i32(1).drop().br(0).end().drop()));
    shapes.put(
        "with-parameter",
        m -> {
          int type = m.type("i:i");
          Code body = code().i32(0).op(0x03).u32(type).i32(1).add().br(0).end().drop();
          m.exported(F, VOID, body);
        });
    // Two local variables that a compiler could take for a counted loop without an end check.
    shapes.put(
        "counted-to-the-end-and-again",
        guest(code().loop().get(0).i32(1).add().tee(0).brIf(0).br(0).end()));
    shapes.put("unreachable-behind", guest(code().loop().br(0).unreachable().end().unreachable()));
    shapes.put("nothing-but-nops", guest(code().loop().repeat(50, c -> c.op(0x01)).br(0).end()));
  }

  private static void around(Map<String, Consumer<ModuleWriter>> shapes) {
    shapes.put("load", forever(code().i32(8).load32(0).drop()));
    shapes.put("store", forever(code().i32(8).i32(1).store32(0)));
    shapes.put("global", forever(code().globalGet(0).i32(1).add().globalSet(0)));
    shapes.put("select", forever(code().i32(1).i32(2).i32(3).op(0x1B).drop()));
    shapes.put("divide", forever(code().i64(-1).i64(3).op(0x7F).drop()));
    shapes.put("square-root", forever(code().f64(2).op(0x9F).drop()));
    shapes.put("table-get-set", forever(code().i32(0).i32(1).tableGet(0).tableSet(0)));
    shapes.put("table-size", forever(code().tableSize(0).drop()));
    shapes.put("memory-size", forever(code().memorySize(0).drop()));
    shapes.put("memory-grow-nothing", forever(code().i32(0).memoryGrow(0).drop()));
    shapes.put("memory-grow-refused", forever(code().i32(65_536).memoryGrow(0).drop()));
    shapes.put("memory-fill-nothing", forever(code().i32(0).i32(0).i32(0).memoryFill(0)));
    shapes.put("memory-fill-a-page", forever(code().i32(0).i32(9).i32(65_536).memoryFill(0)));
    shapes.put("memory-copy-a-page", forever(code().i32(0).i32(0).i32(65_536).memoryCopy(0, 0)));
    shapes.put("table-grow-nothing", forever(code().refNull().i32(0).tableGrow(0).drop()));
    shapes.put("table-grow-refused", forever(code().refNull().i32(-1).tableGrow(0).drop()));
    shapes.put("table-fill", forever(code().i32(0).refNull().i32(4).tableFill(0)));
    shapes.put("table-copy", forever(code().i32(0).i32(1).i32(3).tableCopy(0, 0)));
  }

  private static void calls(Map<String, Consumer<ModuleWriter>> shapes) {
    shapes.put(
        "call",
        m -> {
          int nothing = m.function(VOID, code());
          m.exported(F, VOID, code().loop().call(nothing).br(0).end());
        });
    shapes.put(
        "call-indirect",
        m -> {
          m.table(1);
          int nothing = m.function(VOID, code());
          m.elements(code().i32(0), nothing);
          m.exported(F, VOID, code().loop().i32(0).callIndirect(m.type(VOID), 0).br(0).end());
        });
    shapes.put(
        "recursion-bounded-by-fuel",
        m -> {
          // Down by 20 and back, twice at each: 2^20 calls a time.
          int self = m.nextFunction();
          m.function(
              "i:", code().get(0).when().repeat(2, c -> c.get(0).i32(-1).add().call(self)).end());
          m.exported(F, VOID, code().loop().i32(20).call(self).br(0).end());
        });
    host(shapes, "sched_yield", ":i", code());
    host(shapes, "random_get", "ii:i", code().i32(0).i32(0));
    host(shapes, "clock_time_get", "iIi:i", code().i32(1).i64(0).i32(8));
    host(shapes, "fd_write", "iiii:i", code().i32(1).i32(0).i32(0).i32(8));
    host(shapes, "args_sizes_get", "ii:i", code().i32(0).i32(4));
  }

  private static void host(
      Map<String, Consumer<ModuleWriter>> shapes, String function, String type, Code arguments) {
    shapes.put(
        "host-" + function.replace('_', '-'),
        m -> {
          int host = m.importWasi(function, type);
          m.memory(1);
          Code loop = code().loop();
          loop.sink().raw(arguments.sink());
          m.exported(F, VOID, loop.call(host).drop().br(0).end());
        });
  }
}
