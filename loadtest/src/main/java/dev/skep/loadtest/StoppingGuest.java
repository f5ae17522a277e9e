package dev.skep.loadtest;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A module with an endless loop of every shape, each an export without parameters; written byte by
 * byte, so that each can be as hostile as the format allows.
 *
 * <p>Its memory is 128 MiB, its table 20,000 elements.
 */
final class StoppingGuest {
  private static final int MEMORY_PAGES = 2_048;
  private static final int TABLE = 20_000;
  private static final int HALF = MEMORY_PAGES / 2 * 65_536;

  /** Targets of the widest br_table, as many as a module may have. */
  private static final int TARGETS = 10_000;

  /** Types: none to none, two i32 to one (random_get), i32 to none. */
  private static final int NOTHING = 0;

  private static final int RANDOM = 1;
  private static final int NUMBER = 2;

  private static final int RANDOM_GET = 0;
  private static final int EMPTY = 1;
  private static final int MUTUAL = 2;
  private static final int FIRST_SHAPE = 3;

  private static final Map<String, byte[]> SHAPES = shapes();

  private StoppingGuest() {}

  /** The exports. */
  static List<String> exports() {
    return new ArrayList<>(SHAPES.keySet());
  }

  private static Map<String, byte[]> shapes() {
    Map<String, byte[]> all = new TreeMap<>();
    all.put("loop_empty", loop());
    all.put("loop_arithmetic", loop(code(0x41, 7, 0x41, 3, 0x6C, 0x1A)));
    all.put("loop_nested", loop(code(0x03, 0x40, 0x0C, 1, 0x0B)));
    all.put("loop_load_store", loop(code(0x41, 8, 0x41, 8, 0x28, 2, 0, 0x36, 2, 0)));
    all.put("loop_call", loop(code(0x10, EMPTY)));
    all.put("loop_call_indirect", loop(code(0x41, 0, 0x11, NOTHING, 0)));
    all.put("loop_br_table", loop(brTable(4)));
    all.put("loop_br_table_wide", loop(brTable(TARGETS)));
    // Down to the greatest depth that this leaves, and up again, for ever.
    all.put("recursion", loop(code(0x41), signed(4_000), code(0x10, MUTUAL)));
    all.put("fill_1mib", loop(fill(1 << 20)));
    all.put("fill_64mib", loop(fill(HALF)));
    all.put("fill_once_64mib", cat(fill(HALF), fill(HALF), loop(fill(HALF))));
    all.put("copy_64mib", loop(copy(HALF, 0)));
    all.put("copy_overlapping_up", loop(copy(1, 0)));
    all.put("copy_overlapping_down", loop(copy(0, 1)));
    all.put("init_64kib", loop(code(0x41, 0, 0x41, 0, 0x41), signed(65_536), code(0xFC, 8, 0, 0)));
    all.put("table_fill", loop(code(0x41, 0, 0xD0, 0x70, 0x41), signed(TABLE), code(0xFC, 17, 0)));
    all.put(
        "table_copy", loop(code(0x41, 0, 0x41, 1, 0x41), signed(TABLE - 1), code(0xFC, 14, 0, 0)));
    all.put("table_grow", loop(code(0xD0, 0x70, 0x41, 1, 0xFC, 15, 0, 0x1A)));
    all.put("memory_grow_refused", loop(code(0x41, 1, 0x40, 0, 0x1A)));
    all.put("memory_size", loop(code(0x3F, 0, 0x1A)));
    all.put("random_get_64mib", loop(code(0x41, 0, 0x41), signed(HALF), code(0x10, 0, 0x1A)));
    all.put("random_get_1", loop(code(0x41, 0, 0x41, 1, 0x10, RANDOM_GET, 0x1A)));
    return all;
  }

  private static byte[] fill(int length) {
    return cat(code(0x41, 0, 0x41, 1, 0x41), signed(length), code(0xFC, 11, 0));
  }

  private static byte[] copy(int to, int from) {
    return cat(
        code(0x41),
        signed(to),
        code(0x41),
        signed(from),
        code(0x41),
        signed(HALF),
        code(0xFC, 10, 0, 0));
  }

  /** A block that is left by a table of so many targets, all of them its end. */
  private static byte[] brTable(int targets) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(code(0x02, 0x40, 0x41, 1, 0x0E));
    out.writeBytes(unsigned(targets));
    out.writeBytes(new byte[targets]);
    out.writeBytes(code(0, 0x0B));
    return out.toByteArray();
  }

  /** {@code loop … br 0 end}. */
  private static byte[] loop(byte[]... body) {
    return cat(code(0x03, 0x40), cat(body), code(0x0C, 0, 0x0B));
  }

  /** The module. */
  static byte[] bytes() {
    List<byte[]> bodies = new ArrayList<>();
    bodies.add(new byte[0]);
    // mutual(n): if n, mutual(n - 1), mutual(n - 1): 2^n calls, n deep.
    bodies.add(
        code(
            0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6B, 0x10, MUTUAL, 0x20, 0, 0x41, 1, 0x6B, 0x10,
            MUTUAL, 0x0B));
    bodies.addAll(SHAPES.values());
    int functions = bodies.size();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(code(0, 'a', 's', 'm', 1, 0, 0, 0));
    section(out, 1, code(3, 0x60, 0, 0, 0x60, 2, 0x7F, 0x7F, 1, 0x7F, 0x60, 1, 0x7F, 0));
    section(
        out, 2, cat(code(1), name("wasi_snapshot_preview1"), name("random_get"), code(0, RANDOM)));
    byte[] types = new byte[functions];
    types[MUTUAL - 1] = NUMBER;
    section(out, 3, cat(unsigned(functions), types));
    section(out, 4, cat(code(1, 0x70, 0), unsigned(TABLE)));
    section(out, 5, cat(code(1, 1), unsigned(MEMORY_PAGES), unsigned(MEMORY_PAGES)));
    ByteArrayOutputStream exports = new ByteArrayOutputStream();
    exports.writeBytes(unsigned(SHAPES.size()));
    int index = FIRST_SHAPE;
    for (String export : SHAPES.keySet()) {
      exports.writeBytes(cat(name(export), code(0), unsigned(index++)));
    }
    section(out, 7, exports.toByteArray());
    section(out, 9, code(1, 0, 0x41, 0, 0x0B, 1, EMPTY));
    section(out, 12, code(1));
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(unsigned(functions));
    for (byte[] body : bodies) {
      all.writeBytes(unsigned(body.length + 2));
      all.writeBytes(cat(code(0), body, code(0x0B)));
    }
    section(out, 10, all.toByteArray());
    section(out, 11, cat(code(1, 1), unsigned(65_536), new byte[65_536]));
    return out.toByteArray();
  }

  private static void section(ByteArrayOutputStream out, int id, byte[] content) {
    out.write(id);
    out.writeBytes(unsigned(content.length));
    out.writeBytes(content);
  }

  private static byte[] name(String text) {
    byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
    return cat(unsigned(ascii.length), ascii);
  }

  private static byte[] code(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  private static byte[] cat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static byte[] unsigned(int value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int left = value;
    do {
      int low = left & 0x7F;
      left >>>= 7;
      out.write(left == 0 ? low : low | 0x80);
    } while (left != 0);
    return out.toByteArray();
  }

  /** LEB128 of an i32. */
  private static byte[] signed(int value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int left = value;
    while (true) {
      int low = left & 0x7F;
      left >>= 7;
      boolean last = (left == 0 && (low & 0x40) == 0) || (left == -1 && (low & 0x40) != 0);
      out.write(last ? low : low | 0x80);
      if (last) {
        return out.toByteArray();
      }
    }
  }
}
