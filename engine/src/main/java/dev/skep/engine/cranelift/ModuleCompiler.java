package dev.skep.engine.cranelift;

import com.dylibso.chicory.runtime.Memory;
import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.objectweb.asm.tree.MethodNode;

/**
 * Compiles modules, one after another, and keeps the bridge warm between them. Not thread-safe.
 * Takes 100 ms a kilobyte of Wasm in the JVM, and 10 with the compiler's own machine code.
 */
public final class ModuleCompiler {
  /**
   * What the code depends on besides the module: Cranelift and the bridge to it, and the number of
   * this translation, which goes up with whatever changes the code that it gives. A test holds it
   * against the code of some modules.
   */
  public static final String VERSION = "cranelift-0.130.1,redline-0.0.5,skep-3";

  /** Most stack of one function: more would be near what is kept free for the host's functions. */
  public static final int MOST_STACK_BYTES = 64 << 10;

  /**
   * Most bytes of one function's body. Cranelift holds a function as a whole, some thousand bytes
   * for each of the body's, and nothing stops it before the function's end.
   */
  static final int MOST_BODY_BYTES = 512 << 10;

  /** A bridge that has taken more for a module is made anew: Wasm gives no memory back. */
  private static final int MOST_KEPT_PAGES = 1_024;

  private static final SecureRandom RANDOM = new SecureRandom();

  /**
   * Where the bridge, in this version, keeps the defaults of Cranelift's settings from 9 on: a byte
   * of which bit 3 has every function verified after each step of the translation.
   */
  private static final int SETTINGS = 1_160_868 + 9;

  private static final byte DEFAULTS = 0b1100;
  private static final byte UNVERIFIED = 0b0100;

  private final Supplier<RedlineBridge_ModuleExports> bridges;
  private final Target target;
  private final boolean verifying;
  private RedlineBridge_ModuleExports bridge;

  /**
   * @param bridges makes the bridge, and makes it anew when it has failed
   * @param target what the code is for, which need not be what the compiler runs on
   * @param verifying whether Cranelift is to check what it is given, which takes as long again; for
   *     tests of the translation
   */
  public ModuleCompiler(
      Supplier<RedlineBridge_ModuleExports> bridges, Target target, boolean verifying) {
    this.bridges = bridges;
    this.target = target;
    this.verifying = verifying;
    this.bridge = started();
  }

  private RedlineBridge_ModuleExports started() {
    RedlineBridge_ModuleExports made = bridges.get();
    Memory memory = made.memory();
    if (memory.read(SETTINGS) != DEFAULTS) {
      throw new IllegalStateException("the bridge is another version");
    }
    if (!verifying) {
      memory.writeByte(SETTINGS, UNVERIFIED);
    }
    byte[] triple = target.triple().getBytes(StandardCharsets.US_ASCII);
    int name = made.wasmMalloc(triple.length);
    memory.write(name, triple);
    made.init(name, triple.length);
    made.wasmFree(name, triple.length);
    return made;
  }

  /** Compiles a module. Deterministic: the same module gives the same code. */
  public CompileOutcome compile(CompileRequest module) {
    return compile(module, Map.of(), CompileWatch.NONE);
  }

  /**
   * Compiles a module.
   *
   * @param watch may stop it
   * @throws CompileStoppedException if it does
   */
  public CompileOutcome compile(CompileRequest module, CompileWatch watch) {
    return compile(module, Map.of(), watch);
  }

  /**
   * Compiles a module of which some functions are left as bytecode only.
   *
   * @param methods by index of the function, with expanded frames
   * @throws CompileStoppedException if the watch stops it
   */
  public CompileOutcome compile(
      CompileRequest module, Map<Integer, MethodNode> methods, CompileWatch watch) {
    boolean done = false;
    try {
      MachineCode code = compiled(module, methods, watch);
      done = bridge.memory().pages() <= MOST_KEPT_PAGES;
      return code;
    } catch (UnsupportedException e) {
      return new CompileOutcome.Unsupported(e.reason());
    } finally {
      if (!done) {
        // It stopped in the middle of a function and takes up no other, or it has grown.
        bridge = started();
      }
    }
  }

  private MachineCode compiled(
      CompileRequest module, Map<Integer, MethodNode> methods, CompileWatch watch)
      throws UnsupportedException {
    if (module.memories() > 1) {
      throw new UnsupportedException("several memories");
    }
    for (int i = 0; i < module.bodies().length; i += 2) {
      int bytes = module.bodies()[i + 1] - module.bodies()[i];
      if (bytes > MOST_BODY_BYTES) {
        throw new UnsupportedException(
            "a function of " + bytes + " bytes, where " + MOST_BODY_BYTES + " are allowed");
      }
    }
    Symbols symbols = new Symbols(module);
    Linker linker = Linker.of(target, RANDOM, module.functionTypes().length);
    IrBuilder ir = new IrBuilder(bridge, linker);
    ContextLayout layout =
        new ContextLayout(valuesOf(module), module.tables(), module.globals().length());
    if (layout.bytes() > module.contextBytes()) {
      throw new UnsupportedException(
          "globals, tables and results of "
              + layout.bytes()
              + " bytes, where "
              + module.contextBytes()
              + " fit");
    }
    Thunks thunks = new Thunks(ir, symbols, layout);
    FunctionTranslator translator = new FunctionTranslator(module, symbols, layout, ir);
    BytecodeTranslator bytecode = new BytecodeTranslator(module, symbols, layout, ir);
    int[] functions = new int[module.functionTypes().length];
    int[] signatures = new int[functions.length];
    int stackPerUnit = 1;
    int leafStack = 0;
    for (int i = 0; i < functions.length; i++) {
      watch.next(i, functions.length, linker.length());
      signatures[i] = symbols.signature(module.functionTypes()[i]);
      byte[] code;
      if (i < module.imported()) {
        code = thunks.toHost(module.shapeOf(i), i);
      } else {
        int defined = i - module.imported();
        MethodNode method = methods.get(i);
        code = method == null ? translator.translate(defined) : bytecode.translate(i, method);
        int stack = linker.stackOf(code);
        if (stack > MOST_STACK_BYTES) {
          throw new UnsupportedException("a function that takes " + stack + " bytes of stack");
        }
        int units = module.depthUnits()[defined];
        if (units > 0) {
          stackPerUnit = Math.max(stackPerUnit, (stack + units - 1) / units);
        } else {
          leafStack = Math.max(leafStack, stack);
        }
      }
      functions[i] = linker.add(i, code);
    }
    linker.add(symbols.trap(), thunks.trap());
    linker.add(symbols.unwind(), thunks.unwind());
    linker.add(symbols.refill(), thunks.refill());
    List<HostOperation> operations = List.copyOf(symbols.operations());
    for (int i = 0; i < operations.size(); i++) {
      byte[] code = thunks.toHost(operations.get(i).kind().shape(), functions.length + i);
      linker.add(symbols.operationSymbol(i), code);
    }
    Map<Integer, Integer> entries = new HashMap<>();
    int next = symbols.operationSymbol(operations.size());
    for (int function : module.entries()) {
      if (!entries.containsKey(signatures[function])) {
        byte[] code = thunks.entry(module.shapeOf(function));
        entries.put(signatures[function], linker.add(next++, code));
      }
    }
    return new MachineCode(
        linker.link(),
        functions,
        signatures,
        Map.copyOf(entries),
        operations,
        layout,
        stackPerUnit,
        leafStack);
  }

  private static int valuesOf(CompileRequest module) {
    int most = 3; // what operations take
    for (FunctionShape type : module.types()) {
      most = Math.max(most, Math.max(type.params().length(), type.results().length()));
    }
    return most;
  }
}
