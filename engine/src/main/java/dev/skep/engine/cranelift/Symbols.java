package dev.skep.engine.cranelift;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Numbers of what code calls by number:
 *
 * <pre>
 *   function 0 … │ trap │ unwind │ refill │ operation 0 …
 * </pre>
 *
 * and numbers of signatures, the same for equal types. Not thread-safe.
 */
final class Symbols {
  /** Notes a trap, whose state is in the context already: context, kind, function. */
  static final FunctionShape TRAP_SHAPE = new FunctionShape("Iii", "");

  /** Notes the function that a trapped call came back to: context, function. */
  static final FunctionShape UNWIND_SHAPE = new FunctionShape("Ii", "");

  /**
   * Asks for the next slice: context, the cost that cannot be paid. Preserves all registers, so
   * that asking for it costs a loop nothing when it does not. The state is in the context, before
   * and after: as an argument it would have to be in that register, in every loop.
   */
  static final FunctionShape REFILL_SHAPE = new FunctionShape("Ii", "");

  private final int functions;
  private final int[] signatures;
  private final List<HostOperation> operations = new ArrayList<>();
  private final Map<HostOperation, Integer> numbers = new HashMap<>();

  Symbols(CompileRequest module) {
    functions = module.functionTypes().length;
    signatures = new int[module.types().size()];
    Map<FunctionShape, Integer> first = new HashMap<>();
    for (int i = 0; i < signatures.length; i++) {
      Integer known = first.putIfAbsent(module.types().get(i), i);
      signatures[i] = known == null ? i : known;
    }
  }

  int trap() {
    return functions;
  }

  int unwind() {
    return functions + 1;
  }

  int refill() {
    return functions + 2;
  }

  /** Number of the signature of a type. */
  int signature(int type) {
    return signatures[type];
  }

  int operation(HostOperation operation) {
    return operationSymbol(
        numbers.computeIfAbsent(
            operation,
            added -> {
              operations.add(added);
              return operations.size() - 1;
            }));
  }

  int operationSymbol(int number) {
    return functions + 3 + number;
  }

  List<HostOperation> operations() {
    return operations;
  }
}
