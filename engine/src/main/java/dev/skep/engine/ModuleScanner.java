package dev.skep.engine;

import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.engine.ModuleDescription.Import;
import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.ScannedModule.GlobalType;
import dev.skep.engine.ScannedModule.Range;
import dev.skep.engine.ScannedModule.Section;
import dev.skep.engine.ScannedModule.TableType;
import dev.skep.limits.ModuleLimits;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The pre-pass: one linear walk over an upload before any engine parses it, with a bound on
 * everything that an engine would allocate for. What it lets through may still be invalid; that is
 * the validator's to say. Function bodies are only measured here and walked by {@link
 * FunctionChecker}.
 *
 * <p>Time and memory are linear in the bytes, whatever they say. One instance a module; not
 * thread-safe.
 */
final class ModuleScanner {
  private static final int CUSTOM = 0;
  private static final int MOST_SECTION = 12;
  private static final long MOST_PAGES = 65_536;

  /** Where each section stands in the order that the standard sets (core spec 5.5.2), by its id. */
  private static final int[] ORDER = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};

  private final WasmCursor in;
  private final ModuleLimits limits;
  private final List<Section> sections = new ArrayList<>();
  private final List<Signature> types = new ArrayList<>();
  private final List<Integer> imported = new ArrayList<>();
  private final List<Import> imports = new ArrayList<>();
  private final List<TableType> tables = new ArrayList<>();
  private int[] functions = {};
  private int[] bodies = {};
  private int memories;
  private final List<GlobalType> globals = new ArrayList<>();
  private int elementSegments;
  private int dataCount = -1;
  private int dataSegments;
  private int lastSection;
  private int customSections;
  private long customBytes;
  private long nameBytes;
  private long typeValues;
  private long memoryMinPages;
  private long tableMinElements;
  private final List<Export> exports = new ArrayList<>();
  private int start = -1;
  private @Nullable Range names;

  private ModuleScanner(byte[] bytes, ModuleLimits limits) {
    this.in = new WasmCursor(bytes, 0, bytes.length);
    this.limits = limits;
  }

  static ScannedModule scan(byte[] bytes, ModuleLimits limits) throws ModuleRefusedException {
    return new ModuleScanner(bytes, limits).scan();
  }

  private ScannedModule scan() throws ModuleRefusedException {
    int length = in.bytes.length;
    if (length > limits.moduleBytes()) {
      throw new ModuleRefusedException(
          Reason.LIMIT,
          "the module has " + length + " bytes; at most " + limits.moduleBytes() + " are allowed");
    }
    header();
    while (!in.atEnd()) {
      int id = in.u8();
      int size = in.u31();
      int from = in.position;
      in.skip(size);
      int to = in.position;
      WasmCursor section = new WasmCursor(in.bytes, from, to);
      if (id == CUSTOM) {
        customSections++;
        customBytes += size;
        in.check("custom sections", customSections, limits.customSections());
        in.check("bytes of custom sections", customBytes, limits.customBytes());
        custom(section);
      } else if (id > MOST_SECTION) {
        throw id == 13
            ? in.unsupported("exception handling")
            : in.malformed("unknown section " + id);
      } else {
        inOrder(id);
        sections.add(new Section(id, from, to));
        content(id, section);
      }
    }
    if (functions.length != bodies.length / 2) {
      throw in.malformed("function and code section have inconsistent lengths");
    }
    if (dataCount >= 0 && dataCount != dataSegments) {
      throw in.malformed(
          "data count and data section have inconsistent lengths: the count is "
              + dataCount
              + ", the segments are "
              + dataSegments
              + ",");
    }
    calledThroughTables();
    int[] importedTypes = imported.stream().mapToInt(Integer::intValue).toArray();
    return new ScannedModule(
        in.bytes,
        sections,
        types,
        importedTypes,
        functions,
        bodies,
        tables,
        memories,
        globals,
        elementSegments,
        dataCount,
        start,
        names,
        describe(importedTypes));
  }

  private void inOrder(int id) throws ModuleRefusedException {
    int place = ORDER[id];
    if (place <= lastSection) {
      throw in.malformed(
          (place == lastSection ? "second section " : "section out of order: section ") + id);
    }
    lastSection = place;
  }

  /**
   * For every type the compiler makes a method that tells all functions of that type apart, and to
   * find them it compares the type with each function's.
   */
  private void calledThroughTables() throws ModuleRefusedException {
    long functionCount = (long) imported.size() + functions.length;
    in.check("pairs of a type and a function", types.size() * functionCount, limits.typePairs());
    int[] ofType = new int[types.size()];
    for (int type : imported) {
      ofType[type]++;
    }
    for (int type : functions) {
      ofType[type]++;
    }
    Map<Signature, Integer> ofSignature = new HashMap<>();
    for (int i = 0; i < ofType.length; i++) {
      ofSignature.merge(types.get(i), ofType[i], Integer::sum);
    }
    long cases = 0;
    for (Signature type : types) {
      cases += ofSignature.getOrDefault(type, 0);
    }
    in.check("functions that calls through a table can reach", cases, limits.indirectCases());
  }

  private void header() throws ModuleRefusedException {
    byte[] b = in.bytes;
    if (b.length < 4 || b[0] != 0 || b[1] != 'a' || b[2] != 's' || b[3] != 'm') {
      throw new ModuleRefusedException(
          Reason.NOT_WASM,
          "the body is not WebAssembly: it must begin with the bytes 00 61 73 6d; upload the .wasm"
              + " file that your compiler wrote");
    }
    in.skip(4);
    if (b.length < 8) {
      throw in.malformed("unexpected end");
    }
    int version = (b[4] & 0xFF) | (b[5] & 0xFF) << 8;
    int layer = (b[6] & 0xFF) | (b[7] & 0xFF) << 8;
    if (layer == 1) {
      throw new ModuleRefusedException(
          Reason.NOT_A_MODULE,
          "this is a WebAssembly component; components are not run yet: upload a core module, for"
              + " instance by building for wasm32-wasip1 rather than wasm32-wasip2");
    }
    if (version != 1 || layer != 0) {
      throw new ModuleRefusedException(
          Reason.NOT_A_MODULE,
          "the module says it is version "
              + version
              + " of layer "
              + layer
              + "; version 1 of"
              + " layer 0 is run");
    }
    in.skip(4);
  }

  private void custom(WasmCursor s) throws ModuleRefusedException {
    if (!s.name(limits.nameBytes()).equals("name")) {
      return;
    }
    // A broken name section is no fault of the module (core spec 7.4.1): names are then left out.
    try {
      while (!s.atEnd()) {
        int id = s.u8();
        int size = s.u31();
        int from = s.position;
        s.skip(size);
        if (id == 1) {
          names = new Range(from, s.position);
        }
      }
    } catch (ModuleRefusedException e) {
      names = null;
    }
  }

  private void content(int id, WasmCursor s) throws ModuleRefusedException {
    switch (id) {
      case 1 -> types(s);
      case 2 -> imports(s);
      case 3 -> functions(s);
      case 4 -> tables(s);
      case 5 -> memories(s);
      case 6 -> globals(s);
      case 7 -> exports(s);
      case 8 -> start = s.u31();
      case 9 -> elements(s);
      case 10 -> code(s);
      case 11 -> data(s);
      case 12 -> {
        dataCount = s.u31();
        s.check("data segments", dataCount, limits.segments());
      }
      default -> throw s.malformed("unknown section");
    }
    if (!s.atEnd()) {
      throw s.malformed("section size mismatch");
    }
  }

  private void types(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("types", count, limits.types());
    for (int i = 0; i < count; i++) {
      int form = s.u8();
      if (form != 0x60) {
        throw form == 0x4E || form == 0x4F || form == 0x50 || form == 0x5F || form == 0x5E
            ? s.unsupported("garbage collection or recursive types")
            : s.malformed("unknown type form");
      }
      Signature signature = new Signature(kinds(s), kinds(s));
      typeValues += signature.params().size() + signature.results().size();
      s.check("parameters and results over all types", typeValues, limits.typeValues());
      types.add(signature);
    }
  }

  /**
   * Words of the parameters, and of the results, of one type; i64 and f64 take two. A JVM method
   * takes 255, and the compiler puts up to four of its own behind the guest's: of a type that is
   * just too wide for that it makes methods that do not load. Compilers to Wasm pass a few dozen at
   * most.
   */
  private static final int MOST_WORDS = 250;

  private static List<ValueKind> kinds(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("parameters or results of one type", count, MOST_WORDS);
    List<ValueKind> kinds = new ArrayList<>(Math.min(count, 16));
    int words = 0;
    for (int i = 0; i < count; i++) {
      ValueKind kind = ValueKind.read(s);
      words += kind == ValueKind.I64 || kind == ValueKind.F64 ? 2 : 1;
      s.check("words of parameters or results of one type", words, MOST_WORDS);
      kinds.add(kind);
    }
    return kinds;
  }

  private void imports(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("imports", count, limits.imports());
    for (int i = 0; i < count; i++) {
      String module = name(s);
      String name = name(s);
      int kind = s.u8();
      if (kind != 0) {
        throw new ModuleRefusedException(
            Reason.UNKNOWN_IMPORT,
            "the module imports the "
                + (kind == 1 ? "table " : kind == 2 ? "memory " : kind == 3 ? "global " : "tag ")
                + Printable.of(module)
                + "."
                + Printable.of(name)
                + ", which nothing provides; only functions of wasi_snapshot_preview1 can be"
                + " imported: define it in the module");
      }
      int type = s.u31();
      if (type >= types.size()) {
        throw s.malformed("unknown type " + type);
      }
      imported.add(type);
      imports.add(new Import(module, name, types.get(type)));
    }
  }

  private String name(WasmCursor s) throws ModuleRefusedException {
    int from = s.position;
    String name = s.name(limits.nameBytes());
    nameBytes += s.position - from;
    s.check("bytes of names of imports and exports", nameBytes, limits.totalNameBytes());
    return name;
  }

  private void functions(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("functions", (long) count + imported.size(), limits.functions());
    functions = new int[count];
    for (int i = 0; i < count; i++) {
      functions[i] = s.u31();
      if (functions[i] >= types.size()) {
        throw s.malformed("unknown type " + functions[i]);
      }
    }
  }

  private void tables(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("tables", count, limits.tables());
    for (int i = 0; i < count; i++) {
      boolean initialised = !s.atEnd() && s.bytes[s.position] == 0x40;
      if (initialised) {
        s.u8();
        if (s.u8() != 0) {
          throw s.malformed("unknown table encoding");
        }
      }
      ValueKind elements = ValueKind.read(s);
      if (!elements.isReference()) {
        throw s.malformed("a table of " + elements.word());
      }
      int flags = s.u8();
      if (flags > 1) {
        throw s.unsupported("shared or 64-bit tables");
      }
      long min = s.u32();
      tableMinElements += min;
      s.check("elements that tables start with", tableMinElements, limits.tableMinElements());
      if (flags == 1 && s.u32() < min) {
        throw invalid(s, "size minimum must not be greater than maximum, of a table");
      }
      if (initialised) {
        constant(s);
      }
      tables.add(new TableType(elements, min));
    }
  }

  private void memories(WasmCursor s) throws ModuleRefusedException {
    memories = s.u31();
    s.check("memories", memories, limits.memories());
    for (int i = 0; i < memories; i++) {
      int flags = s.u8();
      if ((flags & 2) != 0) {
        throw s.unsupported("shared memory (threads)");
      }
      if (flags > 1) {
        throw s.unsupported("64-bit memory or custom page sizes");
      }
      long min = s.u32();
      memoryMinPages += min;
      long max = flags == 1 ? s.u32() : MOST_PAGES;
      if (min > MOST_PAGES || max > MOST_PAGES) {
        throw invalid(
            s, "memory size must be at most 65536 pages (4 GiB), and is " + Math.max(min, max));
      }
      if (max < min) {
        throw invalid(s, "size minimum must not be greater than maximum, of a memory");
      }
    }
  }

  private void globals(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("globals", count, limits.globals());
    for (int i = 0; i < count; i++) {
      ValueKind kind = ValueKind.read(s);
      int mutability = s.u8();
      if (mutability > 1) {
        throw s.malformed("malformed mutability");
      }
      globals.add(new GlobalType(kind, mutability == 1));
      constant(s);
    }
  }

  private static ModuleRefusedException invalid(WasmCursor s, String what) {
    return new ModuleRefusedException(
        Reason.INVALID, "invalid module: " + what + " at offset " + s.position);
  }

  private void exports(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("exports", count, limits.exports());
    for (int i = 0; i < count; i++) {
      String name = name(s);
      int kind = s.u8();
      int index = s.u31();
      ExternKind extern =
          switch (kind) {
            case 0 -> ExternKind.FUNCTION;
            case 1 -> ExternKind.TABLE;
            case 2 -> ExternKind.MEMORY;
            case 3 -> ExternKind.GLOBAL;
            case 4 -> throw s.unsupported("exception handling");
            default -> throw s.malformed("unknown export kind");
          };
      exports.add(new Export(name, extern, index, null));
    }
  }

  private void elements(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("element segments", count, limits.segments());
    elementSegments = count;
    long total = 0;
    for (int i = 0; i < count; i++) {
      long flags = s.u32();
      if (flags > 7) {
        throw s.malformed("unknown element segment");
      }
      boolean active = (flags & 1) == 0;
      boolean explicit = (flags & 2) != 0;
      boolean expressions = (flags & 4) != 0;
      if (active) {
        if (explicit) {
          s.u32();
        }
        constant(s);
      }
      if (explicit || !active) {
        if (expressions) {
          ValueKind.read(s);
        } else if (s.u8() != 0) {
          throw s.malformed("unknown element kind");
        }
      }
      int entries = s.u31();
      total += entries;
      s.check("table elements in segments", total, limits.elements());
      for (int e = 0; e < entries; e++) {
        if (expressions) {
          constant(s);
        } else {
          s.u32();
        }
      }
    }
  }

  private void code(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    if (count != functions.length) {
      throw s.malformed("function and code section have inconsistent lengths");
    }
    bodies = new int[2 * count];
    long totalLocals = 0;
    for (int i = 0; i < count; i++) {
      int size = s.u31();
      s.check("bytes in one function body", size, limits.bodyBytes());
      int from = s.position;
      s.skip(size);
      bodies[2 * i] = from;
      bodies[2 * i + 1] = s.position;
      totalLocals += locals(new WasmCursor(s.bytes, from, s.position));
      s.check("locals over all functions", totalLocals, limits.totalLocals());
    }
  }

  private long locals(WasmCursor body) throws ModuleRefusedException {
    long sum = 0;
    int groups = body.u31();
    for (int g = 0; g < groups; g++) {
      sum += body.u32();
      body.check("locals in one function", sum, limits.locals());
      ValueKind.read(body);
    }
    return sum;
  }

  private void data(WasmCursor s) throws ModuleRefusedException {
    int count = s.u31();
    s.check("data segments", count, limits.segments());
    dataSegments = count;
    for (int i = 0; i < count; i++) {
      long flags = s.u32();
      if (flags > 2) {
        throw s.malformed("unknown data segment");
      }
      if (flags == 2) {
        s.u32();
      }
      if (flags != 1) {
        constant(s);
      }
      s.skip(s.u32());
    }
  }

  /** Skips a constant expression (core spec 3.3.10, with the extended constants of 3.0). */
  private void constant(WasmCursor s) throws ModuleRefusedException {
    int from = s.position;
    while (true) {
      s.check("bytes in one constant expression", (long) s.position - from, limits.constantBytes());
      int op = s.u8();
      switch (op) {
        case 0x0B -> {
          return;
        }
        case 0x41 -> s.signed(32);
        case 0x42 -> s.signed(64);
        case 0x43 -> s.skip(4);
        case 0x44 -> s.skip(8);
        case 0x23, 0xD2 -> s.u32();
        case 0xD0 -> {
          if (!ValueKind.read(s).isReference()) {
            throw s.malformed("unknown reference type");
          }
        }
        case 0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E -> {}
        case 0xFB -> throw s.unsupported("garbage collection");
        case 0xFD -> throw s.unsupported("SIMD vectors (v128)");
        default ->
            throw new ModuleRefusedException(
                Reason.INVALID,
                "invalid module: constant expression required at offset " + (s.position - 1));
      }
    }
  }

  /** The engine's validator does not look at what is exported. Functions are looked at apart. */
  private void checkKnown(Export export) throws ModuleRefusedException {
    int count =
        switch (export.kind()) {
          case FUNCTION -> Integer.MAX_VALUE;
          case TABLE -> tables.size();
          case MEMORY -> memories;
          case GLOBAL -> globals.size();
        };
    if (export.index() >= count) {
      throw new ModuleRefusedException(
          Reason.INVALID,
          "invalid module: export "
              + Printable.of(export.name())
              + " names unknown "
              + export.kind().name().toLowerCase(Locale.ROOT)
              + " "
              + export.index());
    }
  }

  private ModuleDescription describe(int[] importedTypes) throws ModuleRefusedException {
    List<Export> described = new ArrayList<>(exports.size());
    Set<String> exported = new HashSet<>();
    for (Export export : exports) {
      if (!exported.add(export.name())) {
        throw new ModuleRefusedException(
            Reason.INVALID, "invalid module: duplicate export name " + Printable.of(export.name()));
      }
      checkKnown(export);
      Signature signature = null;
      if (export.kind() == ExternKind.FUNCTION) {
        if (export.index() >= importedTypes.length + functions.length) {
          throw new ModuleRefusedException(
              Reason.INVALID,
              "invalid module: export "
                  + Printable.of(export.name())
                  + " names unknown function "
                  + export.index());
        }
        signature =
            types.get(
                export.index() < importedTypes.length
                    ? importedTypes[export.index()]
                    : functions[export.index() - importedTypes.length]);
      }
      described.add(new Export(export.name(), export.kind(), export.index(), signature));
    }
    return new ModuleDescription(
        in.bytes.length,
        functions.length,
        memoryMinPages * 65_536,
        tableMinElements,
        start >= 0,
        described,
        imports,
        List.of(),
        0);
  }
}
