package dev.skep.engine;

import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.PassiveElement;
import dev.skep.engine.ModuleDescription.Import;
import dev.skep.engine.cranelift.ContextLayout;
import dev.skep.engine.cranelift.HostOperation;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.pool.CodeLease;
import dev.skep.pool.CodeMapping;
import dev.skep.pool.CodeOutcome;
import dev.skep.pool.CodeSpace;
import dev.skep.pool.SlotTable;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A module's machine code, mapped once for all its instances, and behind it the table by which it
 * calls indirectly. Immutable and thread-safe.
 *
 * <pre>
 *   [ code … ][ function 0: address, signature │ function 1 │ … ]
 *     ^page     ^16
 * </pre>
 *
 * <p>The code stays mapped until it is closed and the last instance has given back its lease; or
 * until neither this nor any instance is reachable, as classes are unloaded.
 */
final class MachineModule implements AutoCloseable {
  private static final Cleaner CLEANER = Cleaner.create();

  private static final int ENTRY_BYTES = ContextLayout.FUNCTION_BYTES;

  /**
   * What an instance begins with besides its images.
   *
   * @param globals raw bits of each
   * @param elements of each passive element segment, as {@link SlotTable#initElements} takes them;
   *     of others none
   */
  record Start(long[] globals, int[][] elements) {

    /** Reads it from an engine instance that has not run yet. */
    static Start of(WasmModule module, Instance instance) {
      long[] globals = new long[module.globalSection().globalCount()];
      for (int i = 0; i < globals.length; i++) {
        globals[i] = instance.global(i).getValueLow();
      }
      int[][] elements = new int[module.elementSection().elements().length][];
      for (int i = 0; i < elements.length; i++) {
        elements[i] =
            instance.element(i) instanceof PassiveElement passive
                ? passive.initializers().stream()
                    .mapToInt(each ->
                        SlotTable.stored(
                            (int) ConstantEvaluators.computeConstantValue(instance, each)[0]))
                    .toArray()
                : new int[0];
      }
      return new Start(globals, elements);
    }
  }

  /** A context as it is before a run, for one start. */
  private record Image(Start start, byte[] bytes) {}

  private final CodeMapping mapping;
  private final int[] functions;
  private final int[] signatures;
  private final Map<Integer, Integer> entries;
  private final List<HostOperation> operations;
  private final ContextLayout layout;
  private final int stackPerUnit;
  private final long table;
  private final HostCall[] imports;
  private final Signature[] importTypes;
  private volatile @Nullable Image image;

  private MachineModule(
      MachineCode code, CodeMapping mapping, long tableOffset, List<Import> wanted) {
    // Not the code's bytes, which are in the mapping.
    this.mapping = mapping;
    this.functions = code.functions();
    this.signatures = code.signatures();
    this.entries = code.entries();
    this.operations = code.operations();
    this.layout = code.layout();
    this.stackPerUnit = code.stackPerUnit();
    this.table = mapping.address() + tableOffset;
    this.imports = new HostCall[wanted.size()];
    this.importTypes = new Signature[imports.length];
    for (int i = 0; i < imports.length; i++) {
      imports[i] = Wasi.call(wanted.get(i).name());
      importTypes[i] = wanted.get(i).signature();
    }
    var _ = CLEANER.register(this, mapping::abandon);
  }

  /** Maps a module's code; answers the reason if it cannot be. */
  static Outcome map(MachineCode code, ModuleDescription description, CodeSpace space) {
    int[] functions = code.functions();
    long tableOffset = (code.code().length + 15L) / ENTRY_BYTES * ENTRY_BYTES;
    CodeOutcome outcome =
        space.map(
            tableOffset + (long) functions.length * ENTRY_BYTES,
            draft -> {
              draft.putBytes(0, code.code());
              for (int i = 0; i < functions.length; i++) {
                long entry = tableOffset + (long) i * ENTRY_BYTES;
                draft.putLong(entry, draft.address() + functions[i]);
                draft.putInt(entry + 8, code.signatures()[i]);
              }
            });
    return switch (outcome) {
      case CodeMapping mapping ->
          new Mapped(new MachineModule(code, mapping, tableOffset, description.imports()));
      case CodeOutcome.Refused refused -> new Refused(refused.message());
    };
  }

  /** What came of mapping. */
  sealed interface Outcome {}

  record Mapped(MachineModule module) implements Outcome {}

  record Refused(String message) implements Outcome {}

  /** What an instance holds for as long as it may run; null if the code is on its way out. */
  @Nullable CodeLease lease() {
    return mapping.lease();
  }

  /** Bytes mapped. */
  long bytes() {
    return mapping.bytes();
  }

  ContextLayout layout() {
    return layout;
  }

  /** Upcalls with a number from this on are operations; those below are imported functions. */
  int firstOperation() {
    return functions.length;
  }

  /** The operation of an upcall. */
  HostOperation operation(int what) {
    return operations.get(what - functions.length);
  }

  HostCall imported(int function) {
    return imports[function];
  }

  Signature importType(int function) {
    return importTypes[function];
  }

  /** Address of a function. */
  long addressOf(int function) {
    return mapping.address() + functions[function];
  }

  /** Address of what calls a function. */
  long entryOf(int function) {
    Integer entry = entries.get(signatures[function]);
    if (entry == null) {
      throw new IllegalArgumentException("function " + function + " cannot be entered");
    }
    return mapping.address() + entry;
  }

  /** A context as it is before a run, memories and tables left out; not to be changed. */
  @SuppressWarnings("ReferenceEquality") // the same start, of which there is one at a time
  byte[] context(Start start) {
    Image known = image;
    if (known == null || known.start != start) {
      known = new Image(start, newContext(start));
      image = known;
    }
    return known.bytes;
  }

  private byte[] newContext(Start start) {
    ByteBuffer bytes = ByteBuffer.allocate(layout.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(ContextLayout.FUNCTIONS, table);
    bytes.putLong(ContextLayout.UPCALL, MachineInstance.UPCALL);
    bytes.putLong(ContextLayout.STACK_PER_UNIT, stackPerUnit);
    for (int i = 0; i < start.globals().length; i++) {
      bytes.putLong(layout.global(i), start.globals()[i]);
    }
    return bytes.array();
  }

  /** No instance begins to run it any more. Idempotent. */
  @Override
  public void close() {
    mapping.close();
  }
}
