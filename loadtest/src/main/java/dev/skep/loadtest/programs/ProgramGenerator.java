package dev.skep.loadtest.programs;

import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Makes a valid module from a seed, the same each time: a few functions, a memory, three tables,
 * globals, segments kept and dropped, now and then a start function. Every operator of core 2.0 but
 * vectors occurs. A run ends by itself after some thousands of units of fuel, rarely some millions;
 * about three in four programs are calm.
 */
public final class ProgramGenerator {
  private static final String RUN_TYPE = "iIfF:I";
  private static final int MOST_PAGES = 6;
  private static final int MOST_ELEMENTS = 40;

  /** Operators of a stretch that costs more than may run on credit. */
  private static final int STRETCH = 1_200;

  /** Operators that make more than the 8,000 bytes that HotSpot compiles by default. */
  private static final int HUGE = 4_000;

  /** Operators that no JVM method can hold. */
  static final int OVERSIZED = 30_000;

  private static final int DIGEST_STEP = 32;
  private static final long DIGEST_FACTOR = 0x9E37_79B9_7F4A_7C15L;
  private static final int DIGEST_TURN = 23;

  private final Random random;
  private final ModuleWriter writer = new ModuleWriter();

  private ProgramGenerator(long seed) {
    random = new Random(seed);
  }

  /** The program of a seed. */
  public static Program program(long seed) {
    return new ProgramGenerator(seed).generate(seed);
  }

  private int below(int bound) {
    return random.nextInt(bound);
  }

  private Program generate(long seed) {
    // Seeds that are near each other would begin alike.
    random.setSeed(random.nextLong() ^ DIGEST_FACTOR);
    int functions = 1 + below(5);
    List<String> signatures = new ArrayList<>();
    for (int i = 0; i < functions; i++) {
      signatures.add(types(4) + ":" + types(2));
    }
    signatures.add(RUN_TYPE);
    boolean calm = below(4) > 0;
    double wildness = calm ? 0 : below(2) == 0 ? 0.004 : 0.05;
    int pages = 1 + below(2);
    String globals = "ii" + types(5) + (below(3) == 0 ? "r" : "");
    int[] stable = stable(signatures);
    ModulePlan plan = new ModulePlan(writer, signatures, stable, globals, pages, wildness);
    plan.writer().memory(pages, pages + below(MOST_PAGES));
    tables();
    globals(globals);
    int size = size();
    for (int i = 0; i < signatures.size(); i++) {
      body(plan, i, i == signatures.size() - 1 ? size : 0);
    }
    int run = signatures.size() - 1;
    writer.export(Program.RUN, ModuleWriter.FUNCTION, run);
    writer.export(Program.STATE, ModuleWriter.FUNCTION, state(globals));
    boolean starts = below(8) == 0;
    if (starts) {
      start(plan);
    }
    segments(plan);
    Values values = new Values(random, plan, "", "");
    long[] args = {
      values.anyI32() & 0xFFFF_FFFFL,
      values.anyI64(),
      values.anyF32() & 0xFFFF_FFFFL,
      values.anyF64()
    };
    return new Program(seed, writer.toBytes(), args, calm, starts);
  }

  private String types(int most) {
    StringBuilder types = new StringBuilder();
    for (int i = below(most + 1); i > 0; i--) {
      types.append("iiIIffFF".charAt(below(8)));
    }
    return types.toString();
  }

  /** What the stable table holds: some functions of one type, any others, a null at the end. */
  private int[] stable(List<String> signatures) {
    int[] stable = new int[ModulePlan.ELEMENTS];
    int first = below(signatures.size());
    for (int i = 0; i < stable.length; i++) {
      int function = below(signatures.size());
      boolean fits =
          i >= ModulePlan.ALIKE || signatures.get(function).equals(signatures.get(first));
      stable[i] = fits ? function : first;
    }
    stable[stable.length - 1] = -1;
    return stable;
  }

  private void tables() {
    writer.tableOf(ModuleWriter.FUNCREF, ModulePlan.ELEMENTS, ModulePlan.ELEMENTS);
    int more = ModulePlan.ELEMENTS + below(4);
    writer.tableOf(ModuleWriter.FUNCREF, more, more + below(MOST_ELEMENTS));
    writer.tableOf(ModuleWriter.EXTERNREF, more, more + below(MOST_ELEMENTS));
  }

  private void globals(String types) {
    int calls = below(4) == 0 ? 60 + below(60) : 8 + below(24);
    int turns = below(4) == 0 ? 200 + below(400) : 20 + below(100);
    for (int i = 0; i < types.length(); i++) {
      Code init =
          switch (types.charAt(i)) {
            case 'i' ->
                Code.code()
                    .i32(
                        i == ModulePlan.CALLS_GLOBAL
                            ? calls
                            : i == ModulePlan.TURNS_GLOBAL ? turns : random.nextInt());
            case 'I' -> Code.code().i64(random.nextLong());
            case 'f' -> Code.code().f32(random.nextFloat() * 100);
            case 'F' -> Code.code().f64(random.nextGaussian() * 100);
            default -> Code.code().refNull();
          };
      int type =
          switch (types.charAt(i)) {
            case 'i' -> ModuleWriter.I32;
            case 'I' -> ModuleWriter.I64;
            case 'f' -> 0x7D;
            case 'F' -> 0x7C;
            default -> ModuleWriter.FUNCREF;
          };
      writer.global(type, true, init);
    }
  }

  /** Operators of the stretch that one function holds. */
  private int size() {
    int choice = below(150);
    if (choice == 0) {
      return OVERSIZED;
    }
    return choice < 12 ? HUGE + below(HUGE) : choice < 40 ? STRETCH + below(STRETCH) : 0;
  }

  private void body(ModulePlan plan, int function, int straight) {
    boolean last = function == plan.signatures().size() - 1;
    boolean leaf = !last && below(3) == 0;
    BodyWriter body =
        new BodyWriter(random, plan, plan.params(function), plan.results(function), leaf);
    writer.rawFunction(plan.signatures().get(function), body.write(20 + below(200), straight));
  }

  /** It never traps, because then nothing could be asked of the instance. */
  private void start(ModulePlan plan) {
    ModulePlan calm =
        new ModulePlan(writer, plan.signatures(), plan.stable(), plan.globals(), plan.pages(), 0);
    BodyWriter body = new BodyWriter(random, calm, "", "", true);
    writer.start(writer.rawFunction(":", body.write(20 + below(40), 0)));
  }

  private void segments(ModulePlan plan) {
    byte[] bytes = new byte[ModulePlan.SEGMENT_BYTES];
    for (int segment = 0; segment < 2; segment++) {
      random.nextBytes(bytes);
      writer.passiveData(bytes);
      int[] elements = new int[ModulePlan.SEGMENT_ELEMENTS];
      for (int i = 0; i < elements.length; i++) {
        elements[i] = below(plan.signatures().size());
      }
      writer.passiveElements(elements);
    }
    byte[] initial = new byte[below(2_000)];
    random.nextBytes(initial);
    writer.data(Code.code().i32(below(1_000)), initial);
    int[] stable = java.util.Arrays.copyOf(plan.stable(), ModulePlan.ELEMENTS - 1);
    writer.elements(Code.code().i32(0), stable);
    int[] all = new int[plan.signatures().size()];
    for (int i = 0; i < all.length; i++) {
      all[i] = i;
    }
    writer.declare(all);
  }

  // ── The digest ────────────────────────────────────────────────────────────────────────────

  /**
   * {@code () -> i64}: the memory by words, the globals, and which elements of the tables are null.
   * Locals: 0 where, 1 until, 2 the digest.
   */
  private int state(String globals) {
    Code code = Code.code();
    code.memorySize(0).i32(16).op(0x74).set(1).loop();
    code.get(2);
    for (int offset = 0; offset < DIGEST_STEP; offset += Long.BYTES) {
      code.get(0).op(0x29, 3).u32(offset);
      mix(code);
    }
    code.set(2).get(0).i32(DIGEST_STEP).add().tee(0).get(1).op(0x49).brIf(0).end();
    code.get(2);
    for (int i = 0; i < globals.length(); i++) {
      code.globalGet(i);
      switch (globals.charAt(i)) {
        case 'i' -> code.op(0xAD);
        case 'I' -> {}
        case 'f' -> code.op(0xBC, 0xAD);
        case 'F' -> code.op(0xBD);
        default -> code.isNull().op(0xAD);
      }
      mix(code);
    }
    code.set(2);
    for (int table = 0; table <= ModulePlan.EXTERN_TABLE; table++) {
      code.tableSize(table).set(1).i32(0).set(0).loop();
      code.get(2).get(0).tableGet(table).isNull().op(0xAD);
      mix(code);
      code.set(2).get(0).i32(1).add().tee(0).get(1).op(0x49).brIf(0).end();
    }
    code.get(2);
    ByteSink body = new ByteSink().u32(2).u32(2).raw(ModuleWriter.I32).u32(1).raw(ModuleWriter.I64);
    return writer.rawFunction(":I", body.raw(code.sink()).raw(0x0B));
  }

  /** {@code digest = rotl((digest ^ value) · factor, turn)}. */
  private static void mix(Code code) {
    code.op(0x85).i64(DIGEST_FACTOR).op(0x7E).i64(DIGEST_TURN).op(0x89);
  }
}
