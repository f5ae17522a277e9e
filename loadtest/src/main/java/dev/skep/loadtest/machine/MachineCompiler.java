package dev.skep.loadtest.machine;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.MachineCode;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Has an engine compile to machine code, on a thread that has the stack for it, and counts. Thread
 * safe; one module at a time.
 */
public final class MachineCompiler implements AutoCloseable {
  private final Engine engine;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(
          work -> new Thread(null, work, "bench-machine-compiler", Engine.COMPILER_STACK_BYTES));
  private final Figures figures = new Figures();

  /** What compiling came to. Read it when nothing is being compiled. */
  public static final class Figures {
    private long modules;
    private long wasmBytes;
    private long codeBytes;
    private long nanos;
    private final Map<String, Integer> unsupported = new TreeMap<>();

    /** Modules compiled. */
    public long modules() {
      return modules;
    }

    /** Bytes of those modules. */
    public long wasmBytes() {
      return wasmBytes;
    }

    /** Bytes of machine code. */
    public long codeBytes() {
      return codeBytes;
    }

    /** Time that it took, in nanoseconds. */
    public long nanos() {
      return nanos;
    }

    /** Modules that stay on tier 1, by reason. */
    public Map<String, Integer> unsupported() {
      return Map.copyOf(unsupported);
    }
  }

  /**
   * @param compilerCode where the compiler's own machine code is kept, and where it is put if it is
   *     not there yet, which takes minutes; null to have the JVM run the compiler
   */
  public MachineCompiler(Engine engine, @Nullable Path compilerCode) {
    this.engine = engine;
    if (compilerCode != null) {
      var _ =
          onThread(() -> {
            engine.useCompiler(CompilerFile.loadOrMake(engine, compilerCode));
            return true;
          });
    }
  }

  /**
   * Compiles a module, and has instances of it that are built from now on run as machine code.
   *
   * @param module made of the same bytes
   * @return why it stays on tier 1, if it does
   * @throws IllegalStateException if the compiler fails
   */
  public Optional<String> compile(byte[] bytes, CompiledModule module) {
    return switch (code(bytes, module)) {
      case MachineCode code -> {
        module.runOn(code);
        yield Optional.empty();
      }
      case CompileOutcome.Unsupported unsupported -> Optional.of(unsupported.reason());
    };
  }

  /** Compiles a module only. */
  public CompileOutcome code(byte[] bytes, CompiledModule module) {
    return onThread(() -> counted(bytes, module));
  }

  private CompileOutcome counted(byte[] bytes, CompiledModule module)
      throws ModuleRefusedException {
    long startNanos = System.nanoTime();
    CompileOutcome outcome = engine.machineCode(bytes, module);
    switch (outcome) {
      case MachineCode code -> {
        figures.nanos += System.nanoTime() - startNanos;
        figures.modules++;
        figures.wasmBytes += bytes.length;
        figures.codeBytes += code.code().length;
      }
      case CompileOutcome.Unsupported unsupported ->
          figures.unsupported.merge(unsupported.reason(), 1, Integer::sum);
    }
    return outcome;
  }

  private <T> T onThread(Callable<T> work) {
    Future<T> future = thread.submit(work);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw new IllegalStateException("compiling to machine code failed: " + e.getCause(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  public Figures figures() {
    return figures;
  }

  @Override
  public void close() {
    thread.close();
  }
}
