package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.TrapKind;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;

/**
 * What Chicory 1.7.5 lets through by itself and other groups do not show already: state that would
 * outlive an instance. Every kind runs more than once, so what one run leaves the next one finds.
 */
final class EngineFaultKinds {
  private EngineFaultKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("engine-fault");
    list.module(
        "table-growth-is-not-the-modules",
        Regime.SMALL,
        HostileOutcome.answered(4),
        m -> {
          m.table(4);
          m.exported(F, ":i", code().tableSize(0).refNull().i32(100).tableGrow(0).drop());
        });
    list.module(
        "table-growth-behind-a-trap-is-not-the-modules",
        Regime.SMALL,
        HostileOutcome.trapped(TrapKind.UNREACHABLE),
        m -> {
          m.table(4);
          m.exported(
              F,
              ":",
              code()
                  .refNull()
                  .i32(100)
                  .tableGrow(0)
                  .drop()
                  .tableSize(0)
                  .i32(104)
                  .op(0x46)
                  .when()
                  .unreachable()
                  .end());
        });
    list.module(
        "memory-growth-is-not-the-modules",
        Regime.SMALL,
        HostileOutcome.answered(1),
        m -> {
          m.memory(1);
          m.exported(F, ":i", code().memorySize(0).i32(10).memoryGrow(0).drop());
        });
    list.module(
        "what-was-written-is-gone",
        Regime.SMALL,
        HostileOutcome.answered(0),
        m -> {
          m.memory(2);
          m.exported(F, ":i", code().i32(0).load32(70_000).i32(0).i32(0xDEAD).store32(70_000));
        });
    list.module(
        "what-was-written-behind-growth-is-gone",
        Regime.SMALL,
        HostileOutcome.answered(0),
        m -> {
          m.memory(1);
          m.exported(
              F,
              ":i",
              code()
                  .i32(40)
                  .memoryGrow(0)
                  .drop()
                  .i32(0)
                  .load32(2_000_000)
                  .i32(0)
                  .i32(0xDEAD)
                  .store32(2_000_000));
        });
    list.module(
        "globals-begin-anew",
        Regime.SMALL,
        HostileOutcome.answered(1),
        m -> {
          m.global(ModuleWriter.I32, true, code().i32(1));
          m.exported(F, ":i", code().globalGet(0).i32(77).globalSet(0));
        });
    list.module(
        "dropped-segments-are-back",
        Regime.SMALL,
        HostileOutcome.answered(7),
        m -> {
          m.memory(1);
          m.passiveData(new byte[] {7});
          m.exported(
              F, ":i", code().i32(0).i32(0).i32(1).memoryInit(0).dataDrop(0).i32(0).load8(0));
        });
    list.module(
        "dropped-elements-are-back",
        Regime.SMALL,
        HostileOutcome.answered(0),
        m -> {
          m.table(1);
          int function = m.function(":", code());
          m.passiveElements(function);
          m.exported(
              F,
              ":i",
              code().i32(0).i32(0).i32(1).tableInit(0, 0).elemDrop(0).i32(0).tableGet(0).isNull());
        });
    list.module(
        "table-writes-are-gone",
        Regime.SMALL,
        HostileOutcome.answered(1),
        m -> {
          m.table(4);
          int function = m.function(":", code());
          m.declare(function);
          m.exported(
              F, ":i", code().i32(2).tableGet(0).isNull().i32(2).refFunc(function).tableSet(0));
        });
    list.module(
        "memories-are-bounded-together",
        Regime.SMALL,
        HostileOutcome.answered(0xFFFF_FFFFL),
        m -> {
          m.memory(1);
          m.memory(1);
          m.exported(F, ":i", code().i32(63).memoryGrow(1));
        });
    return list.kinds();
  }
}
