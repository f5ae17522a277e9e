package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import java.util.List;

/**
 * Growth and size bombs: memories and tables, by every number that could overflow, at limits and
 * one past them. Growth that is refused answers −1 and changes nothing.
 */
final class GrowthKinds {
  private static final long REFUSED = 0xFFFF_FFFFL;

  /** Of {@link Regime#SMALL}. */
  private static final int PAGES = 64;

  private static final int ELEMENTS = 1_000;

  private GrowthKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("growth");
    memory(list);
    memories(list);
    table(list);
    minima(list);
    return list.kinds();
  }

  private static KindList small(KindList list, String name, HostileOutcome outcome, Code body) {
    return list.calls(name, Regime.SMALL, outcome, ":i", body);
  }

  private static void memory(KindList list) {
    for (long pages :
        new long[] {64, 65_535, 65_536, 65_537, 0x7FFF_FFFFL, 0x8000_0000L, REFUSED}) {
      small(
          list,
          "memory-by-" + pages,
          HostileOutcome.answered(REFUSED),
          code().i32(pages).memoryGrow(0));
      // Refused, and the size is what it was.
      small(
          list,
          "memory-by-" + pages + "-keeps-its-size",
          HostileOutcome.answered(1),
          code().i32(pages).memoryGrow(0).drop().memorySize(0));
    }
    small(
        list,
        "memory-to-its-limit",
        HostileOutcome.answered(PAGES),
        code().i32(PAGES - 1).memoryGrow(0).drop().memorySize(0));
    small(
        list,
        "memory-to-its-limit-and-one-more",
        HostileOutcome.answered(REFUSED),
        code().i32(PAGES - 1).memoryGrow(0).drop().i32(1).memoryGrow(0));
    small(
        list,
        "memory-page-by-page",
        HostileOutcome.answered(PAGES),
        code().loop().i32(1).memoryGrow(0).i32(-1).op(0x47).brIf(0).end().memorySize(0));
    small(
        list,
        "memory-page-by-page-without-end",
        HostileOutcome.limited(LimitKind.FUEL),
        code().loop().i32(1).memoryGrow(0).drop().br(0).end().i32(0));
    // Each page is written to as it comes, and all of them are there at the end.
    small(
        list,
        "memory-page-by-page-written",
        HostileOutcome.answered(PAGES - 1),
        code()
            .loop()
            .i32(1)
            .memoryGrow(0)
            .i32(-1)
            .op(0x47)
            .when()
            .memorySize(0)
            .i32(-1)
            .add()
            .i32(16)
            .op(0x74)
            .memorySize(0)
            .i32(-1)
            .add()
            .store32(0)
            .br(1)
            .end()
            .end()
            .i32((PAGES - 1) << 16)
            .load32(0));
    small(
        list,
        "memory-grown-is-zero",
        HostileOutcome.answered(0),
        code().i32(PAGES - 1).memoryGrow(0).drop().i32((PAGES << 16) - 4).load32(0));
    list.calls(
        "memory-written-past-its-end",
        Regime.SMALL,
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_MEMORY),
        ":i",
        code().i32(PAGES - 1).memoryGrow(0).drop().i32((PAGES << 16) - 3).load32(0));
    list.module(
        "memory-past-its-maximum",
        Regime.SMALL,
        HostileOutcome.answered(REFUSED),
        m -> {
          m.memory(1, 2);
          m.exported(F, ":i", code().i32(1).memoryGrow(0).drop().i32(1).memoryGrow(0));
        });
    list.module(
        "memory-of-none-cannot-be-read",
        Regime.SMALL,
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_MEMORY),
        m -> {
          m.memory(0, 0);
          m.exported(F, ":i", code().i32(0).load8(0));
        });
    list.module(
        "memory-filled-as-it-grows-until-the-deadline",
        Regime.DEADLINE,
        HostileOutcome.limited(LimitKind.DEADLINE),
        m -> {
          m.memory(1);
          m.exported(
              F,
              ":",
              code()
                  .loop()
                  .i32(1)
                  .memoryGrow(0)
                  .drop()
                  .i32(0)
                  .i32(7)
                  .memorySize(0)
                  .i32(16)
                  .op(0x74)
                  .memoryFill(0)
                  .br(0)
                  .end());
        });
  }

  private static void memories(KindList list) {
    list.module(
        "memories-share-one-limit",
        Regime.SMALL,
        HostileOutcome.answered(1, REFUSED, REFUSED),
        m -> {
          m.memory(1);
          m.memory(1);
          m.memory(1);
          m.exported(
              F,
              ":iii",
              code().i32(PAGES - 3).memoryGrow(2).i32(1).memoryGrow(1).i32(1).memoryGrow(0));
        });
    list.module(
        "memories-in-turn-without-end",
        Regime.SMALL,
        HostileOutcome.limited(LimitKind.FUEL),
        m -> {
          for (int i = 0; i < 8; i++) {
            m.memory(1);
          }
          Code body = code().loop();
          for (int i = 0; i < 8; i++) {
            body.i32(1).memoryGrow(i).drop();
          }
          m.exported(F, ":", body.br(0).end());
        });
    list.module(
        "memories-at-most-eight",
        Regime.SMALL,
        HostileOutcome.answered(8),
        m -> {
          for (int i = 0; i < 8; i++) {
            m.memory(1);
          }
          Code body = code().memorySize(0);
          for (int i = 1; i < 8; i++) {
            body.memorySize(i).add();
          }
          m.exported(F, ":i", body);
        });
    list.refusedModule(
        "memories-nine",
        Reason.LIMIT,
        m -> {
          for (int i = 0; i < 9; i++) {
            m.memory(0);
          }
        });
    list.refusedModule("memories-a-million", Reason.LIMIT, m -> m.claim(5, 1_000_000));
    list.refusedModule(
        "memories-of-more-than-the-limit-together",
        Reason.LIMIT,
        m -> {
          m.memory(PAGES);
          m.memory(1);
        });
  }

  private static void table(KindList list) {
    for (long elements : new long[] {ELEMENTS, 0x7FFF_FFFFL, 0x8000_0000L, REFUSED}) {
      small(
          list,
          "table-by-" + elements,
          HostileOutcome.answered(REFUSED),
          code().refNull().i32(elements).tableGrow(0));
      small(
          list,
          "table-by-" + elements + "-keeps-its-size",
          HostileOutcome.answered(4),
          code().refNull().i32(elements).tableGrow(0).drop().tableSize(0));
    }
    small(
        list,
        "table-one-by-one",
        HostileOutcome.answered(ELEMENTS),
        code().loop().refNull().i32(1).tableGrow(0).i32(-1).op(0x47).brIf(0).end().tableSize(0));
    small(
        list,
        "table-one-by-one-without-end",
        HostileOutcome.limited(LimitKind.FUEL),
        code().loop().refNull().i32(1).tableGrow(0).drop().br(0).end().i32(0));
    list.module(
        "table-past-its-maximum",
        Regime.SMALL,
        HostileOutcome.answered(4, REFUSED),
        m -> {
          m.table(4, 5);
          m.exported(F, ":ii", code().refNull().i32(1).tableGrow(0).refNull().i32(1).tableGrow(0));
        });
    list.module(
        "tables-share-one-limit",
        Regime.SMALL,
        HostileOutcome.answered(1, REFUSED),
        m -> {
          m.table(1);
          m.table(1);
          m.exported(
              F,
              ":ii",
              code().refNull().i32(ELEMENTS - 2).tableGrow(1).refNull().i32(1).tableGrow(0));
        });
    list.module(
        "table-grown-with-a-function",
        Regime.SMALL,
        HostileOutcome.answered(7),
        m -> {
          m.table(0);
          int seven = m.function(":i", code().i32(7));
          m.declare(seven);
          m.exported(
              F,
              ":i",
              code()
                  .refFunc(seven)
                  .i32(10)
                  .tableGrow(0)
                  .drop()
                  .i32(9)
                  .callIndirect(m.type(":i"), 0));
        });
  }

  private static void minima(KindList list) {
    list.refusedModule("memory-minimum-past-the-limit", Reason.LIMIT, m -> m.memory(PAGES + 1));
    list.refusedModule("memory-minimum-of-4-gib", Reason.LIMIT, m -> m.memory(65_536));
    list.refusedModule("memory-minimum-past-4-gib", Reason.INVALID, m -> m.memory(65_537));
    list.refusedModule("memory-minimum-of-2-to-the-31", Reason.INVALID, m -> m.memory(1L << 31));
    list.refusedModule("memory-minimum-of-all-ones", Reason.INVALID, m -> m.memory(REFUSED));
    list.refusedModule("memory-maximum-past-4-gib", Reason.INVALID, m -> m.memory(1, 65_537));
    list.refusedModule("memory-maximum-of-all-ones", Reason.INVALID, m -> m.memory(1, REFUSED));
    list.refusedModule("memory-minimum-past-its-maximum", Reason.INVALID, m -> m.memory(2, 1));
    list.refusedModule("table-minimum-past-the-limit", Reason.LIMIT, m -> m.table(ELEMENTS + 1));
    list.refusedModule("table-minimum-of-ten-million", Reason.LIMIT, m -> m.table(10_000_000));
    list.refusedModule("table-minimum-of-2-to-the-31", Reason.LIMIT, m -> m.table(1L << 31));
    list.refusedModule("table-minimum-of-all-ones", Reason.LIMIT, m -> m.table(REFUSED));
    list.refusedModule("table-minimum-past-its-maximum", Reason.INVALID, m -> m.table(2, 1));
    list.refusedModule(
        "tables-of-more-than-the-limit-together",
        Reason.LIMIT,
        m -> {
          m.table(ELEMENTS);
          m.table(1);
        });
    list.refusedModule(
        "tables-whose-minima-overflow",
        Reason.LIMIT,
        m -> {
          for (int i = 0; i < 16; i++) {
            m.table(REFUSED);
          }
        });
    list.refusedModule(
        "tables-seventeen",
        Reason.LIMIT,
        m -> {
          for (int i = 0; i < 17; i++) {
            m.table(0);
          }
        });
    list.refusedModule("tables-a-million", Reason.LIMIT, m -> m.claim(4, 1_000_000));
    list.module(
        "table-maximum-of-all-ones",
        Regime.SMALL,
        HostileOutcome.answered(1),
        m -> {
          m.table(1, REFUSED);
          m.exported(F, ":i", code().tableSize(0));
        });
  }
}
