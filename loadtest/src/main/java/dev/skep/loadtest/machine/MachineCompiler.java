package dev.skep.loadtest.machine;

import dev.skep.engine.Artifact;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.CompilerShelf;
import dev.skep.engine.CompilerState.Phase;
import dev.skep.engine.Engine;
import dev.skep.engine.MachineCompilers;
import dev.skep.engine.MachineLoad;
import dev.skep.engine.NativeBudget;
import dev.skep.engine.NativeCompiler;
import dev.skep.engine.NativeOutcome;
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
  /** More than any module takes. */
  private static final NativeBudget BUDGET =
      new NativeBudget(3_600_000_000_000L, Artifact.MOST_BYTES, () -> false);

  private final MachineCompilers compilers;
  private final @Nullable Path compilerCode;

  /** Made by the first module; of the thread. */
  private @Nullable NativeCompiler compiler;

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
    this.compilerCode = compilerCode;
    CompilerShelf shelf =
        compilerCode == null ? CompilerShelf.NONE : new CompilerFile(compilerCode);
    this.compilers = new MachineCompilers(engine, shelf, compilerCode != null);
  }

  /**
   * Compiles a module, and has instances of it that are built from now on run as machine code.
   *
   * @param module made of the same bytes
   * @return why it stays on tier 1, if it does
   * @throws IllegalStateException if the compiler fails, or there is no room for the code
   */
  public Optional<String> compile(byte[] bytes, CompiledModule module) {
    return switch (outcome(bytes)) {
      case NativeOutcome.Compiled compiled ->
          switch (module.runOn(compiled.artifact())) {
            case MachineLoad.Loaded _ -> Optional.empty();
            case MachineLoad.Refused refused -> throw new IllegalStateException(refused.message());
          };
      case NativeOutcome.Unsupported unsupported -> Optional.of(unsupported.reason());
      case NativeOutcome.Failed failed -> throw new IllegalStateException(failed.reason());
      case NativeOutcome.Unavailable why -> throw new IllegalStateException(why.reason());
    };
  }

  /**
   * Compiles a module only.
   *
   * @throws IllegalStateException if there is no machine code of it
   */
  public Artifact artifact(byte[] bytes) {
    return switch (outcome(bytes)) {
      case NativeOutcome.Compiled compiled -> compiled.artifact();
      case NativeOutcome.Unsupported unsupported ->
          throw new IllegalStateException(unsupported.reason());
      case NativeOutcome.Failed failed -> throw new IllegalStateException(failed.reason());
      case NativeOutcome.Unavailable why -> throw new IllegalStateException(why.reason());
    };
  }

  private NativeOutcome outcome(byte[] bytes) {
    return onThread(() -> counted(bytes));
  }

  private NativeOutcome counted(byte[] bytes) throws InterruptedException {
    NativeCompiler opened = compiler;
    if (opened == null) {
      compilers.awaitBackground();
      if (compilerCode != null && compilers.state().phase() != Phase.MACHINE_CODE) {
        throw new IllegalStateException("the compiler is not machine code: " + compilers.state());
      }
      opened = compilers.open();
      compiler = opened;
    }
    long startNanos = System.nanoTime();
    NativeOutcome outcome = opened.compile(bytes, BUDGET);
    switch (outcome) {
      case NativeOutcome.Compiled compiled -> {
        figures.nanos += System.nanoTime() - startNanos;
        figures.modules++;
        figures.wasmBytes += bytes.length;
        figures.codeBytes += compiled.artifact().code().length;
      }
      case NativeOutcome.Unsupported unsupported ->
          figures.unsupported.merge(unsupported.reason(), 1, Integer::sum);
      case NativeOutcome.Failed _, NativeOutcome.Unavailable _ -> {}
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
    var _ =
        onThread(() -> {
          if (compiler != null) {
            compiler.close();
          }
          return true;
        });
    thread.close();
    compilers.close();
  }
}
