package dev.skep.loadtest.hostile;

import static dev.skep.loadtest.hostile.KindList.F;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;
import java.util.function.Consumer;

/**
 * Functions that are large as JVM methods: past 8,000 bytes, which some JVMs leave to their
 * interpreter, and past 64 KiB, which no JVM takes. They run, answer right, and are held by the
 * same limits.
 */
final class OversizedKinds {
  /** Of {@code x = x * 31 + 7}: some 18 bytes of bytecode each. */
  private static final int LARGE = 1_000;

  private static final int TOO_LARGE = 6_000;
  private static final int ARMS = 5_000;

  private OversizedKinds() {}

  static List<HostileKind> kinds() {
    KindList list = new KindList("oversized");
    list.add(
        "straight-code-past-8000-bytes",
        Regime.RICH,
        new TypedCall(F, new long[] {5}),
        HostileOutcome.answered(model(5, LARGE)),
        KindList.written(m -> m.exported(F, "i:i", steps(code(), LARGE).get(0))));
    list.add(
        "straight-code-past-64-kibibytes",
        Regime.RICH,
        new TypedCall(F, new long[] {5}),
        HostileOutcome.answered(model(5, TOO_LARGE)),
        KindList.written(m -> m.exported(F, "i:i", steps(code(), TOO_LARGE).get(0))));
    for (long arm : new long[] {0, 2_500, ARMS - 1, ARMS, 0xFFFF_FFFFL}) {
      list.add(
          "switch-of-5000-arms-by-" + arm,
          Regime.RICH,
          new TypedCall(F, new long[] {arm}),
          HostileOutcome.answered(arm < ARMS ? arm * 3 : 1),
          KindList.written(OversizedKinds::arms));
    }
    endings(list);
    many(list);
    return list.kinds();
  }

  private static Code steps(Code code, int count) {
    return code.repeat(count, c -> c.get(0).i32(31).mul().i32(7).add().set(0));
  }

  private static long model(int x, int count) {
    int value = x;
    for (int i = 0; i < count; i++) {
      value = value * 31 + 7;
    }
    return value & 0xFFFF_FFFFL;
  }

  /** Arm i answers 3 i, anything else 1: each arm sets the answer and leaves. */
  private static void arms(ModuleWriter m) {
    // Blocks nest 500 deep at most: an outer switch over 20 of 250 arms each.
    int perSwitch = 250;
    int[] inner = new int[ARMS / perSwitch];
    for (int i = 0; i < inner.length; i++) {
      inner[i] = m.function("i:i", oneSwitch(perSwitch, i * perSwitch));
    }
    Code body = code().repeat(inner.length + 1, Code::block);
    body.get(0).i32(perSwitch).op(0x6E).op(0x0E).u32(inner.length);
    for (int i = 0; i <= inner.length; i++) {
      body.u32(i);
    }
    for (int function : inner) {
      body.end().get(0).i32(perSwitch).op(0x70).call(function).ret();
    }
    m.exported(F, "i:i", body.end().i32(1));
    Code single = code();
    wide(single);
    m.exported("wide", "i:i", single);
  }

  private static Code oneSwitch(int arms, int first) {
    Code body = code().repeat(arms + 1, Code::block).get(0).op(0x0E).u32(arms);
    for (int i = 0; i <= arms; i++) {
      body.u32(i);
    }
    for (int i = 0; i < arms; i++) {
      body.end().i32((first + i) * 3L).ret();
    }
    return body.end().i32(1);
  }

  /** One {@code br_table} of all arms with two places to go. */
  private static void wide(Code body) {
    body.block().block().get(0).op(0x0E).u32(ARMS);
    for (int i = 0; i <= ARMS; i++) {
      body.u32(i % 2);
    }
    body.end().i32(0).ret().end().i32(1);
  }

  private static void endings(KindList list) {
    ends(
        list,
        "loops-by-br",
        Regime.SMALL,
        HostileOutcome.limited(LimitKind.FUEL),
        code().loop().br(0).end());
    ends(
        list,
        "loops-by-br-if",
        Regime.SMALL,
        HostileOutcome.limited(LimitKind.FUEL),
        code().loop().i32(1).brIf(0).end());
    ends(
        list,
        "loops-by-br-table-until-the-deadline",
        Regime.DEADLINE,
        HostileOutcome.limited(LimitKind.DEADLINE),
        code().loop().i32(1).brTable(3, 0).end());
    ends(
        list,
        "traps",
        Regime.SMALL,
        HostileOutcome.trapped(TrapKind.UNREACHABLE),
        code().unreachable());
    ends(
        list,
        "reads-out-of-bounds",
        Regime.SMALL,
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_MEMORY),
        code().i32(-1).load32(0xFFFF_FFFFL).drop());
    ends(
        list,
        "fills-out-of-bounds",
        Regime.RICH,
        HostileOutcome.trapped(TrapKind.OUT_OF_BOUNDS_MEMORY),
        code().i32(1).i32(2).i32(0x7FFF_FFFF).memoryFill(0));
    ends(
        list,
        "recurses",
        Regime.SMALL,
        HostileOutcome.limited(LimitKind.CALL_DEPTH),
        code().get(0).call(0).drop());
  }

  private static void ends(
      KindList list, String name, Regime regime, HostileOutcome outcome, Code ending) {
    list.add(
        "interpreted-" + name,
        regime,
        new TypedCall(F, new long[] {1}),
        outcome,
        KindList.written(m -> {
          m.memory(1);
          // The oversized code is jumped over.
          Code body = code().block().get(0).brIf(0);
          steps(body, TOO_LARGE).end();
          body.sink().raw(ending.sink());
          m.exported(F, "i:i", body.get(0));
        }));
  }

  private static void many(KindList list) {
    Consumer<ModuleWriter> three =
        m -> {
          for (int i = 0; i < 3; i++) {
            m.function("i:i", steps(code(), TOO_LARGE).get(0));
          }
          m.exported(F, ":i", code().i32(1).call(0).call(1).call(2));
        };
    list.module("three-functions", Regime.RICH, HostileOutcome.answered(model(1, 18_000)), three);
    list.module(
        "eighty-functions",
        Regime.RICH,
        HostileOutcome.answered(model(1, 9_000)),
        m -> {
          for (int i = 0; i < 80; i++) {
            m.function("i:i", steps(code(), 9_000).get(0));
          }
          m.exported(F, ":i", code().i32(1).call(79));
        });
  }
}
