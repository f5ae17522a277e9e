package dev.skep.engine;

import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.CompileRequest;
import dev.skep.engine.cranelift.CompileStoppedException;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compiles for one thread, with the fastest bridge that there is when a module begins. What a
 * module brings about is an outcome: after a failure the compiler begins anew.
 */
final class CraneliftCompiler implements NativeCompiler {
  private static final Logger LOG = LoggerFactory.getLogger(CraneliftCompiler.class);

  private final Engine engine;
  private final CompilerKey key;
  private final Supplier<NativeBridge> bridges;
  private @Nullable NativeBridge bridge;
  private @Nullable BridgeSlot slot;
  private @Nullable ModuleCompiler compiler;

  /**
   * @param bridges the one to use from now on
   */
  CraneliftCompiler(Engine engine, CompilerKey key, Supplier<NativeBridge> bridges) {
    this.engine = engine;
    this.key = key;
    this.bridges = bridges;
  }

  @Override
  public CompilerKey key() {
    return key;
  }

  @Override
  public NativeOutcome compile(byte[] module, NativeBudget budget) {
    long startNanos = CheckThreads.cpuNanosOfThisThread();
    try {
      CompileRequest request = engine.machineRequest(module);
      CompileOutcome outcome =
          ready()
              .compile(
                  request,
                  (done, functions, codeBytes) ->
                      check(budget, startNanos, done, functions, codeBytes));
      return switch (outcome) {
        case MachineCode code -> compiled(module, code, budget);
        case CompileOutcome.Unsupported why -> new NativeOutcome.Unsupported(why.reason());
      };
    } catch (CompileStoppedException e) {
      return new NativeOutcome.Failed(e.reason());
    } catch (ModuleRefusedException e) {
      return new NativeOutcome.Failed("the module is refused: " + e.getMessage());
    } catch (RejectedExecutionException e) {
      // Of the request, before this compiler had it: what it has is whole.
      LOG.atWarn().setCause(e).log("a module was not compiled to machine code: nobody was there");
      return new NativeOutcome.Unavailable(String.valueOf(e.getMessage()));
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      LOG.atWarn().setCause(e).log("a module broke the compiler of machine code");
      close();
      return new NativeOutcome.Failed("the compiler failed: " + e.getClass().getSimpleName());
    }
  }

  private static void check(
      NativeBudget budget, long startNanos, int done, int functions, long codeBytes) {
    if (budget.cancelled().getAsBoolean()) {
      throw new CompileStoppedException("nobody waits for it any more");
    }
    if (codeBytes > budget.mostBytes()) {
      throw new CompileStoppedException(
          "the first "
              + done
              + " of "
              + functions
              + " functions have "
              + codeBytes
              + " bytes of machine code; at most "
              + budget.mostBytes()
              + " are allowed");
    }
    long took = CheckThreads.cpuNanosOfThisThread() - startNanos;
    if (took > budget.cpuNanos()) {
      throw new CompileStoppedException(
          "compiling took longer than the "
              + budget.cpuNanos() / 1_000_000
              + " ms that the module may take, with "
              + done
              + " of "
              + functions
              + " functions done");
    }
  }

  private NativeOutcome compiled(byte[] module, MachineCode code, NativeBudget budget) {
    if (code.code().length > budget.mostBytes()) {
      return new NativeOutcome.Failed(
          "the machine code has "
              + code.code().length
              + " bytes; at most "
              + budget.mostBytes()
              + " are allowed");
    }
    try {
      return new NativeOutcome.Compiled(MachineArtifact.of(digest(module), key, code));
    } catch (IllegalArgumentException e) {
      return new NativeOutcome.Failed("the machine code cannot be kept: " + e.getMessage());
    }
  }

  static String digest(byte[] module) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(module));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  @SuppressWarnings("ReferenceEquality") // whether it is the same bridge still
  private ModuleCompiler ready() {
    NativeBridge wanted = bridges.get();
    ModuleCompiler known = compiler;
    if (known != null && bridge == wanted) {
      return known;
    }
    close();
    BridgeSlot made = wanted.newSlot();
    slot = made;
    ModuleCompiler fresh = new ModuleCompiler(made::start, MachineTarget.target(), false);
    bridge = wanted;
    compiler = fresh;
    return fresh;
  }

  @Override
  public void close() {
    compiler = null;
    bridge = null;
    BridgeSlot last = slot;
    slot = null;
    if (last != null) {
      last.close();
    }
  }
}
