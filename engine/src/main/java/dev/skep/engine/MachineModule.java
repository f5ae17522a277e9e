package dev.skep.engine;

import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.PassiveElement;
import dev.skep.engine.ModuleDescription.Import;
import dev.skep.engine.cranelift.ContextLayout;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.pool.MappedCode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** A module's machine code, mapped, and what is the same for all its instances. Thread-safe. */
final class MachineModule implements AutoCloseable {
  /**
   * What an instance begins with besides its images.
   *
   * @param globals raw bits of each
   * @param elements references of each passive element segment; of others none
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
                    .mapToInt(
                        each -> (int) ConstantEvaluators.computeConstantValue(instance, each)[0])
                    .toArray()
                : new int[0];
      }
      return new Start(globals, elements);
    }
  }

  private final MachineCode code;
  private final MappedCode mapped;
  private final HostCall[] imports;
  private final Signature[] importTypes;

  MachineModule(MachineCode code, ModuleDescription description) {
    this.code = code;
    List<Import> wanted = description.imports();
    this.imports = new HostCall[wanted.size()];
    this.importTypes = new Signature[imports.length];
    for (int i = 0; i < imports.length; i++) {
      imports[i] = Wasi.call(wanted.get(i).name());
      importTypes[i] = wanted.get(i).signature();
    }
    this.mapped = new MappedCode(code.code(), code.functions(), code.signatures());
  }

  MachineCode code() {
    return code;
  }

  ContextLayout layout() {
    return code.layout();
  }

  HostCall imported(int function) {
    return imports[function];
  }

  Signature importType(int function) {
    return importTypes[function];
  }

  /** Address of a function. */
  long addressOf(int function) {
    return mapped.addressOf(code.functions()[function]);
  }

  /** Address of what calls a function. */
  long entryOf(int function) {
    Integer entry = code.entries().get(code.signatures()[function]);
    if (entry == null) {
      throw new IllegalArgumentException("function " + function + " cannot be entered");
    }
    return mapped.addressOf(entry);
  }

  /** A context as it is before a run, memories and tables left out. */
  byte[] context(Start start) {
    ContextLayout layout = layout();
    ByteBuffer image = ByteBuffer.allocate(layout.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    image.putLong(ContextLayout.FUNCTIONS, mapped.table());
    image.putLong(ContextLayout.UPCALL, MachineInstance.UPCALL);
    image.putLong(ContextLayout.STACK_PER_UNIT, code.stackPerUnit());
    for (int i = 0; i < start.globals().length; i++) {
      image.putLong(layout.global(i), start.globals()[i]);
    }
    return image.array();
  }

  @Override
  public void close() {
    mapped.close();
  }
}
