package dev.skep.engine;

import dev.skep.engine.BulkOperation.Kind;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.engine.ScannedModule.GlobalType;
import dev.skep.engine.cranelift.CompileRequest;
import dev.skep.engine.cranelift.CompileRequest.Charges;
import dev.skep.engine.cranelift.FunctionShape;
import dev.skep.pool.SlotLease;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntUnaryOperator;

/** Says to the compiler of machine code what it has to know of a module. */
final class MachineRequest {
  /** Words of a frame that one unit of call depth pays for, as on tier 1. */
  private static final int WORDS_PER_UNIT = 16;

  /** A function that is interpreted on tier 1 is given a large frame. */
  private static final int INTERPRETED_UNITS = 1 + 1_024 / WORDS_PER_UNIT;

  private MachineRequest() {}

  /**
   * The request for a module.
   *
   * @param compiled the same on tier 1, whose call depth the code takes over
   */
  static CompileRequest of(ScannedModule module, EngineConfig config, CompiledModule compiled)
      throws ModuleRefusedException {
    return of(
        module,
        config,
        function ->
            compiled.interpretedFunctions().contains(function)
                ? INTERPRETED_UNITS
                : compiled.depthUnits(function));
  }

  /**
   * The same.
   *
   * @param depthUnits that tier 1 takes for a call, of the functions that call others
   * @param interpreted the functions that are interpreted on tier 1
   */
  static CompileRequest of(
      ScannedModule module,
      EngineConfig config,
      Map<Integer, Integer> depthUnits,
      Set<Integer> interpreted)
      throws ModuleRefusedException {
    return of(
        module,
        config,
        function ->
            interpreted.contains(function)
                ? INTERPRETED_UNITS
                : depthUnits.getOrDefault(function, 0));
  }

  /**
   * The same.
   *
   * @param depthUnits of a function: what a call takes of the call depth
   */
  static CompileRequest of(ScannedModule module, EngineConfig config, IntUnaryOperator depthUnits)
      throws ModuleRefusedException {
    BulkOperations bulk = new BulkOperations(module.tables(), module.functionCount() + 2);
    BodyInstrumenter instrumenter = new BodyInstrumenter(config, bulk, module.functionCount());
    List<Charges> charges = new ArrayList<>();
    int[] ranges = module.bodies();
    for (int i = 0; i < ranges.length; i += 2) {
      charges.add(instrumenter.charges(module.bytes(), ranges[i], ranges[i + 1]));
    }
    int imported = module.importedFunctions().length;
    int[] types = new int[module.functionCount()];
    int[] units = new int[module.functions().length];
    for (int i = 0; i < types.length; i++) {
      types[i] = module.typeOf(i);
      if (i >= imported) {
        units[i - imported] = depthUnits.applyAsInt(i);
      }
    }
    return new CompileRequest(
        module.bytes(),
        module.types().stream().map(MachineRequest::shape).toList(),
        types,
        imported,
        ranges,
        module.memories(),
        bulk.all().stream().anyMatch(operation -> operation.kind() == Kind.MEMORY_GROW),
        module.tables().size(),
        letters(module.globals().stream().map(GlobalType::kind).toList()),
        SlotLease.mostContextBytes(),
        entries(module),
        charges,
        units);
  }

  private static int[] entries(ScannedModule module) {
    List<Integer> entries = new ArrayList<>();
    for (Export export : module.description().exports()) {
      if (export.kind() == ExternKind.FUNCTION) {
        entries.add(export.index());
      }
    }
    if (module.start() >= 0) {
      entries.add(module.start());
    }
    return entries.stream().mapToInt(Integer::intValue).toArray();
  }

  private static FunctionShape shape(Signature signature) {
    return new FunctionShape(letters(signature.params()), letters(signature.results()));
  }

  private static String letters(List<ValueKind> kinds) {
    StringBuilder letters = new StringBuilder();
    for (ValueKind kind : kinds) {
      letters.append(
          switch (kind) {
            case I32 -> 'i';
            case I64 -> 'I';
            case F32 -> 'f';
            case F64 -> 'F';
            case FUNCREF -> 'r';
            case EXTERNREF -> 'x';
          });
    }
    return letters.toString();
  }
}
