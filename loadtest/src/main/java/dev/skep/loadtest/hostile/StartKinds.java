package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;
import java.util.function.Consumer;

/** What runs before the call: start functions, {@code _initialize}, initialisers, {@code alloc}. */
final class StartKinds {
  private static final String SNAPSHOT =
      "the initialiser called wasi_snapshot_preview1.random_get, whose effects are of one run and"
          + " cannot be kept for others; call no imports there";

  private StartKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("start");
    begins(list, "start", (m, function) -> m.start(function));
    begins(
        list,
        "initialize",
        (m, function) -> m.export("_initialize", ModuleWriter.FUNCTION, function));
    begins(
        list,
        "wizer-initialize",
        (m, function) -> m.export("wizer-initialize", ModuleWriter.FUNCTION, function));
    exits(list);
    initialiser(list);
    invalid(list);
    alloc(list);
    commands(list);
    return list.kinds();
  }

  private interface Begin {
    void with(ModuleWriter m, int function);
  }

  private static Consumer<ModuleWriter> begin(Begin begin, Code body) {
    return m -> {
      m.memory(1);
      m.table(4);
      m.global(ModuleWriter.I32, true, code().i32(0));
      begin.with(m, m.function(":", body));
      m.exported(F, ":i", code().globalGet(0));
    };
  }

  private static void begins(KindList list, String how, Begin begin) {
    list.module(
        how + "-traps",
        Regime.SMALL,
        HostileOutcome.trapped(TrapKind.UNREACHABLE),
        begin(begin, code().unreachable()));
    list.module(
        how + "-loops-by-fuel",
        Regime.SMALL,
        HostileOutcome.limited(LimitKind.FUEL),
        begin(begin, code().loop().br(0).end()));
    list.module(
        how + "-loops-by-deadline",
        Regime.DEADLINE,
        HostileOutcome.limited(LimitKind.DEADLINE),
        begin(begin, code().loop().i32(1).brIf(0).end()));
    list.module(
        how + "-recurses",
        Regime.SMALL,
        HostileOutcome.limited(LimitKind.CALL_DEPTH),
        begin(begin, code().call(0)));
    list.module(
        how + "-grows-to-the-limit",
        Regime.SMALL,
        HostileOutcome.answered(64),
        begin(
            begin,
            code()
                .i32(63)
                .memoryGrow(0)
                .drop()
                .i32(1)
                .memoryGrow(0)
                .drop()
                .memorySize(0)
                .globalSet(0)));
    list.module(
        how + "-divides-by-zero",
        Regime.SMALL,
        HostileOutcome.trapped(TrapKind.INTEGER_DIVIDE_BY_ZERO),
        begin(begin, code().i32(1).i32(0).op(0x6D).drop()));
    list.module(
        how + "-runs-once-a-store",
        Regime.SMALL,
        HostileOutcome.answered(1),
        begin(begin, code().globalGet(0).i32(1).add().globalSet(0)));
  }

  private static void exits(KindList list) {
    for (String how : new String[] {"start", "initialize"}) {
      list.module(
          how + "-exits",
          Regime.SMALL,
          HostileOutcome.exited(7, ""),
          m -> {
            int exit = m.importWasi("proc_exit", "i:");
            m.memory(1);
            int begin = m.function(":", code().i32(7).call(exit));
            if (how.equals("start")) {
              m.start(begin);
            } else {
              m.export("_initialize", ModuleWriter.FUNCTION, begin);
            }
            m.exported(F, ":i", code().i32(1));
          });
    }
  }

  private static void initialiser(KindList list) {
    list.module(
        "wizer-initialize-calls-the-host",
        Regime.SMALL,
        new HostileOutcome.Trapped(TrapKind.NO_SNAPSHOT, SNAPSHOT),
        m -> {
          int random = m.importWasi("random_get", "ii:i");
          m.memory(1);
          m.export(
              "wizer-initialize",
              ModuleWriter.FUNCTION,
              m.function(":", code().i32(0).i32(8).call(random).drop()));
          m.exported(F, ":", code());
        });
    list.module(
        "wizer-initialize-fills-all-it-may",
        Regime.RICH,
        HostileOutcome.answered(0x09090909),
        m -> {
          m.memory(1);
          m.export(
              "wizer-initialize",
              ModuleWriter.FUNCTION,
              m.function(
                  ":",
                  code().i32(63).memoryGrow(0).drop().i32(0).i32(9).i32(64 << 16).memoryFill(0)));
          m.exported(F, ":i", code().i32((64 << 16) - 4).load32(0));
        });
    list.module(
        "wizer-initialize-drops-and-fills-tables",
        Regime.SMALL,
        HostileOutcome.answered(5),
        m -> {
          m.table(4);
          m.memory(1);
          m.passiveData(new byte[] {1});
          int five = m.function(":i", code().i32(5));
          m.passiveElements(five);
          m.export(
              "wizer-initialize",
              ModuleWriter.FUNCTION,
              m.function(":", code().i32(3).i32(0).i32(1).tableInit(0, 0).elemDrop(0).dataDrop(0)));
          m.exported(F, ":i", code().i32(3).callIndirect(m.type(":i"), 0));
        });
  }

  private static void invalid(KindList list) {
    list.refusedModule("start-of-no-function", Reason.INVALID, m -> m.start(0));
    list.refusedModule("start-of-a-far-function", Reason.INVALID, m -> m.start(0x7FFF_FFFF));
    list.refusedModule(
        "start-with-a-parameter", Reason.INVALID, m -> m.start(m.exported(F, "i:", code())));
    list.refusedModule(
        "start-with-a-result", Reason.INVALID, m -> m.start(m.exported(F, ":i", code().i32(1))));
    list.refusedModule(
        "start-of-an-import-with-a-result",
        Reason.INVALID,
        m -> m.start(m.importWasi("sched_yield", ":i")));
  }

  private static HostileOutcome badAnswer(String message) {
    return new HostileOutcome.Trapped(TrapKind.BAD_ANSWER, message);
  }

  private static void bytes(
      KindList list, String name, HostileOutcome outcome, Code alloc, Code transform) {
    list.add(
        name,
        Regime.SMALL,
        KindList.BYTES,
        outcome,
        KindList.written(m -> {
          m.memory(1);
          m.export("memory", ModuleWriter.MEMORY, 0);
          m.exported("alloc", "i:i", alloc);
          m.exported(F, "ii:I", transform);
        }));
  }

  private static void alloc(KindList list) {
    Code echo = code().i64(4_096L << 32 | 1);
    String noRoom = ", which is no room for 10 bytes in a memory of 65536";
    for (long pointer : new long[] {0, 65_527, 65_536, 0x8000_0000L, 0xFFFF_FFFFL}) {
      bytes(
          list,
          "alloc-answers-" + pointer,
          badAnswer("alloc(10) answered " + pointer + noRoom),
          code().i32(pointer),
          echo);
    }
    bytes(
        list,
        "alloc-loops",
        HostileOutcome.limited(LimitKind.FUEL),
        code().loop().br(0).end().i32(64),
        echo);
    bytes(
        list,
        "alloc-traps",
        HostileOutcome.trapped(TrapKind.UNREACHABLE),
        code().unreachable(),
        echo);
    long[][] answers = {{0x8000_0000L, 1}, {0xFFFF_FFFFL, 0xFFFF_FFFFL}, {65_536, 1}, {1, 65_536}};
    for (long[] answer : answers) {
      bytes(
          list,
          "bytes-answers-" + answer[1] + "-at-" + answer[0],
          badAnswer(
              "the answer points to "
                  + answer[1]
                  + " bytes at "
                  + answer[0]
                  + ", outside a memory of 65536"),
          code().i32(64),
          code().i64(answer[0] << 32 | answer[1]));
    }
    bytes(
        list,
        "bytes-answers-nothing-at-the-end",
        new HostileOutcome.Output(""),
        code().i32(64),
        code().i64(65_536L << 32));
    bytes(
        list,
        "bytes-answers-zero",
        new HostileOutcome.InputRefused(),
        code().i32(64),
        code().i64(0));
  }

  private static void commands(KindList list) {
    list.add(
        "command-loops",
        Regime.SMALL,
        KindList.COMMAND,
        HostileOutcome.limited(LimitKind.FUEL),
        KindList.written(m -> {
          m.memory(1);
          m.exported("_start", ":", code().loop().br(0).end());
        }));
    list.add(
        "command-traps",
        Regime.SMALL,
        KindList.COMMAND,
        HostileOutcome.trapped(TrapKind.UNREACHABLE),
        KindList.written(m -> m.exported("_start", ":", code().unreachable())));
  }
}
