package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;

/**
 * Fill, copy and initialise huge ranges, and ranges at an edge: of a memory of one page and tables
 * of eight. Nothing is written by what traps; a length of zero is in bounds up to the end itself.
 */
final class BulkKinds {
  private static final long PAGE = 65_536;
  private static final long MAX = 0x7FFF_FFFFL;
  private static final long WORST = 0xFFFF_FFFFL;
  private static final int ELEMENTS = 8;
  private static final int SEGMENT = 4;

  private BulkKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("bulk");
    memory(list);
    memoryInit(list);
    table(list);
    tableInit(list);
    segments(list);
    unpaid(list);
    return list.kinds();
  }

  /** An operator with three operands. */
  private static Code of(long to, long from, long length, int... operator) {
    return code().i32(to).i32(from).i32(length).op(operator);
  }

  private static Code fill(long to, long length) {
    return of(to, 9, length, 0xFC, 11, 0);
  }

  private static Code copy(long to, long from, long length) {
    return of(to, from, length, 0xFC, 10, 0, 0);
  }

  private static void memory(KindList list) {
    TrapKind oob = TrapKind.OUT_OF_BOUNDS_MEMORY;
    for (long length : new long[] {PAGE, MAX, MAX + 1, WORST}) {
      list.traps("memory-fill-1-by-" + length, oob, ":", fill(1, length));
      list.traps("memory-copy-to-1-by-" + length, oob, ":", copy(1, 0, length));
      list.traps("memory-copy-from-1-by-" + length, oob, ":", copy(0, 1, length));
    }
    for (long at : new long[] {PAGE + 1, MAX, WORST}) {
      list.traps("memory-fill-nothing-at-" + at, oob, ":", fill(at, 0));
      list.traps("memory-copy-nothing-to-" + at, oob, ":", copy(at, 0, 0));
      list.traps("memory-copy-nothing-from-" + at, oob, ":", copy(0, at, 0));
    }
    list.traps("memory-fill-past-the-end", oob, ":", fill(0, PAGE + 1));
    list.traps("memory-fill-sum-overflows", oob, ":", fill(WORST, WORST));
    list.answers("memory-fill-nothing-at-the-end", 0, after(fill(PAGE, 0), PAGE - 1));
    list.answers("memory-copy-nothing-at-the-end", 0, after(copy(PAGE, PAGE, 0), PAGE - 1));
    list.answers("memory-fill-all", 9, after(fill(0, PAGE), PAGE - 1));
    list.answers("memory-fill-the-last-byte", 9, after(fill(PAGE - 1, 1), PAGE - 1));
    list.answers("memory-fill-writes-the-low-byte", 0x23, wideFill());
    overlaps(list);
    list.module(
        "memory-copy-between-memories-past-the-smaller",
        Regime.RICH,
        HostileOutcome.trapped(oob),
        m -> {
          m.memory(1);
          m.memory(2);
          m.exported(F, ":", code().i32(0).i32(0).i32(PAGE + 1).memoryCopy(0, 1));
        });
    list.module(
        "memory-copy-between-memories",
        Regime.RICH,
        HostileOutcome.answered(5),
        m -> {
          m.memory(1);
          m.memory(1);
          m.exported(
              F,
              ":i",
              code()
                  .i32(PAGE - 1)
                  .i32(5)
                  .i32(1)
                  .memoryFill(1)
                  .i32(0)
                  .i32(0)
                  .i32(PAGE)
                  .memoryCopy(0, 1)
                  .i32(PAGE - 1)
                  .load8(0));
        });
  }

  private static Code wideFill() {
    return code().i32(0).i32(0x123).i32(4).memoryFill(0).i32(3).load8(0);
  }

  private static Code after(Code first, long address) {
    return first.i32(address).load8(0);
  }

  /** Bytes 0 to 9 hold their address; what is behind is zero. */
  private static Code numbered() {
    Code body = code();
    for (int i = 0; i < 10; i++) {
      body.i32(i).i32(i).store8(0);
    }
    return body;
  }

  private static void overlaps(KindList list) {
    Code forwards = numbered();
    forwards.sink().raw(copy(1, 0, 9).sink());
    // 0 0 1 2 … 8: not byte by byte, which would make them all 0.
    list.answers("memory-copy-overlaps-forwards", 8, after(forwards, 9));
    Code backwards = numbered();
    backwards.sink().raw(copy(0, 1, 9).sink());
    list.answers("memory-copy-overlaps-backwards", 9, after(backwards, 8));
    Code itself = numbered();
    itself.sink().raw(copy(0, 0, PAGE).sink());
    list.answers("memory-copy-onto-itself", 7, after(itself, 7));
    Code whole = numbered();
    whole.sink().raw(copy(1, 0, PAGE - 1).sink());
    list.answers("memory-copy-overlaps-in-all-but-one-byte", 8, after(whole, 9));
  }

  private static void memoryInit(KindList list) {
    TrapKind oob = TrapKind.OUT_OF_BOUNDS_MEMORY;
    long[][] wild = {
      {0, 0, SEGMENT + 1},
      {0, 1, SEGMENT},
      {0, SEGMENT + 1, 0},
      {0, WORST, 0},
      {0, WORST, WORST},
      {0, MAX, MAX},
      {PAGE - 3, 0, SEGMENT},
      {PAGE + 1, 0, 0},
      {WORST, 0, SEGMENT},
      {0, 0, WORST},
    };
    for (long[] w : wild) {
      init(list, "memory-init-" + w[0] + "-" + w[1] + "-" + w[2], HostileOutcome.trapped(oob), w);
    }
    init(list, "memory-init-all", HostileOutcome.answered(4), 0, 0, SEGMENT);
    init(list, "memory-init-nothing-at-its-end", HostileOutcome.answered(0), 0, SEGMENT, 0);
    init(list, "memory-init-nothing-at-the-end", HostileOutcome.answered(0), PAGE, 0, 0);
  }

  private static void init(KindList list, String name, HostileOutcome outcome, long... operands) {
    list.module(
        name,
        Regime.RICH,
        outcome,
        m -> {
          segment(m);
          m.exported(
              F, ":i", of(operands[0], operands[1], operands[2], 0xFC, 8, 0, 0).i32(3).load8(0));
        });
  }

  private static void segment(ModuleWriter m) {
    m.memory(1);
    m.passiveData(new byte[] {1, 2, 3, 4});
  }

  private static void table(KindList list) {
    for (long length : new long[] {ELEMENTS, MAX, MAX + 1, WORST}) {
      tableTraps(list, "table-fill-1-by-" + length, fillTable(1, length));
      tableTraps(list, "table-copy-to-1-by-" + length, copyTable(1, 0, length));
      tableTraps(list, "table-copy-from-1-by-" + length, copyTable(0, 1, length));
    }
    for (long at : new long[] {ELEMENTS + 1, MAX, WORST}) {
      tableTraps(list, "table-fill-nothing-at-" + at, fillTable(at, 0));
      tableTraps(list, "table-copy-nothing-to-" + at, copyTable(at, 0, 0));
      tableTraps(list, "table-copy-nothing-from-" + at, copyTable(0, at, 0));
    }
    for (long at : new long[] {ELEMENTS, MAX, MAX + 1, WORST}) {
      tableTraps(list, "table-get-" + at, code().i32(at).tableGet(0).drop());
      tableTraps(list, "table-set-" + at, code().i32(at).refNull().tableSet(0));
    }
    tables(
        list,
        "table-fill-nothing-at-the-end",
        HostileOutcome.answered(11),
        fillTable(ELEMENTS, 0).i32(1).callIndirect(1, 0));
    tables(
        list,
        "table-copy-overlaps-forwards",
        HostileOutcome.answered(11),
        copyTable(1, 0, 7).i32(2).callIndirect(1, 0));
    tables(
        list,
        "table-copy-overlaps-backwards",
        HostileOutcome.answered(12),
        copyTable(0, 1, 7).i32(1).callIndirect(1, 0));
    tables(
        list,
        "table-fill-all-with-null",
        HostileOutcome.answered(1),
        fillTable(0, ELEMENTS).i32(7).tableGet(0).isNull());
    tables(
        list,
        "table-copy-between-tables",
        HostileOutcome.answered(10),
        code().i32(7).i32(0).i32(1).tableCopy(1, 0).i32(7).callIndirect(1, 1));
    tables(
        list,
        "table-call-behind-a-fill-with-null",
        HostileOutcome.trapped(TrapKind.UNINITIALIZED_ELEMENT),
        fillTable(0, ELEMENTS).i32(2).callIndirect(1, 0));
  }

  private static Code fillTable(long at, long length) {
    return code().i32(at).refNull().i32(length).tableFill(0);
  }

  private static Code copyTable(long to, long from, long length) {
    return code().i32(to).i32(from).i32(length).tableCopy(0, 0);
  }

  private static void tableTraps(KindList list, String name, Code body) {
    tables(list, name, HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_TABLE), body.i32(0));
  }

  /** Element i of table 0 answers 10 + i; table 1 is all null. Type 1 is {@code () -> i32}. */
  private static void tables(KindList list, String name, HostileOutcome outcome, Code body) {
    list.module(
        name,
        Regime.RICH,
        outcome,
        m -> {
          m.type(":");
          m.table(ELEMENTS);
          m.table(ELEMENTS);
          int[] functions = new int[ELEMENTS];
          for (int i = 0; i < ELEMENTS; i++) {
            functions[i] = m.function(":i", code().i32(10 + i));
          }
          m.elements(code().i32(0), functions);
          m.exported(F, ":i", body);
        });
  }

  private static void tableInit(KindList list) {
    long[][] wild = {
      {0, 0, 3},
      {0, 1, 2},
      {0, 3, 0},
      {0, WORST, 0},
      {0, WORST, WORST},
      {ELEMENTS - 1, 0, 2},
      {ELEMENTS + 1, 0, 0},
      {WORST, 0, 2},
      {0, 0, MAX},
      {0, 0, WORST},
    };
    for (long[] w : wild) {
      initTable(
          list,
          "table-init-" + w[0] + "-" + w[1] + "-" + w[2],
          HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_TABLE),
          code(),
          w);
    }
    initTable(list, "table-init-all", HostileOutcome.answered(0), code(), 6, 0, 2);
    initTable(list, "table-init-nothing-at-its-end", HostileOutcome.answered(1), code(), 8, 2, 0);
    initTable(
        list,
        "table-init-behind-drop",
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_TABLE),
        code().elemDrop(0),
        0,
        0,
        1);
    initTable(
        list,
        "table-init-nothing-behind-two-drops",
        HostileOutcome.answered(1),
        code().elemDrop(0).elemDrop(0),
        0,
        0,
        0);
  }

  /** Answers whether element 7 is null then. */
  private static void initTable(
      KindList list, String name, HostileOutcome outcome, Code before, long... operands) {
    list.module(
        name,
        Regime.RICH,
        outcome,
        m -> {
          m.table(ELEMENTS);
          int function = m.function(":", code());
          m.passiveElements(function, function);
          Code body = code();
          body.sink().raw(before.sink());
          body.i32(operands[0])
              .i32(operands[1])
              .i32(operands[2])
              .tableInit(0, 0)
              .i32(7)
              .tableGet(0)
              .isNull();
          m.exported(F, ":i", body);
        });
  }

  private static void segments(KindList list) {
    list.module(
        "memory-init-behind-drop",
        Regime.RICH,
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_MEMORY),
        m -> {
          segment(m);
          m.exported(F, ":", code().dataDrop(0).i32(0).i32(0).i32(1).memoryInit(0));
        });
    list.module(
        "memory-init-nothing-behind-two-drops",
        Regime.RICH,
        HostileOutcome.answered(),
        m -> {
          segment(m);
          m.exported(F, ":", code().dataDrop(0).dataDrop(0).i32(0).i32(0).i32(0).memoryInit(0));
        });
    list.module(
        "memory-init-of-an-active-segment",
        Regime.RICH,
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_MEMORY),
        m -> {
          m.memory(1);
          m.data(code().i32(0), new byte[] {1});
          m.exported(F, ":", code().i32(0).i32(0).i32(1).memoryInit(0));
        });
    list.module(
        "table-init-of-an-active-segment",
        Regime.RICH,
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_TABLE),
        m -> {
          m.table(1);
          int function = m.function(":", code());
          m.elements(code().i32(0), function);
          m.exported(F, ":", code().i32(0).i32(0).i32(1).tableInit(0, 0));
        });
    list.refusedModule(
        "memory-init-of-4097-segments",
        Reason.LIMIT,
        m -> {
          m.memory(1);
          Code body = code();
          for (int i = 0; i < 4_097; i++) {
            m.passiveData(new byte[0]);
            body.i32(0).i32(0).i32(0).memoryInit(i);
          }
          m.exported(F, ":", body);
        });
  }

  /** What costs more than there is does not begin, and is no trap either: it is paid for first. */
  private static void unpaid(KindList list) {
    for (long length : new long[] {MAX, WORST}) {
      list.limited(
          "memory-fill-unpaid-" + length, Regime.SMALL, LimitKind.FUEL, ":", fill(0, length));
      list.limited(
          "memory-copy-unpaid-" + length, Regime.SMALL, LimitKind.FUEL, ":", copy(0, 0, length));
      list.limited(
          "table-fill-unpaid-" + length, Regime.SMALL, LimitKind.FUEL, ":", fillTable(0, length));
      list.limited(
          "table-copy-unpaid-" + length,
          Regime.SMALL,
          LimitKind.FUEL,
          ":",
          copyTable(0, 0, length));
    }
    list.limited(
        "memory-fill-a-page-too-dear",
        Regime.SMALL,
        LimitKind.FUEL,
        ":",
        code().loop().i32(0).i32(1).i32(PAGE).memoryFill(0).br(0).end());
  }
}
