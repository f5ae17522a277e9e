package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.TrapKind;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;

/** Segments that overlap, that lie at an edge, and that lie outside: those trap before any code. */
final class SegmentKinds {
  private static final long PAGE = 65_536;

  private SegmentKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("segment");
    TrapKind memory = TrapKind.OUT_OF_BOUNDS_MEMORY;
    for (long at : new long[] {PAGE - 3, PAGE, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFCL, -1}) {
      data(list, "data-at-" + (at & 0xFFFF_FFFFL), HostileOutcome.trapped(memory), at, 4);
    }
    data(list, "data-nothing-past-the-end", HostileOutcome.trapped(memory), PAGE + 1, 0);
    data(list, "data-nothing-at-the-end", HostileOutcome.answered(0), PAGE, 0);
    data(list, "data-at-the-end", HostileOutcome.answered(9), PAGE - 4, 4);
    list.module(
        "data-overlaps-data",
        Regime.SMALL,
        HostileOutcome.answered(0x02020201),
        m -> {
          m.memory(1);
          m.data(code().i32(0), new byte[] {1, 1, 1, 1});
          m.data(code().i32(1), new byte[] {2, 2, 2, 2});
          m.exported(F, ":i", code().i32(0).load32(0));
        });
    list.module(
        "data-a-thousand-times-over-the-same",
        Regime.SMALL,
        HostileOutcome.answered(999 % 256),
        m -> {
          m.memory(1);
          for (int i = 0; i < 1_000; i++) {
            m.data(code().i32(0), new byte[] {(byte) i});
          }
          m.exported(F, ":i", code().i32(0).load8(0));
        });
    list.module(
        "data-in-a-memory-of-none",
        Regime.SMALL,
        HostileOutcome.trapped(memory),
        m -> {
          m.memory(0);
          m.data(code().i32(0), new byte[] {1});
          m.exported(F, ":", code());
        });
    list.module(
        "data-at-an-offset-that-wraps",
        Regime.SMALL,
        HostileOutcome.trapped(memory),
        m -> {
          m.memory(1);
          // −1 + −1, by the extended constant expressions.
          m.data(code().i32(-1).i32(-1).add(), new byte[] {1});
          m.exported(F, ":", code());
        });
    list.refusedModule(
        "data-without-a-memory", Reason.INVALID, m -> m.data(code().i32(0), new byte[] {1}));
    list.refusedModule(
        "data-at-an-i64",
        Reason.INVALID,
        m -> {
          m.memory(1);
          m.data(code().i64(0), new byte[] {1});
        });
    list.refusedModule(
        "data-at-a-mutable-global",
        Reason.INVALID,
        m -> {
          m.memory(1);
          m.global(ModuleWriter.I32, true, code().i32(0));
          m.data(code().globalGet(0), new byte[] {1});
        });
    list.refusedModule(
        "data-at-a-computed-place",
        Reason.INVALID,
        m -> {
          m.memory(1);
          m.data(code().i32(0).load32(0), new byte[] {1});
        });
    elements(list);
    return list.kinds();
  }

  private static void data(
      KindList list, String name, HostileOutcome outcome, long at, int length) {
    byte[] bytes = new byte[length];
    java.util.Arrays.fill(bytes, (byte) 9);
    list.module(
        name,
        Regime.SMALL,
        outcome,
        m -> {
          m.memory(1);
          m.data(code().i32(at), bytes);
          m.exported(F, ":i", code().i32(PAGE - 1).load8(0));
        });
  }

  private static void elements(KindList list) {
    TrapKind table = TrapKind.OUT_OF_BOUNDS_TABLE;
    for (long at : new long[] {3, 4, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFFL}) {
      element(list, "elements-at-" + at, HostileOutcome.trapped(table), at, 2);
    }
    element(list, "elements-none-past-the-end", HostileOutcome.trapped(table), 5, 0);
    element(list, "elements-none-at-the-end", HostileOutcome.answered(1), 4, 0);
    element(list, "elements-at-the-end", HostileOutcome.answered(0), 2, 2);
    list.module(
        "elements-overlap-elements",
        Regime.SMALL,
        HostileOutcome.answered(2),
        m -> {
          m.table(4);
          int one = m.function(":i", code().i32(1));
          int two = m.function(":i", code().i32(2));
          m.elements(code().i32(0), one, one);
          m.elements(code().i32(1), two, two);
          m.exported(F, ":i", code().i32(1).callIndirect(m.type(":i"), 0));
        });
    list.refusedModule(
        "elements-of-an-unknown-function",
        Reason.INVALID,
        m -> {
          m.table(4);
          m.elements(code().i32(0), 9);
        });
    list.refusedModule(
        "elements-without-a-table",
        Reason.INVALID,
        m -> {
          m.elements(code().i32(0), m.function(":", code()));
        });
    list.module(
        "data-in-bounds-before-elements-out-of-bounds",
        Regime.SMALL,
        HostileOutcome.trapped(table),
        m -> {
          m.memory(1);
          m.table(1);
          int function = m.exported(F, ":", code());
          m.elements(code().i32(1), function);
          m.data(code().i32(0), new byte[] {1});
        });
  }

  /** Answers whether element 3 is null. */
  private static void element(
      KindList list, String name, HostileOutcome outcome, long at, int count) {
    list.module(
        name,
        Regime.SMALL,
        outcome,
        m -> {
          m.table(4);
          m.exported(F, ":i", code().i32(3).tableGet(0).isNull());
          m.elements(code().i32(at), new int[count]);
        });
  }
}
