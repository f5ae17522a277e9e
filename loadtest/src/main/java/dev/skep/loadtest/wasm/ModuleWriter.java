package dev.skep.loadtest.wasm;

import java.util.ArrayList;
import java.util.List;

/**
 * Writes a module section by section (core spec 5.5), valid or not: nothing is checked. Indexes are
 * those of the module; imports come first, as in the format. Not thread-safe.
 */
public final class ModuleWriter {
  public static final int I32 = 0x7F;
  public static final int I64 = 0x7E;
  public static final int FUNCREF = 0x70;
  public static final int EXTERNREF = 0x6F;

  public static final int FUNCTION = 0;
  public static final int TABLE = 1;
  public static final int MEMORY = 2;
  public static final int GLOBAL = 3;

  private static final int TYPE_SECTION = 1;
  private static final int START_SECTION = 8;
  private static final int CODE_SECTION = 10;
  private static final int DATA_SECTION = 11;
  private static final int DATA_COUNT_SECTION = 12;

  /** Of a section at most: its id, its size, the number of its entries. */
  private static final int SECTION_HEAD_BYTES = 11;

  /** In the order of the sections, which is not that of their numbers. */
  private static final int[] ORDER = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11};

  /** A vector under way: its entries and their number. */
  private static final class Entries {
    private final ByteSink content = new ByteSink();
    private int count;
  }

  private final Entries[] sections = new Entries[DATA_COUNT_SECTION + 1];
  private final List<String> types = new ArrayList<>();
  private final ByteSink custom = new ByteSink();
  private int functions;
  private int start = -1;

  public ModuleWriter() {
    for (int i = 0; i < sections.length; i++) {
      sections[i] = new Entries();
    }
  }

  private ByteSink entry(int section) {
    sections[section].count++;
    return sections[section].content;
  }

  // ── Types and functions ───────────────────────────────────────────────────────────────────

  /**
   * A function type, once each.
   *
   * @param text parameters, a colon, results; {@code i I f F r e} for i32, i64, f32, f64, funcref,
   *     externref
   * @return its index
   */
  public int type(String text) {
    int known = types.indexOf(text);
    if (known >= 0) {
      return known;
    }
    return anotherType(text);
  }

  /** A function type, whether it is there already or not. */
  public int anotherType(String text) {
    int colon = text.indexOf(':');
    ByteSink out = entry(TYPE_SECTION).raw(0x60);
    kinds(text.substring(0, colon), out);
    kinds(text.substring(colon + 1), out);
    types.add(text);
    return types.size() - 1;
  }

  private static void kinds(String text, ByteSink out) {
    out.u32(text.length());
    for (int i = 0; i < text.length(); i++) {
      out.raw(
          switch (text.charAt(i)) {
            case 'i' -> I32;
            case 'I' -> I64;
            case 'f' -> 0x7D;
            case 'F' -> 0x7C;
            case 'r' -> FUNCREF;
            case 'e' -> EXTERNREF;
            default -> throw new IllegalArgumentException("no kind " + text.charAt(i));
          });
    }
  }

  /** Imports a function; before any is defined. */
  public int importFunction(String module, String name, String type) {
    int index = type(type);
    entry(2).name(module).name(name).raw(FUNCTION).u32(index);
    return functions++;
  }

  public int importWasi(String name, String type) {
    return importFunction("wasi_snapshot_preview1", name, type);
  }

  public int function(String type, Code code) {
    return function(type, 0, I32, code);
  }

  /** A function with so many locals of one type besides its parameters. */
  public int function(String type, long locals, int localType, Code code) {
    ByteSink body = new ByteSink();
    if (locals == 0) {
      body.u32(0);
    } else {
      body.u32(1).u32(locals).raw(localType);
    }
    return rawFunction(type, body.raw(code.sink()).raw(0x0B));
  }

  /** A function without locals, of the type with this index, whether there is one or not. */
  public int functionOf(int type, Code code) {
    return body(type, new ByteSink().u32(0).raw(code.sink()).raw(0x0B));
  }

  /** A function whose body is these bytes, locals and last {@code end} with them. */
  public int rawFunction(String type, ByteSink body) {
    return body(type(type), body);
  }

  private int body(int type, ByteSink body) {
    entry(3).u32(type);
    entry(CODE_SECTION).sized(body);
    return functions++;
  }

  /** Index of the next function. */
  public int nextFunction() {
    return functions;
  }

  // ── Tables, memories, globals ─────────────────────────────────────────────────────────────

  public int table(long min) {
    entry(4).raw(FUNCREF, 0).u32(min);
    return sections[4].count - 1;
  }

  public int table(long min, long max) {
    entry(4).raw(FUNCREF, 1).u32(min).u32(max);
    return sections[4].count - 1;
  }

  /** A table of references of a type. */
  public int tableOf(int type, long min, long max) {
    entry(4).raw(type, 1).u32(min).u32(max);
    return sections[4].count - 1;
  }

  public int memory(long min) {
    entry(5).raw(0).u32(min);
    return sections[5].count - 1;
  }

  public int memory(long min, long max) {
    entry(5).raw(1).u32(min).u32(max);
    return sections[5].count - 1;
  }

  public int global(int type, boolean mutable, Code init) {
    entry(6).raw(type, mutable ? 1 : 0).raw(init.sink()).raw(0x0B);
    return sections[6].count - 1;
  }

  // ── Exports, start, segments ──────────────────────────────────────────────────────────────

  public ModuleWriter export(String name, int kind, int index) {
    entry(7).name(name).raw(kind).u32(index);
    return this;
  }

  /** Defines and exports a function. */
  public int exported(String name, String type, Code code) {
    int index = function(type, code);
    export(name, FUNCTION, index);
    return index;
  }

  public ModuleWriter start(int function) {
    start = function;
    return this;
  }

  /** An active element segment of table 0. */
  public ModuleWriter elements(Code offset, int... elements) {
    ByteSink out = entry(9).u32(0).raw(offset.sink()).raw(0x0B).u32(elements.length);
    for (int element : elements) {
      out.u32(element);
    }
    return this;
  }

  /** A passive element segment. */
  public ModuleWriter passiveElements(int... elements) {
    ByteSink out = entry(9).u32(1).raw(0).u32(elements.length);
    for (int element : elements) {
      out.u32(element);
    }
    return this;
  }

  /** A passive element segment of constant expressions, each a reference to a function or null. */
  public ModuleWriter passiveElementExpressions(List<Code> elements) {
    ByteSink out = entry(9).u32(5).raw(FUNCREF).u32(elements.size());
    for (Code element : elements) {
      out.raw(element.sink()).raw(0x0B);
    }
    return this;
  }

  /** A declarative element segment, so that {@code ref.func} may name these. */
  public ModuleWriter declare(int... functions) {
    ByteSink out = entry(9).u32(3).raw(0).u32(functions.length);
    for (int function : functions) {
      out.u32(function);
    }
    return this;
  }

  /** An active data segment of memory 0. */
  public ModuleWriter data(Code offset, byte[] bytes) {
    entry(DATA_SECTION).u32(0).raw(offset.sink()).raw(0x0B).sized(bytes);
    return this;
  }

  public ModuleWriter passiveData(byte[] bytes) {
    entry(DATA_SECTION).u32(1).sized(bytes);
    return this;
  }

  /** A custom section behind all others. */
  public ModuleWriter custom(String name, byte[] content) {
    custom.raw(0).sized(new ByteSink().name(name).raw(content));
    return this;
  }

  /** Makes a section's vector claim another number of entries than it has. */
  public ModuleWriter claim(int section, int count) {
    sections[section].count = count;
    return this;
  }

  // ── Bytes ─────────────────────────────────────────────────────────────────────────────────

  public static ByteSink header() {
    return new ByteSink().raw(0, 'a', 's', 'm', 1, 0, 0, 0);
  }

  /** A section of the format: its id, its size, its content. */
  public static ByteSink section(int id, ByteSink content) {
    return new ByteSink().raw(id).sized(content);
  }

  /**
   * About how many bytes the module has so far: the sections' heads are counted at their longest.
   */
  public int length() {
    int length = header().length() + custom.length();
    for (Entries entries : sections) {
      length += entries.count == 0 ? 0 : SECTION_HEAD_BYTES + entries.content.length();
    }
    return length;
  }

  public byte[] toBytes() {
    ByteSink out = header();
    for (int id : ORDER) {
      Entries entries = sections[id];
      if (id == START_SECTION) {
        if (start >= 0) {
          out.raw(section(id, new ByteSink().u32(start)));
        }
      } else if (id == DATA_COUNT_SECTION) {
        if (sections[DATA_SECTION].count > 0) {
          out.raw(section(id, new ByteSink().u32(sections[DATA_SECTION].count)));
        }
      } else if (entries.count > 0 || entries.content.length() > 0) {
        out.raw(section(id, new ByteSink().u32(entries.count).raw(entries.content)));
      }
    }
    return out.raw(custom).toBytes();
  }
}
