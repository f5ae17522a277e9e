package dev.skep.engine;

import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.AnnotatedInstruction;
import dev.skep.engine.ModuleFigures.Figure;
import dev.skep.limits.ModuleLimits;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What is limited within functions' bodies, read off a module that has been parsed.
 *
 * @param nesting deepest nested blocks
 * @param branchTargets most targets of one {@code br_table}, its default not counted
 * @param bulkOperators different bulk operators, immediates included
 * @param limits of all these
 */
record BodyFigures(int nesting, int branchTargets, int bulkOperators, ModuleLimits limits) {

  static BodyFigures of(WasmModule module, ModuleLimits limits) {
    int nesting = 0;
    int targets = 0;
    Set<List<Object>> bulk = new HashSet<>();
    for (int i = 0; i < module.codeSection().functionBodyCount(); i++) {
      int depth = 0;
      for (AnnotatedInstruction each : module.codeSection().getFunctionBody(i).instructions()) {
        switch (each.opcode()) {
          case BLOCK, LOOP, IF -> nesting = Math.max(nesting, ++depth);
          case END -> depth--;
          case BR_TABLE -> targets = Math.max(targets, each.labelTable().size() - 1);
          case MEMORY_GROW,
              MEMORY_INIT,
              MEMORY_COPY,
              MEMORY_FILL,
              TABLE_INIT,
              TABLE_COPY,
              TABLE_GROW,
              TABLE_FILL ->
              bulk.add(
                  List.of(
                      each.opcode(),
                      each.operand(0),
                      each.operandCount() > 1 ? each.operand(1) : 0L));
          default -> {}
        }
      }
    }
    return new BodyFigures(nesting, targets, bulk.size(), limits);
  }

  ModuleFigures addTo(ModuleFigures figures) {
    return figures.with(
        new Figure("nesting", "nested blocks", nesting, limits.nesting()),
        new Figure(
            "branchTargets", "most targets of a br_table", branchTargets, limits.branchTargets()),
        new Figure(
            "bulkOperators", "different bulk operators", bulkOperators, BulkOperations.MOST));
  }
}
