package dev.skep.loadtest;

import dev.skep.loadtest.wasm.ByteSink;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * Modules of about a megabyte that are as dear to check, or to compile, as their maker could think
 * of. All but those that say otherwise are valid; some are just past a limit. The same seed makes
 * the same modules.
 */
final class AdversarialModules {
  static final int BYTES = 1_000_000;

  /** Room for a body's length and locals, and for the other sections. */
  private static final int SPARE = 1_000;

  private static final int END = 0x0B;

  private static final String PROCEDURE = ":";

  /** No parameter, 250 results. */
  private static final String WIDE = ":" + "i".repeat(250);

  private AdversarialModules() {}

  /**
   * All of them by name.
   *
   * @param mixed how many more are put together at random
   */
  static Map<String, byte[]> all(long seed, int mixed) {
    Map<String, byte[]> all = new LinkedHashMap<>();
    all.put("nops", oneBody(code(0x01)));
    all.put("drops", oneBody(code(0x41, 0, 0x1A)));
    all.put("constants", constants());
    all.put("mismatches", oneBody(code(0x50)));
    all.put("underflows", oneBody(code(0x1A)));
    all.put("loops", oneBody(code(0x03, 0x40, END)));
    all.put("loops-within-steps", loopsWithinSteps());
    all.put("blocks", oneBody(code(0x02, 0x40, END)));
    all.put("nested", nested());
    all.put("branches-far", branchesFar(BYTES));
    all.put("branches-far-within-steps", branchesFar(200_000));
    all.put("br-tables", branchTables(0, 9_999));
    all.put("br-tables-nested", branchTables(400, 500));
    all.put("wide-branches", wideBranches(BYTES));
    all.put("wide-branches-within-steps", wideBranches(70_000));
    all.put("wide-calls", wideCalls(BYTES));
    all.put("wide-calls-within-steps", wideCalls(110_000));
    all.put("stack", stack());
    all.put("tiny-functions", functions(49_900, 0));
    all.put("wide-functions", functions(49_900, 250));
    all.put("locals", locals());
    all.put("types", types());
    all.put("same-types", sameTypes());
    all.put("elements", elements());
    all.put("data-segments", dataSegments());
    all.put("globals", globals());
    all.put("exports", exports());
    all.put("frames", frames());
    all.put("ifs", repeated(1_500, code(0x20, 0, 0x04, 0x40, END)));
    all.put("adds", repeated(1_200, code(0x20, 0, 0x41, 31, 0x6C, 0x21, 0)));
    all.put("oversized", repeated(14_000, code(0x20, 0, 0x41, 31, 0x6C, 0x21, 0)));
    all.put("just-fitting", repeated(9_000, code(0x20, 0, 0x41, 31, 0x6C, 0x21, 0)));
    all.put("calls", repeated(2_000, code(0x20, 0, 0x10, 0, 0x21, 0)));
    all.put("random-bytes", randomBytes(new Random(seed)));
    Random random = new Random(seed);
    for (int i = 1; i <= mixed; i++) {
      all.put("mixed-" + i, mixed(random));
    }
    return all;
  }

  private static Code code(int... values) {
    return Code.code().op(values);
  }

  /** Operators, then others as often as they fit into so many bytes, then the last. */
  private static Code body(int bytes, Code before, Code again, Code after) {
    Code body = code();
    ByteSink out = body.sink().raw(before.sink());
    // One byte is that of the function's end.
    int most = bytes - after.sink().length() - 1;
    while (out.length() + again.sink().length() <= most) {
      out.raw(again.sink());
    }
    out.raw(after.sink());
    return body;
  }

  /** A module of these procedures. */
  private static byte[] procedures(Code... codes) {
    ModuleWriter module = new ModuleWriter();
    for (Code code : codes) {
      module.function(PROCEDURE, code);
    }
    return module.toBytes();
  }

  /** One function that does the same thing over and over. */
  private static byte[] oneBody(Code again) {
    return procedures(body(BYTES - SPARE, code(), again, code()));
  }

  /** Functions of so many repeats each, until the module is full; f0 is i32 to i32. */
  private static byte[] repeated(int repeats, Code again) {
    ModuleWriter module = new ModuleWriter();
    int bytes = again.sink().length() * repeats + 3;
    Code function = body(bytes, code(), again, code().get(0));
    while (module.length() + bytes + SPARE < BYTES) {
      module.function("i:i", function);
    }
    return module.toBytes();
  }

  /** Every constant another, so that constant pools overflow. */
  private static byte[] constants() {
    Random random = new Random(1);
    ModuleWriter module = new ModuleWriter();
    while (module.length() + 14_000 < BYTES) {
      module.function(PROCEDURE, code().repeat(2_000, code -> code.i32(random.nextInt()).drop()));
    }
    return module.toBytes();
  }

  private static byte[] loopsWithinSteps() {
    return procedures(
        body(3 * 6_200, code(), code(0x03, 0x40, END), code()),
        body(BYTES - 30_000, code(), code(0x01), code()));
  }

  private static byte[] nested() {
    return oneBody(code().repeat(499, Code::block).repeat(499, Code::end));
  }

  /** Branches that go out by 499 blocks each. */
  private static byte[] branchesFar(int bytes) {
    Code far = code().i32(0).brIf(499);
    return procedures(
        body(
            bytes - SPARE - 2_000,
            code().repeat(499, Code::block),
            far,
            code().repeat(499, Code::end)));
  }

  private static byte[] branchTables(int levels, int targets) {
    Code table = code().block().i32(0).op(0x0E).u32(targets);
    for (int i = 0; i <= targets; i++) {
      table.u32(levels == 0 ? 0 : i % levels);
    }
    return procedures(
        body(
            Math.min(BYTES - 2 * SPARE, 490_000),
            code().repeat(levels, Code::block),
            table.end(),
            code().repeat(levels, Code::end)));
  }

  /** Branches that take 250 values along, in code that cannot be reached. */
  private static byte[] wideBranches(int bytes) {
    ModuleWriter module = new ModuleWriter();
    int procedure = module.type(PROCEDURE);
    int wide = module.type(WIDE);
    module.functionOf(
        procedure,
        body(bytes - SPARE, code(0x02, wide, 0x00), code().brIf(0), code(0x00, END, 0x00)));
    return module.toBytes();
  }

  /** Calls that answer 250 values, thrown away at once. */
  private static byte[] wideCalls(int bytes) {
    ModuleWriter module = new ModuleWriter();
    int wide = module.function(WIDE, code().unreachable());
    module.function(
        PROCEDURE, body(bytes - SPARE, code(), code().call(wide).unreachable(), code()));
    return module.toBytes();
  }

  /** Blocks above an operand stack that is as high as it may be. */
  private static byte[] stack() {
    Code high = code().repeat(990, code -> code.i32(0));
    return procedures(
        body(60_000, high, code(0x02, 0x40, END), code().unreachable()),
        body(BYTES - 70_000, code(), code(0x01), code()));
  }

  private static byte[] functions(int count, int parameters) {
    ModuleWriter module = new ModuleWriter();
    int type = module.type("i".repeat(parameters) + ":");
    for (int i = 0; i < count && module.length() + SPARE < BYTES; i++) {
      module.functionOf(type, code());
    }
    return module.toBytes();
  }

  private static byte[] locals() {
    ModuleWriter module = new ModuleWriter();
    Code get = code().get(4_999).drop();
    for (int i = 0; i < 99; i++) {
      module.function(PROCEDURE, 5_000, ModuleWriter.I32, body(9_900, code(), get, code()));
    }
    return module.toBytes();
  }

  /** As many pairs of a type and a function as may be. */
  private static byte[] types() {
    ModuleWriter module = new ModuleWriter();
    for (int i = 0; i < 7_600; i++) {
      // Thirteen binary digits as parameters: all differ, and only the last tells them apart.
      StringBuilder type = new StringBuilder();
      for (int bit = 12; bit >= 0; bit--) {
        type.append((i >> bit & 1) == 0 ? 'i' : 'I');
      }
      module.anotherType(type.append(':').toString());
    }
    for (int i = 0; i < 6_500; i++) {
      module.functionOf(0, code());
    }
    return module.toBytes();
  }

  private static byte[] sameTypes() {
    ModuleWriter module = new ModuleWriter();
    for (int i = 0; i < 9_900; i++) {
      module.anotherType(PROCEDURE);
    }
    for (int i = 0; i < 20; i++) {
      module.functionOf(i, code());
    }
    return module.toBytes();
  }

  /** One segment of element expressions, each a {@code ref.func}. */
  private static byte[] elements() {
    ModuleWriter module = new ModuleWriter();
    int function = module.function(PROCEDURE, code());
    module.table(1);
    Code element = code().refFunc(function);
    return module.passiveElementExpressions(Collections.nCopies(100_000, element)).toBytes();
  }

  private static byte[] dataSegments() {
    ModuleWriter module = new ModuleWriter();
    module.memory(1);
    Code offset = code().i32(0).i32(0).add().i32(0).add();
    for (int i = 0; i < 50_000; i++) {
      module.data(offset, new byte[] {7});
    }
    return module.toBytes();
  }

  private static byte[] globals() {
    ModuleWriter module = new ModuleWriter();
    Code init = code().i32(0).repeat(31, code -> code.i32(0).add());
    for (int i = 0; i < 10_000; i++) {
      module.global(ModuleWriter.I32, true, init);
    }
    return module.toBytes();
  }

  private static byte[] exports() {
    ModuleWriter module = new ModuleWriter();
    int memory = module.memory(1);
    for (int i = 0; i < 10_000; i++) {
      module.export("e".repeat(90) + i, ModuleWriter.MEMORY, memory);
    }
    return module.toBytes();
  }

  /** Many labels in functions of many locals: the compiler's frames. */
  private static byte[] frames() {
    ModuleWriter module = new ModuleWriter();
    Code label = code().block().get(0).brIf(0).end();
    while (module.length() + 20_000 + SPARE < BYTES) {
      module.function(PROCEDURE, 700, ModuleWriter.I32, body(20_000, code(), label, code()));
    }
    return module.toBytes();
  }

  private static byte[] randomBytes(Random random) {
    byte[] bytes = new byte[BYTES];
    random.nextBytes(bytes);
    byte[] header = ModuleWriter.header().toBytes();
    System.arraycopy(header, 0, bytes, 0, header.length);
    return bytes;
  }

  /** Functions whose parts are chosen at random among the dear ones. */
  private static byte[] mixed(Random random) {
    Code[] parts = {
      code(0x01),
      code(0x41, 0, 0x1A),
      code(0x02, 0x40, END),
      code(0x03, 0x40, END),
      code(0x41, 0, 0x04, 0x40, 0x05, END),
      code(0x02, 0x40, 0x41, 0, 0x0D, 0, END),
      code(0x02, 0x40, 0x41, 0, 0x0D, 1, END),
      code(0x02, 0x40, 0x02, 0x40, 0x41, 1, 0x0E, 3, 0, 1, 2, 0, END, END),
      code(0x20, 0, 0x20, 1, 0x6A, 0x21, 0),
      code(0x10, 0),
      code(0x41, 0, 0x11, 0, 0),
      code(0x41, 8, 0x28, 2, 0, 0x1A),
      code(0x41, 8, 0x41, 0, 0x41, 3, 0xFC, 11, 0),
      code(0x23, 0, 0x24, 0),
      code(0xD2, 0, 0x1A),
    };
    ModuleWriter module = new ModuleWriter();
    module.table(1);
    module.memory(1);
    module.global(ModuleWriter.I32, true, code().i32(0));
    module.elements(code().i32(0), module.function(PROCEDURE, code()));
    while (true) {
      int size = 10 + random.nextInt(random.nextBoolean() ? 500 : 60_000);
      if (module.length() + size + SPARE > BYTES) {
        return module.toBytes();
      }
      Code body = code();
      while (body.sink().length() < size) {
        Code part = parts[random.nextInt(parts.length)];
        for (int i = random.nextInt(30); i >= 0; i--) {
          body.sink().raw(part.sink());
        }
      }
      module.function(PROCEDURE, 2 + random.nextInt(200), ModuleWriter.I32, body);
    }
  }
}
