package dev.skep.loadtest.operators;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.function.IntUnaryOperator;

/**
 * Writes the guest of one family.
 *
 * <pre>
 *   run(n): four locals of each number type, set from n, so that no compiler knows them
 *     loop: the steps, each with what the steps before have left; until n is 0
 *   the answer: all locals in one number, so that no compiler leaves a step out
 * </pre>
 *
 * The four locals of a type go round: step k works on number k and k + 1. So steps depend on each
 * other, but not each on the one before, as in most programs. Not thread-safe.
 */
final class OperatorGuest {
  /** Writes the step of this number. */
  interface Step {
    void write(Code code, int k);

    /**
     * {@code a = a op b}, with the operators in turn; {@link #BINARY_UNITS}.
     *
     * @param local number k of a ring
     */
    static Step binary(IntUnaryOperator local, int... operators) {
      return (code, k) -> {
        int a = local.applyAsInt(k);
        code.get(a).get(local.applyAsInt(k + 1)).op(operators[k % operators.length]).set(a);
      };
    }
  }

  /** What a step of {@link Step#binary} costs. */
  static final int BINARY_UNITS = 4;

  /** The counter, which begins as the number of turns. */
  static final int COUNTER = 0;

  /** An i32 for addresses. */
  static final int POINTER = 17;

  /** A funcref. */
  static final int REFERENCE = 18;

  private static final int RING = 4;
  private static final int STEPS = 32;
  private static final int GOLDEN = 0x9E37_79B1;
  private static final int[] RING_TYPES = {0x7F, 0x7E, 0x7D, 0x7C};

  private final ModuleWriter module = new ModuleWriter();
  private final Code setup = new Code();
  private final Code eachTurn = new Code();
  private int turnUnits;
  private int steps = STEPS;
  private int turns;

  /** Number k of the ring's four i32. */
  static int i32(int k) {
    return 1 + k % RING;
  }

  static int i64(int k) {
    return 1 + RING + k % RING;
  }

  static int f32(int k) {
    return 1 + 2 * RING + k % RING;
  }

  static int f64(int k) {
    return 1 + 3 * RING + k % RING;
  }

  /** The module, for what the steps refer to. */
  ModuleWriter module() {
    return module;
  }

  /** What the run does before the loop. */
  Code setup() {
    return setup;
  }

  /**
   * What each turn does before its steps.
   *
   * @param units what it costs
   */
  Code eachTurn(int units) {
    turnUnits = units;
    return eachTurn;
  }

  /** Another number of steps than the usual. */
  OperatorGuest steps(int number) {
    steps = number;
    return this;
  }

  /** Each run begins with a fresh store and has so many turns. */
  OperatorGuest turns(int number) {
    turns = number;
    return this;
  }

  /**
   * @param stepUnits what a step costs, 0 if the host decides
   */
  OperatorFamily family(String key, String what, Kind kind, int stepUnits, Step step) {
    Code body = new Code();
    for (int k = 0; k < RING; k++) {
      // n × an odd number each, made odd; and floats near 1 with all their digits.
      body.get(COUNTER).i32(GOLDEN + 2L * k).mul().i32(1).op(0x72).set(i32(k));
      body.get(i32(k)).op(0xAD).i64(GOLDEN - 2L * k).op(0x7E).set(i64(k));
      body.get(COUNTER).op(0xB3).f32(1e-9f).op(0x94).f32(1.1f + k * 0.3f).op(0x92).set(f32(k));
      body.get(COUNTER).op(0xB8).f64(1e-12).op(0xA2).f64(1.1 + k * 0.3).op(0xA0).set(f64(k));
    }
    body.sink().raw(setup.sink());
    body.loop().sink().raw(eachTurn.sink());
    for (int k = 0; k < steps; k++) {
      step.write(body, k);
    }
    body.get(COUNTER).i32(1).op(0x6B).tee(COUNTER).brIf(0).end();
    body.get(POINTER).get(REFERENCE).isNull().op(0x73);
    for (int k = 0; k < RING; k++) {
      body.get(i32(k)).op(0x73);
      body.get(i64(k)).op(0xA7, 0x73);
      body.get(f32(k)).op(0xBC, 0x73);
      body.get(f64(k)).op(0xBD, 0xA7, 0x73);
    }
    ByteSink function = new ByteSink().u32(RING_TYPES.length + 2L);
    for (int type : RING_TYPES) {
      function.u32(RING).raw(type);
    }
    function.u32(1).raw(ModuleWriter.I32).u32(1).raw(ModuleWriter.FUNCREF);
    int run = module.rawFunction("i:i", function.raw(body.sink()).raw(0x0B));
    module.export("run", ModuleWriter.FUNCTION, run);
    return new OperatorFamily(
        key, what, kind, module.toBytes(), stepUnits, turnUnits, steps, turns);
  }
}
