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
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * Checks and compiles modules. Thread-safe. Both methods are CPU-bound, some milliseconds for a
 * small module and seconds for one of a megabyte: call them beside the threads that serve.
 */
public final class Engine {
  /** Prefix of the generated classes' names. */
  static final String GUEST_CLASS = "dev.skep.guest.Guest";

  private final EngineConfig config;
  private final LongAdder compiled = new LongAdder();
  private final LongAdder compileNanos = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder interpretedFunctions = new LongAdder();

  public Engine(EngineConfig config) {
    this.config = config;
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
      parse(bytes, true);
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
    var result =
        Compiler.builder(module)
            .withClassName(GUEST_CLASS)
            // Interpreted functions are reported with the module rather than on stderr.
            .withInterpreterFallback(InterpreterFallback.SILENT)
            .withClassCollectorFactory(() ->
                new GuestClasses(
                    GUEST_CLASS,
                    instrumented.chargeFunction(),
                    instrumented.chargeLengthFunction()))
            .build()
            .compile();
    List<Integer> interpreted = result.interpretedFunctions().stream().sorted().toList();
    GuestClasses.Loaded loaded = ((GuestClasses) result.collector()).load();
    long nanos = System.nanoTime() - startNanos;
    compiled.increment();
    compileNanos.add(nanos);
    interpretedFunctions.add(interpreted.size());
    return new CompiledModule(
        scanned, module, loaded, importsOf(scanned), config, nanos, interpreted);
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

  /** Figures since start. */
  public EngineStats stats() {
    return new EngineStats(
        compiled.sum(), compileNanos.sum(), refused.sum(), interpretedFunctions.sum());
  }
}
