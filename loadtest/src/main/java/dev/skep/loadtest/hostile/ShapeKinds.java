package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;
import java.util.function.Consumer;

/**
 * Modules that are large in one way: at a limit they run and answer right, past it they are refused
 * before anything is allocated for them.
 */
final class ShapeKinds {
  private static final int NOP = 0x01;

  private ShapeKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("shape");
    control(list);
    locals(list);
    counts(list);
    bytes(list);
    claims(list);
    return list.kinds();
  }

  private static void control(KindList list) {
    list.answers("br-table-of-10000", 1, code().block().i32(9_999).brTable(10_000, 0).end().i32(1));
    list.refused("br-table-of-10001", Reason.LIMIT, table(10_001));
    list.refused("br-table-of-a-million", Reason.LIMIT, table(1_000_000));
    list.refusedModule(
        "br-table-that-claims-2-to-the-31",
        Reason.MALFORMED,
        m -> m.exported(F, ":", code().i32(0).op(0x0E).u32(1L << 31).u32(0)));
    list.answers("blocks-nested-490", 3, nested(490, Code::block));
    list.refused("blocks-nested-501", Reason.LIMIT, KindList.guest(":i", nested(501, Code::block)));
    list.refused(
        "blocks-nested-50000", Reason.LIMIT, KindList.guest(":i", nested(50_000, Code::block)));
    list.refused(
        "loops-nested-50000", Reason.LIMIT, KindList.guest(":i", nested(50_000, Code::loop)));
    list.refused(
        "ifs-nested-50000",
        Reason.LIMIT,
        KindList.guest(":i", nested(50_000, c -> c.i32(1).when())));
    list.answers("blocks-one-behind-another", 3, code().repeat(5_000, c -> c.block().end()).i32(3));
    list.answers(
        "ifs-one-behind-another", 3, code().repeat(1_000, c -> c.i32(1).when().end()).i32(3));
    list.answers(
        "operands-1000-open", 1_000, code().repeat(1_000, c -> c.i32(1)).repeat(999, Code::add));
    list.refusedModule(
        "select-of-2000-types",
        Reason.INVALID,
        m -> {
          Code body = code().i32(1).i32(2).i32(3).op(0x1C).u32(2_000);
          m.exported(F, ":i", body.repeat(2_000, c -> c.op(ModuleWriter.I32)));
        });
  }

  private static java.util.function.Supplier<byte[]> table(int targets) {
    return KindList.written(
        m -> m.exported(F, ":", code().block().i32(0).brTable(targets, 0).end()));
  }

  private static Code nested(int depth, java.util.function.UnaryOperator<Code> open) {
    return code().repeat(depth, open).repeat(depth, Code::end).i32(3);
  }

  private static void locals(KindList list) {
    list.module(
        "locals-5000",
        Regime.RICH,
        HostileOutcome.answered(7),
        m ->
            m.export(
                F,
                ModuleWriter.FUNCTION,
                m.function(
                    ":i", 5_000, ModuleWriter.I64, code().i64(7).set(4_999).get(4_999).op(0xA7))));
    list.refusedModule("locals-5001", Reason.LIMIT, m -> withLocals(m, 1, 5_001));
    list.refusedModule(
        "locals-50000-in-2000-functions",
        Reason.LIMIT,
        m -> {
          withLocals(m, 2_000, 50_000);
        });
    list.refusedModule(
        "locals-5000-in-101-functions",
        Reason.LIMIT,
        m -> {
          withLocals(m, 101, 5_000);
        });
    list.refusedModule("locals-all-ones", Reason.LIMIT, m -> withLocals(m, 1, 0xFFFF_FFFFL));
    list.refusedModule(
        "locals-2000-times-50000-in-8-kilobytes",
        Reason.LIMIT,
        m -> {
          groups(m, 2_000, 50_000);
        });
    list.refusedModule(
        "locals-whose-sum-overflows",
        Reason.LIMIT,
        m -> {
          groups(m, 2, 0xFFFF_FFFFL);
        });
    list.module(
        "locals-in-groups-of-none",
        Regime.RICH,
        HostileOutcome.answered(),
        m -> groups(m, 10_000, 0));
  }

  private static void withLocals(ModuleWriter m, int functions, long locals) {
    for (int i = 0; i < functions; i++) {
      m.function(":", locals, ModuleWriter.I32, code());
    }
  }

  private static void groups(ModuleWriter m, int groups, long each) {
    ByteSink body = new ByteSink().u32(groups);
    for (int i = 0; i < groups; i++) {
      body.u32(each).raw(ModuleWriter.I32);
    }
    m.export(F, ModuleWriter.FUNCTION, m.rawFunction(":", body.raw(0x0B)));
  }

  private static void times(int count, Runnable step) {
    for (int i = 0; i < count; i++) {
      step.run();
    }
  }

  private static void counts(KindList list) {
    atAndPast(list, "types", 10_000, (m, n) -> times(n, () -> m.anotherType("i:i")));
    atAndPast(
        list,
        "globals",
        10_000,
        (m, n) -> times(n, () -> m.global(ModuleWriter.I64, true, code().i64(1))));
    atAndPast(
        list,
        "exports",
        9_999,
        (m, n) -> {
          int function = m.function(":", code());
          for (int i = 0; i < n; i++) {
            m.export("e" + i, ModuleWriter.FUNCTION, function);
          }
        },
        10_001);
    atAndPast(list, "imports", 1_000, (m, n) -> times(n, () -> m.importWasi("sched_yield", ":i")));
    atAndPast(
        list,
        "data-segments",
        50_000,
        (m, n) -> {
          m.memory(1);
          times(n, () -> m.data(code().i32(0), new byte[0]));
        });
    atAndPast(
        list,
        "element-segments",
        50_000,
        (m, n) -> {
          m.table(1);
          times(n, () -> m.elements(code().i32(0)));
        });
    atAndPast(
        list,
        "elements",
        100_000,
        (m, n) -> {
          int function = m.function(":", code());
          m.passiveElements(new int[n / 2]);
          m.passiveElements(new int[n - n / 2]);
          m.export("nothing", ModuleWriter.FUNCTION, function);
        });
    list.module(
        "functions-3000",
        Regime.RICH,
        HostileOutcome.answered(),
        m -> {
          times(2_999, () -> m.function(":", code()));
          m.exported(F, ":", code().call(2_998));
        });
    list.refusedModule(
        "functions-50001", Reason.LIMIT, m -> times(50_001, () -> m.function(":", code())));
    list.refusedModule(
        "custom-sections-100000",
        Reason.LIMIT,
        m -> {
          m.exported(F, ":", code());
          times(100_000, () -> m.custom("c", new byte[0]));
        });
    list.module(
        "parameters-125-of-two-words",
        Regime.RICH,
        HostileOutcome.answered(),
        m -> {
          m.type("I".repeat(125) + ":");
          m.exported(F, ":", code());
        });
    list.refusedModule("parameters-251", Reason.LIMIT, m -> m.type("i".repeat(251) + ":"));
    list.refusedModule(
        "parameters-126-of-two-words",
        Reason.LIMIT,
        m -> {
          m.type("I".repeat(126) + ":");
        });
    list.refusedModule("results-1000", Reason.LIMIT, m -> m.type(":" + "i".repeat(1_000)));
    list.module(
        "results-100",
        Regime.RICH,
        HostileOutcome.answered(java.util.stream.LongStream.range(0, 100).toArray()),
        m -> {
          Code body = code();
          for (int i = 0; i < 100; i++) {
            body.i32(i);
          }
          m.exported(F, ":" + "i".repeat(100), body);
        });
  }

  private interface Counted {
    void write(ModuleWriter m, int count);
  }

  private static void atAndPast(KindList list, String what, int limit, Counted content) {
    atAndPast(list, what, limit, content, limit + 1);
  }

  /** As many as there may be, and a function that is called besides; and too many. */
  private static void atAndPast(
      KindList list, String what, int limit, Counted content, int tooMany) {
    Consumer<ModuleWriter> right =
        m -> {
          content.write(m, limit - (what.equals("types") ? 1 : 0));
          m.exported(F, ":", code());
        };
    list.module(what + "-" + limit, Regime.RICH, HostileOutcome.answered(), right);
    list.refusedModule(what + "-" + tooMany, Reason.LIMIT, m -> content.write(m, tooMany));
  }

  private static void bytes(KindList list) {
    list.module(
        "custom-section-of-16-megabytes",
        Regime.RICH,
        HostileOutcome.answered(),
        m -> {
          m.exported(F, ":", code());
          m.custom("c", new byte[(16 << 20) - 100]);
        });
    list.refusedModule(
        "module-past-16-megabytes", Reason.LIMIT, m -> m.custom("c", new byte[16 << 20]));
    list.module(
        "body-of-half-a-megabyte",
        Regime.RICH,
        HostileOutcome.answered(),
        m -> m.exported(F, ":", code().repeat(1 << 19, c -> c.op(NOP))));
    list.refusedModule(
        "body-past-a-megabyte",
        Reason.LIMIT,
        m -> m.exported(F, ":", code().repeat(1 << 20, c -> c.op(NOP))));
    list.refusedModule(
        "data-of-more-than-the-memory",
        Reason.LIMIT,
        m -> {
          m.memory(1_025);
          m.data(code().i32(0), new byte[8 << 20]);
        });
  }

  /** Vectors that claim more than they hold. */
  private static void claims(KindList list) {
    String[] names = {
      "custom",
      "types",
      "imports",
      "functions",
      "tables",
      "memories",
      "globals",
      "exports",
      "start",
      "element-segments",
      "bodies",
      "data-segments",
    };
    for (int section : new int[] {1, 2, 3, 6, 7, 9, 11}) {
      list.refusedModule(
          names[section] + "-claim-2-to-the-31-less-one",
          Reason.LIMIT,
          m -> m.claim(section, Integer.MAX_VALUE));
      list.refusedModule(
          names[section] + "-claim-one-that-is-not-there",
          Reason.MALFORMED,
          m -> m.claim(section, 1));
    }
    list.refusedModule(
        "bodies-claim-2-to-the-31-less-one", Reason.MALFORMED, m -> m.claim(10, Integer.MAX_VALUE));
  }
}
