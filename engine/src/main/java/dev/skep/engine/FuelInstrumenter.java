package dev.skep.engine;

import dev.skep.engine.ScannedModule.Section;
import java.util.Set;

/**
 * Writes a module again so that it pays for itself: a charge before every run of operators, bulk
 * operators behind functions that charge by length. The indexes that the module knows stay what
 * they are; what is added comes behind them:
 *
 * <pre>
 *   types      …, (i32) -> (), one for each bulk operator
 *   functions  …, charge(cost), chargeLength(unsigned length), one for each bulk operator
 *   memories   …, one of no pages if there was none: the meter is the memory object
 * </pre>
 *
 * The two charging functions have empty bodies; {@link GuestClasses} turns calls of them into
 * charges. The start function is left out, because the engine calls it itself, metered; custom
 * sections are left out too.
 */
final class FuelInstrumenter {
  /**
   * An instrumented module.
   *
   * @param bytes to be parsed
   * @param chargeFunction index of {@code charge(i32)}
   * @param chargeLengthFunction index of {@code chargeLength(i32)}
   */
  record Instrumented(byte[] bytes, int chargeFunction, int chargeLengthFunction) {}

  private static final int TYPE = 1;
  private static final int IMPORT = 2;
  private static final int FUNCTION = 3;
  private static final int TABLE = 4;
  private static final int MEMORY = 5;
  private static final int START = 8;
  private static final int DATA_COUNT = 12;
  private static final int CODE = 10;

  /** The order in which sections stand (core spec 5.5.2). */
  private static final int[] ORDER = {
    TYPE, IMPORT, FUNCTION, TABLE, MEMORY, 6, 7, 9, DATA_COUNT, CODE, 11
  };

  private FuelInstrumenter() {}

  static Instrumented instrument(ScannedModule module, EngineConfig config)
      throws ModuleRefusedException {
    return instrument(module, config, Set.of());
  }

  /**
   * The same, with the same indexes.
   *
   * @param interpreted indexes of the functions that are written for the engine's interpreter, see
   *     {@link InterpretedOperator}
   */
  static Instrumented instrument(
      ScannedModule module, EngineConfig config, Set<Integer> interpreted)
      throws ModuleRefusedException {
    int charge = module.functionCount();
    int chargeLength = charge + 1;
    BulkOperations bulk = new BulkOperations(module.tables(), charge + 2);
    WasmBuffer code = code(module, config, interpreted, bulk, charge, chargeLength);
    WasmBuffer out = new WasmBuffer(module.bytes().length * 3 / 2 + 256);
    out.raw(module.bytes(), 0, 8);
    WasmBuffer content = new WasmBuffer(1_024);
    for (int id : ORDER) {
      content.clear();
      switch (id) {
        case TYPE -> {
          append(module, id, content, module.types().size(), 1 + bulk.all().size());
          content.raw(new byte[] {0x60, 1, 0x7F, 0}, 0, 4);
          for (BulkOperation operation : bulk.all()) {
            bulk.writeType(operation, content);
          }
          out.section(id, content);
        }
        case FUNCTION -> {
          append(module, id, content, module.functions().length, 2 + bulk.all().size());
          int type = module.types().size();
          content.u32(type);
          content.u32(type);
          for (int i = 0; i < bulk.all().size(); i++) {
            content.u32(type + 1 + i);
          }
          out.section(id, content);
        }
        case MEMORY -> {
          if (module.memories() == 0) {
            content.raw(new byte[] {1, 1, 0, 0}, 0, 4);
            out.section(id, content);
          } else {
            copy(module, id, out);
          }
        }
        case CODE -> out.section(id, code);
        default -> copy(module, id, out);
      }
    }
    return new Instrumented(out.toBytes(), charge, chargeLength);
  }

  /**
   * The module with functions that only trap, for whoever runs it in another way and needs the
   * rest: the indexes stay what they are. It has a memory, as an instrumented module does, and
   * neither start function nor custom sections. Unlike {@link HollowModule} it looks at no body.
   */
  static byte[] bodiless(ScannedModule module) {
    WasmBuffer out = new WasmBuffer(module.bytes().length + 64);
    out.raw(module.bytes(), 0, 8);
    WasmBuffer content = new WasmBuffer(1_024);
    for (int id : ORDER) {
      if (id == MEMORY && module.memories() == 0) {
        content.clear();
        content.raw(new byte[] {1, 1, 0, 0}, 0, 4);
        out.section(id, content);
      } else if (id == CODE) {
        content.clear();
        content.u32(module.functions().length);
        for (int i = 0; i < module.functions().length; i++) {
          content.raw(TRAPPING_BODY, 0, TRAPPING_BODY.length);
        }
        out.section(id, content);
      } else {
        copy(module, id, out);
      }
    }
    return out.toBytes();
  }

  /** Its length, no locals, {@code unreachable}, {@code end}. */
  private static final byte[] TRAPPING_BODY = {3, 0, 0x00, 0x0B};

  /** Begins a section that holds {@code more} entries behind those it had. */
  private static void append(ScannedModule module, int id, WasmBuffer content, int count, int more)
      throws ModuleRefusedException {
    content.u32((long) count + more);
    for (Section section : module.sections()) {
      if (section.id() == id) {
        WasmCursor entries = new WasmCursor(module.bytes(), section.from(), section.to());
        entries.u32();
        content.raw(module.bytes(), entries.position, section.to());
      }
    }
  }

  private static void copy(ScannedModule module, int id, WasmBuffer out) {
    for (Section section : module.sections()) {
      if (section.id() == id && id != START) {
        out.u8(id);
        out.u32(section.to() - section.from());
        out.raw(module.bytes(), section.from(), section.to());
      }
    }
  }

  private static WasmBuffer code(
      ScannedModule module,
      EngineConfig config,
      Set<Integer> interpreted,
      BulkOperations bulk,
      int charge,
      int chargeLength)
      throws ModuleRefusedException {
    int imported = module.importedFunctions().length;
    BodyInstrumenter instrumenter = new BodyInstrumenter(config, bulk, charge);
    WasmBuffer bodies = new WasmBuffer(module.bytes().length * 3 / 2 + 64);
    WasmBuffer body = new WasmBuffer(4_096);
    int[] ranges = module.bodies();
    for (int i = 0; i < ranges.length; i += 2) {
      body.clear();
      if (interpreted.contains(imported + i / 2)) {
        int parameters = module.types().get(module.functions()[i / 2]).params().size();
        instrumenter.instrumentForInterpreter(
            module.bytes(), ranges[i], ranges[i + 1], parameters, body);
      } else {
        instrumenter.instrument(module.bytes(), ranges[i], ranges[i + 1], body);
      }
      bodies.u32(body.length());
      bodies.raw(body);
    }
    for (int i = 0; i < 2; i++) {
      bodies.raw(new byte[] {2, 0, 0x0B}, 0, 3);
    }
    for (BulkOperation operation : bulk.all()) {
      body.clear();
      bulk.writeBody(operation, chargeLength, body);
      bodies.u32(body.length());
      bodies.raw(body);
    }
    WasmBuffer code = new WasmBuffer(bodies.length() + 8);
    code.u32(ranges.length / 2 + 2L + bulk.all().size());
    code.raw(bodies);
    return code;
  }
}
