package dev.skep.engine;

import dev.skep.engine.BulkOperation.Kind;
import dev.skep.engine.ModuleRefusedException.Reason;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The functions that the instrumented module gains for its bulk operators, one for each operator
 * with its immediates: charge for the length, then do it. Dropping a data segment is among them
 * because what the engine's interpreter drops, {@code memory.init} does not see.
 */
final class BulkOperations {
  /** Bounded, because a module could name each of its segments in turn. */
  static final int MOST = 4_096;

  private final List<ScannedModule.TableType> tables;
  private final int firstFunction;
  private final Map<BulkOperation, Integer> functions = new HashMap<>();
  private final List<BulkOperation> operations = new ArrayList<>();

  /**
   * @param firstFunction index that the first of them gets
   */
  BulkOperations(List<ScannedModule.TableType> tables, int firstFunction) {
    this.tables = tables;
    this.firstFunction = firstFunction;
  }

  /** Index of the function for this operator. */
  int functionFor(Kind kind, int first, int second, WasmCursor in) throws ModuleRefusedException {
    BulkOperation operation = new BulkOperation(kind, first, second);
    Integer known = functions.get(operation);
    if (known != null) {
      return known;
    }
    in.check("different bulk operators", operations.size() + 1L, MOST);
    if ((kind == Kind.TABLE_GROW || kind == Kind.TABLE_FILL) && first >= tables.size()) {
      throw new ModuleRefusedException(
          Reason.INVALID, "invalid module: unknown table " + first + " at offset " + in.position);
    }
    int index = firstFunction + operations.size();
    operations.add(operation);
    functions.put(operation, index);
    return index;
  }

  List<BulkOperation> all() {
    return operations;
  }

  /** The type of an operator's function, as the type section writes it. */
  void writeType(BulkOperation operation, WasmBuffer out) {
    ValueKind element =
        operation.kind() == Kind.TABLE_GROW || operation.kind() == Kind.TABLE_FILL
            ? tables.get(operation.first()).elements()
            : ValueKind.I32;
    out.u8(0x60);
    out.u32(operation.operands());
    for (int i = 0; i < operation.operands(); i++) {
      boolean isElement =
          (operation.kind() == Kind.TABLE_GROW && i == 0)
              || (operation.kind() == Kind.TABLE_FILL && i == 1);
      out.u8(isElement ? element.code() : ValueKind.I32.code());
    }
    boolean answers = operation.kind() == Kind.MEMORY_GROW || operation.kind() == Kind.TABLE_GROW;
    out.u32(answers ? 1 : 0);
    if (answers) {
      out.u8(ValueKind.I32.code());
    }
  }

  /**
   * The body of an operator's function, its length left out. Growth is paid for when it has
   * succeeded, because a refused growth costs only its operator; nothing has been touched by then.
   * All others are paid for first.
   */
  void writeBody(BulkOperation operation, int chargeLengthFunction, WasmBuffer out) {
    boolean grows = operation.kind() == Kind.MEMORY_GROW || operation.kind() == Kind.TABLE_GROW;
    int result = operation.operands();
    out.u8(grows ? 1 : 0);
    if (grows) {
      out.u8(1); // one local of type i32: the answer
      out.u8(ValueKind.I32.code());
    } else if (operation.kind() != Kind.DATA_DROP) {
      charge(operation, chargeLengthFunction, out);
    }
    for (int i = 0; i < operation.operands(); i++) {
      out.u8(0x20);
      out.u32(i);
    }
    operation.writeOperator(out);
    if (grows) {
      out.u8(0x22); // local.tee result; i32.const -1; i32.ne; if
      out.u32(result);
      out.u8(0x41);
      out.s32(-1);
      out.u8(0x47);
      out.u8(0x04);
      out.u8(0x40);
      charge(operation, chargeLengthFunction, out);
      out.u8(0x0B);
      out.u8(0x20);
      out.u32(result);
    }
    out.u8(0x0B);
  }

  private static void charge(BulkOperation operation, int chargeLengthFunction, WasmBuffer out) {
    out.u8(0x20);
    out.u32(operation.lengthOperand());
    out.u8(0x10);
    out.u32(chargeLengthFunction);
  }
}
