package dev.skep.loadtest;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** Writes WebAssembly modules byte by byte, section by section. Not thread-safe. */
final class ModuleWriter {
  static final int I32 = 0x7F;
  static final int I64 = 0x7E;
  static final int TYPE = 1;
  static final int FUNCTION = 3;
  static final int TABLE = 4;
  static final int MEMORY = 5;
  static final int GLOBAL = 6;
  static final int EXPORT = 7;
  static final int ELEMENT = 9;
  static final int CODE = 10;
  static final int DATA = 11;

  /** Bytes, with the numbers of the format. */
  static final class Bytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    int length() {
      return out.size();
    }

    Bytes put(int... values) {
      for (int value : values) {
        out.write(value);
      }
      return this;
    }

    /** An unsigned LEB128. */
    Bytes u32(long value) {
      long rest = value;
      while (rest > 0x7F) {
        out.write((int) (rest & 0x7F) | 0x80);
        rest >>>= 7;
      }
      out.write((int) rest);
      return this;
    }

    /** A signed LEB128. */
    Bytes s32(int value) {
      int rest = value;
      while (rest < -64 || rest > 63) {
        out.write((rest & 0x7F) | 0x80);
        rest >>= 7;
      }
      out.write(rest & 0x7F);
      return this;
    }

    Bytes name(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      u32(utf8.length);
      out.writeBytes(utf8);
      return this;
    }

    Bytes all(byte[] other) {
      out.writeBytes(other);
      return this;
    }

    byte[] toBytes() {
      return out.toByteArray();
    }
  }

  /** A section's entries. */
  private static final class Entries {
    private final Bytes content = new Bytes();
    private int count;
  }

  /** Custom sections, and that of the data count, are not written. */
  private final Map<Integer, Entries> sections = new TreeMap<>();

  /** Adds an entry to a section; the sections come out in order. */
  ModuleWriter add(int section, byte[] entry) {
    Entries entries = sections.computeIfAbsent(section, _ -> new Entries());
    entries.content.all(entry);
    entries.count++;
    return this;
  }

  ModuleWriter add(int section, int... entry) {
    return add(section, new Bytes().put(entry).toBytes());
  }

  /** Adds a type of so many i32 parameters and results. */
  ModuleWriter type(int parameters, int results) {
    Bytes type = new Bytes().put(0x60).u32(parameters);
    for (int i = 0; i < parameters; i++) {
      type.put(I32);
    }
    type.u32(results);
    for (int i = 0; i < results; i++) {
      type.put(I32);
    }
    return add(TYPE, type.toBytes());
  }

  /**
   * Adds a function.
   *
   * @param locals i32 locals
   * @param code its operators, the end included
   */
  ModuleWriter function(int type, int locals, byte[] code) {
    add(FUNCTION, new Bytes().u32(type).toBytes());
    Bytes body = new Bytes();
    if (locals == 0) {
      body.put(0);
    } else {
      body.put(1).u32(locals).put(I32);
    }
    body.all(code);
    return add(CODE, new Bytes().u32(body.length()).all(body.toBytes()).toBytes());
  }

  /** Bytes of the module so far, about. */
  int length() {
    int length = 8;
    for (Entries entries : sections.values()) {
      length += entries.content.length() + 10;
    }
    return length;
  }

  byte[] toBytes() {
    Bytes module = new Bytes().put(0, 'a', 's', 'm', 1, 0, 0, 0);
    sections.forEach((id, entries) -> {
      Bytes count = new Bytes().u32(entries.count);
      module
          .put(id)
          .u32(count.length() + entries.content.length())
          .all(count.toBytes())
          .all(entries.content.toBytes());
    });
    return module.toBytes();
  }
}
