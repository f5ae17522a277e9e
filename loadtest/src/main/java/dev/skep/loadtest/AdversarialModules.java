package dev.skep.loadtest;

import dev.skep.loadtest.ModuleWriter.Bytes;
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
    all.put("tiny-functions", functions(49_900, 0, code(END)));
    all.put("wide-functions", functions(49_900, 250, code(END)));
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

  private static byte[] code(int... values) {
    return new Bytes().put(values).toBytes();
  }

  private static byte[] body(int bytes, byte[] before, byte[] again, byte[] after) {
    Bytes body = new Bytes().all(before);
    while (body.length() + again.length + after.length <= bytes) {
      body.all(again);
    }
    return body.all(after).toBytes();
  }

  /** One function that does the same thing over and over. */
  private static byte[] oneBody(byte[] again) {
    return new ModuleWriter()
        .type(0, 0)
        .function(0, 0, body(BYTES - SPARE, code(), again, code(END)))
        .toBytes();
  }

  /** Functions of so many repeats each, until the module is full; f0 is i32 to i32. */
  private static byte[] repeated(int repeats, byte[] again) {
    ModuleWriter module = new ModuleWriter().type(1, 1);
    byte[] function = body(again.length * repeats + 3, code(), again, code(0x20, 0, END));
    while (module.length() + function.length + SPARE < BYTES) {
      module.function(0, 0, function);
    }
    return module.toBytes();
  }

  /** Every constant another, so that constant pools overflow. */
  private static byte[] constants() {
    Random random = new Random(1);
    ModuleWriter module = new ModuleWriter().type(0, 0);
    while (module.length() + 14_000 < BYTES) {
      Bytes body = new Bytes();
      for (int i = 0; i < 2_000; i++) {
        body.put(0x41).s32(random.nextInt()).put(0x1A);
      }
      module.function(0, 0, body.put(END).toBytes());
    }
    return module.toBytes();
  }

  private static byte[] loopsWithinSteps() {
    return new ModuleWriter()
        .type(0, 0)
        .function(0, 0, body(3 * 6_200, code(), code(0x03, 0x40, END), code(END)))
        .function(0, 0, body(BYTES - 30_000, code(), code(0x01), code(END)))
        .toBytes();
  }

  private static byte[] nested() {
    Bytes deep = new Bytes();
    for (int i = 0; i < 499; i++) {
      deep.put(0x02, 0x40);
    }
    for (int i = 0; i < 499; i++) {
      deep.put(END);
    }
    return oneBody(deep.toBytes());
  }

  private static byte[] opened(int levels) {
    Bytes open = new Bytes();
    for (int i = 0; i < levels; i++) {
      open.put(0x02, 0x40);
    }
    return open.toBytes();
  }

  private static byte[] closed(int levels) {
    Bytes close = new Bytes();
    for (int i = 0; i <= levels; i++) {
      close.put(END);
    }
    return close.toBytes();
  }

  /** Branches that go out by 499 blocks each. */
  private static byte[] branchesFar(int bytes) {
    byte[] far = new Bytes().put(0x41, 0, 0x0D).u32(499).toBytes();
    return new ModuleWriter()
        .type(0, 0)
        .function(0, 0, body(bytes - SPARE - 2_000, opened(499), far, closed(499)))
        .toBytes();
  }

  private static byte[] branchTables(int levels, int targets) {
    Bytes table = new Bytes().put(0x02, 0x40, 0x41, 0, 0x0E).u32(targets);
    for (int i = 0; i <= targets; i++) {
      table.u32(levels == 0 ? 0 : i % levels);
    }
    table.put(END);
    return new ModuleWriter()
        .type(0, 0)
        .function(
            0,
            0,
            body(
                Math.min(BYTES - 2 * SPARE, 490_000),
                opened(levels),
                table.toBytes(),
                closed(levels)))
        .toBytes();
  }

  /** Branches that take 250 values along, in code that cannot be reached. */
  private static byte[] wideBranches(int bytes) {
    return new ModuleWriter()
        .type(0, 0)
        .type(0, 250)
        .function(
            0,
            0,
            body(bytes - SPARE, code(0x02, 1, 0x00), code(0x0D, 0), code(0x00, END, 0x00, END)))
        .toBytes();
  }

  /** Calls that answer 250 values, thrown away at once. */
  private static byte[] wideCalls(int bytes) {
    return new ModuleWriter()
        .type(0, 0)
        .type(0, 250)
        .function(1, 0, code(0x00, END))
        .function(0, 0, body(bytes - SPARE, code(), code(0x10, 0, 0x00), code(END)))
        .toBytes();
  }

  /** Blocks above an operand stack that is as high as it may be. */
  private static byte[] stack() {
    Bytes high = new Bytes();
    for (int i = 0; i < 990; i++) {
      high.put(0x41, 0);
    }
    return new ModuleWriter()
        .type(0, 0)
        .function(0, 0, body(60_000, high.toBytes(), code(0x02, 0x40, END), code(0x00, END)))
        .function(0, 0, body(BYTES - 70_000, code(), code(0x01), code(END)))
        .toBytes();
  }

  private static byte[] functions(int count, int parameters, byte[] code) {
    ModuleWriter module = new ModuleWriter().type(parameters, 0);
    for (int i = 0; i < count && module.length() + SPARE < BYTES; i++) {
      module.function(0, 0, code);
    }
    return module.toBytes();
  }

  private static byte[] locals() {
    ModuleWriter module = new ModuleWriter().type(0, 0);
    byte[] get = new Bytes().put(0x20).u32(4_999).put(0x1A).toBytes();
    for (int i = 0; i < 99; i++) {
      module.function(0, 5_000, body(9_900, code(), get, code(END)));
    }
    return module.toBytes();
  }

  /** As many pairs of a type and a function as may be. */
  private static byte[] types() {
    ModuleWriter module = new ModuleWriter();
    for (int i = 0; i < 7_600; i++) {
      // Thirteen binary digits as parameters: all differ, and only the last tells them apart.
      Bytes type = new Bytes().put(0x60).u32(13);
      for (int bit = 12; bit >= 0; bit--) {
        type.put((i >> bit & 1) == 0 ? ModuleWriter.I32 : ModuleWriter.I64);
      }
      module.add(ModuleWriter.TYPE, type.put(0).toBytes());
    }
    for (int i = 0; i < 6_500; i++) {
      module.function(0, 0, code(END));
    }
    return module.toBytes();
  }

  private static byte[] sameTypes() {
    ModuleWriter module = new ModuleWriter();
    for (int i = 0; i < 9_900; i++) {
      module.type(0, 0);
    }
    for (int i = 0; i < 20; i++) {
      module.function(i, 0, code(END));
    }
    return module.toBytes();
  }

  private static byte[] elements() {
    ModuleWriter module = new ModuleWriter().type(0, 0).function(0, 0, code(END));
    module.add(ModuleWriter.TABLE, 0x70, 0, 1);
    Bytes segment = new Bytes().put(5, 0x70).u32(100_000);
    for (int i = 0; i < 100_000; i++) {
      segment.put(0xD2, 0, END);
    }
    return module.add(ModuleWriter.ELEMENT, segment.toBytes()).toBytes();
  }

  private static byte[] dataSegments() {
    ModuleWriter module = new ModuleWriter().add(ModuleWriter.MEMORY, 0, 1);
    for (int i = 0; i < 50_000; i++) {
      module.add(ModuleWriter.DATA, 0, 0x41, 0, 0x41, 0, 0x6A, 0x41, 0, 0x6A, END, 1, 7);
    }
    return module.toBytes();
  }

  private static byte[] globals() {
    ModuleWriter module = new ModuleWriter();
    Bytes global = new Bytes().put(ModuleWriter.I32, 1, 0x41, 0);
    for (int i = 0; i < 31; i++) {
      global.put(0x41, 0, 0x6A);
    }
    byte[] entry = global.put(END).toBytes();
    for (int i = 0; i < 10_000; i++) {
      module.add(ModuleWriter.GLOBAL, entry);
    }
    return module.toBytes();
  }

  private static byte[] exports() {
    ModuleWriter module = new ModuleWriter().add(ModuleWriter.MEMORY, 0, 1);
    for (int i = 0; i < 10_000; i++) {
      module.add(ModuleWriter.EXPORT, new Bytes().name("e".repeat(90) + i).put(2, 0).toBytes());
    }
    return module.toBytes();
  }

  /** Many labels in functions of many locals: the compiler's frames. */
  private static byte[] frames() {
    ModuleWriter module = new ModuleWriter().type(0, 0);
    byte[] label = code(0x02, 0x40, 0x20, 0, 0x0D, 0, END);
    while (module.length() + 20_000 + SPARE < BYTES) {
      module.function(0, 700, body(20_000, code(), label, code(END)));
    }
    return module.toBytes();
  }

  private static byte[] randomBytes(Random random) {
    byte[] bytes = new byte[BYTES];
    random.nextBytes(bytes);
    System.arraycopy(code(0, 'a', 's', 'm', 1, 0, 0, 0), 0, bytes, 0, 8);
    return bytes;
  }

  /** Functions whose parts are chosen at random among the dear ones. */
  private static byte[] mixed(Random random) {
    byte[][] parts = {
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
    ModuleWriter module =
        new ModuleWriter()
            .type(0, 0)
            .add(ModuleWriter.TABLE, 0x70, 0, 1)
            .add(ModuleWriter.MEMORY, 0, 1)
            .add(ModuleWriter.GLOBAL, ModuleWriter.I32, 1, 0x41, 0, END)
            .add(ModuleWriter.ELEMENT, 0, 0x41, 0, END, 1, 0);
    module.function(0, 0, code(END));
    while (true) {
      int size = 10 + random.nextInt(random.nextBoolean() ? 500 : 60_000);
      if (module.length() + size + SPARE > BYTES) {
        return module.toBytes();
      }
      Bytes body = new Bytes();
      while (body.length() < size) {
        byte[] part = parts[random.nextInt(parts.length)];
        for (int i = random.nextInt(30); i >= 0; i--) {
          body.all(part);
        }
      }
      module.function(0, 2 + random.nextInt(200), body.put(END).toBytes());
    }
  }
}
