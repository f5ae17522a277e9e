package dev.skep.engine.cranelift;

import java.util.List;

/**
 * A checked module, as far as its functions need it. The arrays are not copied and must not change.
 *
 * @param bytes the module
 * @param types the type section
 * @param functionTypes type index of each function, those imported first
 * @param imported how many are imported
 * @param bodies where each defined function's body begins, behind its length, and ends
 * @param memories number of memories
 * @param memoryGrows whether a memory can have another size later than at the start
 * @param tables number of tables
 * @param globals letter of each global's type
 * @param contextBytes most bytes that a context may have
 * @param entries indexes of the functions that the host calls
 * @param charges what each defined function pays, where
 * @param depthUnits call depth that a call of each defined function takes; 0 for one that calls
 *     nothing
 */
public record CompileRequest(
    byte[] bytes,
    List<FunctionShape> types,
    int[] functionTypes,
    int imported,
    int[] bodies,
    int memories,
    boolean memoryGrows,
    int tables,
    String globals,
    int contextBytes,
    int[] entries,
    List<Charges> charges,
    int[] depthUnits) {

  /**
   * Charges of one function, in the order of their positions.
   *
   * @param positions in the module's bytes, before the operator there
   * @param costs units of fuel
   * @param checked whether what is left is looked at
   */
  public record Charges(int[] positions, int[] costs, boolean[] checked) {}

  FunctionShape shapeOf(int function) {
    return types.get(functionTypes[function]);
  }
}
