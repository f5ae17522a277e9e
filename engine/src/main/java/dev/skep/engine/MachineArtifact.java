package dev.skep.engine;

import com.dylibso.chicory.wasm.WasmModule;
import dev.skep.engine.Artifact.Table;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.engine.cranelift.ContextLayout;
import dev.skep.engine.cranelift.HostOperation;
import dev.skep.engine.cranelift.HostOperation.Kind;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.pool.SlotLease;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Machine code as an {@link Artifact}, and back. What is read is held against the module that it is
 * to run: its functions, their types, what it can ask of the host, and how large its context is. So
 * whatever the numbers in an artifact say, nothing but its code is taken on trust.
 */
final class MachineArtifact {
  private static final int VALUES = 0;
  private static final int TABLES = 1;
  private static final int GLOBALS = 2;
  private static final int STACK_PER_UNIT = 3;
  private static final int LEAF_STACK = 4;
  private static final int FIGURES = 5;

  /** What a module is like, as far as its machine code has to fit it. */
  record Fit(
      Signature[] functions,
      int imported,
      List<Integer> entered,
      int tables,
      int globals,
      int dataSegments,
      int elementSegments) {

    static Fit of(
        Signature[] functions, ModuleDescription description, int start, WasmModule module) {
      List<Integer> entered = new ArrayList<>();
      for (Export export : description.exports()) {
        if (export.kind() == ExternKind.FUNCTION) {
          entered.add(export.index());
        }
      }
      if (start >= 0) {
        entered.add(start);
      }
      return new Fit(
          functions,
          description.imports().size(),
          entered,
          module.tableSection().tableCount(),
          module.globalSection().globalCount(),
          module.dataSection().dataSegmentCount(),
          module.elementSection().elementCount());
    }
  }

  private MachineArtifact() {}

  /**
   * The artifact of a module's code.
   *
   * @param module SHA-256 of the module, 64 lower-case hexadecimal digits
   * @throws IllegalArgumentException if it is too large
   */
  static Artifact of(String module, CompilerKey compiler, MachineCode code) {
    int count = code.functions().length;
    int[] functions = new int[2 * count];
    for (int i = 0; i < count; i++) {
      functions[2 * i] = code.functions()[i];
      functions[2 * i + 1] = code.signatures()[i];
    }
    int[] entries = new int[2 * code.entries().size()];
    int next = 0;
    for (Map.Entry<Integer, Integer> entry : new TreeMap<>(code.entries()).entrySet()) {
      entries[next++] = entry.getKey();
      entries[next++] = entry.getValue();
    }
    int[] operations = new int[3 * code.operations().size()];
    next = 0;
    for (HostOperation operation : code.operations()) {
      operations[next++] = operation.kind().number();
      operations[next++] = operation.first();
      operations[next++] = operation.second();
    }
    int[] figures = new int[FIGURES];
    figures[VALUES] = code.layout().values();
    figures[TABLES] = code.layout().tables();
    figures[GLOBALS] = code.layout().globals();
    figures[STACK_PER_UNIT] = code.stackPerUnit();
    figures[LEAF_STACK] = code.leafStack();
    EnumMap<Table, IntTable> tables = new EnumMap<>(Table.class);
    tables.put(Table.FUNCTIONS, new IntTable(2, functions));
    tables.put(Table.ENTRIES, new IntTable(2, entries));
    tables.put(Table.OPERATIONS, new IntTable(3, operations));
    tables.put(Table.FIGURES, new IntTable(1, figures));
    // Names are the module's, which whoever runs the code has; what traps is noted by the code.
    return new Artifact(module, compiler, code.code(), tables, Map.of());
  }

  /**
   * The code of an artifact, for a module that it fits.
   *
   * @throws IllegalArgumentException if it does not, and where
   */
  static MachineCode read(Artifact artifact, Fit fit) {
    check(artifact.table(Table.RELOCATIONS).rows() == 0, "it has relocations");
    check(artifact.table(Table.TRAPS).rows() == 0, "it has traps");
    IntTable figures = artifact.table(Table.FIGURES);
    check(figures.rows() == FIGURES, "it has " + figures.rows() + " figures");
    ContextLayout layout = layout(figures, fit);
    int stackPerUnit = figures.at(STACK_PER_UNIT, 0);
    int leafStack = figures.at(LEAF_STACK, 0);
    checkRange("the stack for a unit of depth", stackPerUnit, 1, ModuleCompiler.MOST_STACK_BYTES);
    checkRange("the stack of a leaf", leafStack, 0, ModuleCompiler.MOST_STACK_BYTES);
    IntTable rows = artifact.table(Table.FUNCTIONS);
    checkRange("the number of functions", rows.rows(), fit.functions.length, fit.functions.length);
    int[] functions = new int[rows.rows()];
    int[] signatures = new int[functions.length];
    for (int i = 0; i < functions.length; i++) {
      functions[i] = rows.at(i, 0);
      signatures[i] = rows.at(i, 1);
    }
    checkSignatures(signatures, fit.functions);
    Map<Integer, Integer> entries = new HashMap<>();
    IntTable entered = artifact.table(Table.ENTRIES);
    for (int i = 0; i < entered.rows(); i++) {
      entries.put(entered.at(i, 0), entered.at(i, 1));
    }
    for (int function : fit.entered) {
      check(entries.containsKey(signatures[function]), "no entry leads to function " + function);
    }
    return new MachineCode(
        artifact.code(),
        functions,
        signatures,
        Map.copyOf(entries),
        operations(artifact.table(Table.OPERATIONS), fit),
        layout,
        stackPerUnit,
        leafStack);
  }

  private static ContextLayout layout(IntTable figures, Fit fit) {
    int values = 3; // what operators that the host carries out take
    for (Signature signature : fit.functions) {
      values = Math.max(values, Math.max(signature.params().size(), signature.results().size()));
    }
    checkRange("the number of values", figures.at(VALUES, 0), values, SlotLease.mostContextBytes());
    checkRange("the number of tables", figures.at(TABLES, 0), fit.tables, fit.tables);
    checkRange("the number of globals", figures.at(GLOBALS, 0), fit.globals, fit.globals);
    ContextLayout layout = new ContextLayout(figures.at(VALUES, 0), fit.tables, fit.globals);
    checkRange("the bytes of a context", layout.bytes(), 0, SlotLease.mostContextBytes());
    return layout;
  }

  /** Equal numbers are equal types, and the other way round. */
  private static void checkSignatures(int[] numbers, Signature[] types) {
    Map<Integer, Signature> typeOf = new HashMap<>();
    Map<Signature, Integer> numberOf = new HashMap<>();
    for (int i = 0; i < numbers.length; i++) {
      Signature type = typeOf.putIfAbsent(numbers[i], types[i]);
      Integer number = numberOf.putIfAbsent(types[i], numbers[i]);
      check(
          (type == null || type.equals(types[i])) && (number == null || number == numbers[i]),
          "function " + i + " has another type than in the module");
    }
  }

  private static List<HostOperation> operations(IntTable rows, Fit fit) {
    List<HostOperation> operations = new ArrayList<>(rows.rows());
    for (int i = 0; i < rows.rows(); i++) {
      Kind kind = Kind.of(rows.at(i, 0));
      if (kind == null) {
        throw new IllegalArgumentException(
            "the host carries out no operator " + rows.at(i, 0) + ", operation " + i);
      }
      int first = 1;
      int second = 1;
      switch (kind) {
        case MEMORY_GROW, MEMORY_COPY, MEMORY_FILL -> {}
        case MEMORY_INIT, DATA_DROP -> first = fit.dataSegments;
        case TABLE_SET, TABLE_GROW, TABLE_FILL -> first = fit.tables;
        case TABLE_COPY -> {
          first = fit.tables;
          second = fit.tables;
        }
        case TABLE_INIT -> {
          first = fit.elementSegments;
          second = fit.tables;
        }
        case ELEM_DROP -> first = fit.elementSegments;
      }
      checkRange("the first index of operation " + i, rows.at(i, 1), 0, first - 1);
      checkRange("the second index of operation " + i, rows.at(i, 2), 0, second - 1);
      operations.add(new HostOperation(kind, rows.at(i, 1), rows.at(i, 2)));
    }
    return List.copyOf(operations);
  }

  private static void checkRange(String what, int value, int least, int most) {
    check(
        value >= least && value <= most,
        what + " is " + value + "; it must be from " + least + " to " + most);
  }

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }
}
