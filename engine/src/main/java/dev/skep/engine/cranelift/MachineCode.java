package dev.skep.engine.cranelift;

import java.util.List;
import java.util.Map;

/**
 * A module's machine code, position-independent, for any number of instances. The arrays are not
 * copied and must not change.
 *
 * @param code all functions and thunks
 * @param functions where each function begins in it; of an imported one, what calls the host
 * @param signatures a number for each function's type; those of equal types are equal
 * @param entries by signature: where the thunk is that calls a function of that type
 * @param operations what the code asks of the host, by number, besides the imported functions
 * @param layout of the context
 * @param stackPerUnit most stack that one unit of call depth takes, in bytes
 * @param leafStack most stack that a function takes which takes no call depth
 */
public record MachineCode(
    byte[] code,
    int[] functions,
    int[] signatures,
    Map<Integer, Integer> entries,
    List<HostOperation> operations,
    ContextLayout layout,
    int stackPerUnit,
    int leafStack)
    implements CompileOutcome {

  /** The upcall that asks for the next slice of fuel. */
  public static final int REFILL = -1;
}
