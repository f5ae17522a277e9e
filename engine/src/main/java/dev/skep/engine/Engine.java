package dev.skep.engine;

import com.dylibso.chicory.compiler.InterpreterFallback;
import com.dylibso.chicory.compiler.internal.Compiler;
import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportFunction;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.MalformedException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import dev.skep.engine.FuelInstrumenter.Instrumented;
import dev.skep.engine.ModuleDescription.Import;
import dev.skep.engine.ModuleRefusedException.Reason;
import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/**
 * Checks and compiles modules. Thread-safe. Both methods are CPU-bound, some milliseconds for a
 * small module and seconds for one of a megabyte: call them beside the threads that serve.
 */
public final class Engine {
  /** Prefix of the generated classes' names. */
  static final String GUEST_CLASS = "dev.skep.guest.Guest";

  /**
   * Most bytes of modules that one compilation may go over. The compiler begins again at every
   * function that it finds too large, so that n of them would cost n times the module: 16 MB of
   * them would take hours, and the node compiles one module at a time. Two functions of a module of
   * the greatest size may be; of one of a megabyte, sixty.
   */
  private static final long MOST_COMPILED_BYTES = 64L << 20;

  private final EngineConfig config;
  private final ScratchBudget scratch;
  private final LongAdder compiled = new LongAdder();
  private final LongAdder compileNanos = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder interpretedFunctions = new LongAdder();

  public Engine(EngineConfig config) {
    this.config = config;
    this.scratch = new ScratchBudget(config.scratchBytes());
  }

  public EngineConfig config() {
    return config;
  }

  /**
   * Says whether a module can be run here, without compiling it.
   *
   * @return what it exports and imports
   * @throws ModuleRefusedException if it cannot, and why
   */
  public ModuleDescription check(byte[] bytes) throws ModuleRefusedException {
    try {
      ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
      checkImports(scanned);
      FuelInstrumenter.instrument(scanned, config);
      parse(withoutCustomSections(scanned), true);
      return scanned.description();
    } catch (ModuleRefusedException e) {
      refused.increment();
      throw e;
    }
  }

  /**
   * Compiles a module that {@link #check} has accepted.
   *
   * @throws ModuleRefusedException if it is not such a module
   */
  public CompiledModule compile(byte[] bytes) throws ModuleRefusedException {
    long startNanos = System.nanoTime();
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    checkImports(scanned);
    Instrumented instrumented = FuelInstrumenter.instrument(scanned, config);
    WasmModule module = parse(instrumented.bytes(), false);
    Generated generated = generate(module, instrumented);
    List<Integer> interpreted = generated.interpreted().stream().sorted().toList();
    GuestClasses.Loaded loaded = generated.loaded();
    long nanos = System.nanoTime() - startNanos;
    compiled.increment();
    compileNanos.add(nanos);
    interpretedFunctions.add(interpreted.size());
    return new CompiledModule(
        scanned, module, loaded, importsOf(scanned), config, scratch, nanos, interpreted);
  }

  /**
   * How much of everything that is limited a module has. For whoever wants to look at a module
   * rather than run it: as much work as {@link #check}.
   *
   * @throws ModuleRefusedException if it is not a module that {@link #check} accepts
   */
  public ModuleFigures figures(byte[] bytes) throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    return BodyFigures.of(parse(withoutCustomSections(scanned), true), config.moduleLimits())
        .addTo(scanned.figures());
  }

  /**
   * Prepares a module that {@link #check} has accepted for runs that say which function used how
   * much fuel. They are interpreted: a hundred times slower than compiled code.
   *
   * @throws ModuleRefusedException if it is not such a module
   */
  public FuelProfiler profiler(byte[] bytes) throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    checkImports(scanned);
    WasmModule module = parse(FuelProfiler.runnable(scanned), true);
    return new FuelProfiler(scanned, module, importsOf(scanned), config);
  }

  private record Generated(GuestClasses.Loaded loaded, Set<Integer> interpreted) {}

  /**
   * Generates the classes. A function too large for a JVM method is interpreted: those the compiler
   * finds by itself, and those that only the rewriting has made too large.
   */
  private static Generated generate(WasmModule module, Instrumented instrumented)
      throws ModuleRefusedException {
    Set<Integer> interpreted = new HashSet<>();
    AtomicInteger attempts = new AtomicInteger();
    try {
      while (true) {
        Compiler.Builder builder =
            Compiler.builder(module)
                .withClassName(GUEST_CLASS)
                .withClassCollectorFactory(() -> collector(instrumented, attempts));
        // Interpreted functions are reported with the module rather than on stderr.
        var result =
            (interpreted.isEmpty()
                    ? builder.withInterpreterFallback(InterpreterFallback.SILENT)
                    : builder
                        .withInterpreterFallback(InterpreterFallback.FAIL)
                        .withInterpretedFunctions(interpreted))
                .build()
                .compile();
        GuestClasses classes = (GuestClasses) result.collector();
        Set<Integer> tooLarge = classes.rewrite();
        if (tooLarge.isEmpty()) {
          return new Generated(classes.load(), result.interpretedFunctions());
        }
        interpreted.addAll(result.interpretedFunctions());
        interpreted.addAll(tooLarge);
      }
    } catch (CompileWorkException e) {
      throw new ModuleRefusedException(
          Reason.LIMIT,
          "the module has too many functions too large for the compiler, which had found "
              + attempts.get()
              + "; build it with less inlining",
          e);
    } catch (RuntimeException e) {
      // A type with more parameters than a JVM method, a class with too many constants.
      throw new ModuleRefusedException(
          Reason.LIMIT, "the module is too large in some way for the compiler", e);
    }
  }

  /** Makes the compiler's next collector, which it asks for at every attempt. */
  private static GuestClasses collector(Instrumented instrumented, AtomicInteger attempts) {
    if (attempts.getAndIncrement() * (long) instrumented.bytes().length > MOST_COMPILED_BYTES) {
      throw new CompileWorkException();
    }
    return new GuestClasses(
        GUEST_CLASS, instrumented.chargeFunction(), instrumented.chargeLengthFunction());
  }

  /** Compiling is at its bound of work. */
  private static final class CompileWorkException extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** The engine's parser reads names, and fails on what the standard ignores (7.4.1). */
  private static byte[] withoutCustomSections(ScannedModule module) {
    WasmBuffer out = new WasmBuffer(module.bytes().length);
    out.raw(module.bytes(), 0, 8);
    for (ScannedModule.Section section : module.sections()) {
      out.u8(section.id());
      out.u32(section.to() - section.from());
      out.raw(module.bytes(), section.from(), section.to());
    }
    return out.toBytes();
  }

  private static WasmModule parse(byte[] bytes, boolean validate) throws ModuleRefusedException {
    try {
      return Parser.builder()
          .withValidation(validate)
          .build()
          .parse(() -> new ByteArrayInputStream(bytes));
    } catch (MalformedException e) {
      throw new ModuleRefusedException(
          Reason.MALFORMED, "malformed module: " + Printable.of(String.valueOf(e.getMessage())), e);
    } catch (ChicoryException e) {
      throw new ModuleRefusedException(
          Reason.INVALID, "invalid module: " + Printable.of(String.valueOf(e.getMessage())), e);
    } catch (RuntimeException | StackOverflowError e) {
      // The parser answers some malformed input with exceptions of the JVM.
      throw new ModuleRefusedException(Reason.MALFORMED, "malformed module: it does not decode", e);
    }
  }

  private static void checkImports(ScannedModule scanned) throws ModuleRefusedException {
    for (Import wanted : scanned.description().imports()) {
      Signature provided = Wasi.signatureOf(wanted.module(), wanted.name());
      if (provided == null) {
        throw new ModuleRefusedException(
            Reason.UNKNOWN_IMPORT,
            "the module imports "
                + Printable.of(wanted.module())
                + "."
                + Printable.of(wanted.name())
                + ", which nothing provides; functions of wasi_snapshot_preview1 can be imported");
      }
      if (!provided.equals(wanted.signature())) {
        throw new ModuleRefusedException(
            Reason.UNKNOWN_IMPORT,
            "the module imports "
                + wanted.module()
                + "."
                + wanted.name()
                + " as "
                + wanted.signature()
                + "; it is "
                + provided);
      }
    }
  }

  private static ImportValues importsOf(ScannedModule scanned) {
    List<ImportFunction> functions = new ArrayList<>();
    for (Import wanted : scanned.description().imports()) {
      HostFunction function = Wasi.function(wanted.name());
      functions.add(function);
    }
    return ImportValues.builder().addFunction(functions.toArray(new ImportFunction[0])).build();
  }

  /** Heap that the scratch trees of runs take now, in bytes. */
  public long scratchBytes() {
    return scratch.usedBytes();
  }

  /** Figures since start. */
  public EngineStats stats() {
    return new EngineStats(
        compiled.sum(), compileNanos.sum(), refused.sum(), interpretedFunctions.sum());
  }
}
