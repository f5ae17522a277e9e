package dev.skep.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where everything is in a module's bytes, found by {@link ModuleScanner} in one pass.
 *
 * @param bytes the module
 * @param sections the sections that are not custom, in order
 * @param types the type section
 * @param importedFunctions type indexes of the imported functions
 * @param functions type indexes of the defined functions
 * @param bodies where each defined function's body begins (behind its length) and ends
 * @param tables defined
 * @param memories number defined
 * @param globals defined
 * @param elementSegments number of them
 * @param dataCount number of data segments by the data count section, or −1 without one
 * @param start index of the start function, or −1
 * @param names where the function names of the name section are, or null
 * @param description for everyone else
 * @param figures how much of what is limited it has, as far as the scan looks
 */
record ScannedModule(
    byte[] bytes,
    List<Section> sections,
    List<Signature> types,
    int[] importedFunctions,
    int[] functions,
    int[] bodies,
    List<TableType> tables,
    int memories,
    List<GlobalType> globals,
    int elementSegments,
    int dataCount,
    int start,
    @Nullable Range names,
    ModuleDescription description,
    ModuleFigures figures) {

  /** A section's content, its id and length left out. */
  record Section(int id, int from, int to) {}

  record Range(int from, int to) {}

  record TableType(ValueKind elements, long min) {}

  record GlobalType(ValueKind kind, boolean isMutable) {}

  /** Type index of a function, the imported ones first. */
  int typeOf(int function) {
    int imported = importedFunctions.length;
    return function < imported ? importedFunctions[function] : functions[function - imported];
  }

  int functionCount() {
    return importedFunctions.length + functions.length;
  }
}
