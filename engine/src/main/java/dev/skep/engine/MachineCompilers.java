package dev.skep.engine;

import dev.skep.engine.CompilerState.Phase;
import dev.skep.engine.cranelift.CompileStoppedException;
import dev.skep.pool.Backstage;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The compilers to machine code of a node. Those that are opened begin with the compiler as the JVM
 * runs it. In the background, at the lowest priority, the compiler's own machine code is taken from
 * the shelf, or made, which takes some four minutes of a core; then all go on with that, ten times
 * as fast, and make the same code.
 *
 * <pre>
 *   jvm ─▶ shelf ── there and whole ───────────────▶ machine code
 *            └───── else ─▶ making ─▶ kept on shelf ──▲
 *                             └─▶ failed: the JVM's goes on
 * </pre>
 *
 * <p>Thread-safe.
 */
public final class MachineCompilers implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MachineCompilers.class);
  private static final Duration CLOSE_PATIENCE = Duration.ofMinutes(1);

  private final Engine engine;
  private final CompilerShelf shelf;
  private final boolean makes;
  private final CompilerKey key;
  private volatile CompilerState state;
  private volatile @Nullable NativeBridge machineCode;
  private volatile boolean closed;
  private final @Nullable Thread background;
  private @Nullable NativeBridge jvm;

  /**
   * Begins to look for the compiler's own machine code.
   *
   * @param makes whether to make it, if it is not on the shelf
   */
  public MachineCompilers(Engine engine, CompilerShelf shelf, boolean makes) {
    this.engine = engine;
    this.shelf = shelf;
    this.makes = makes;
    this.key = engine.compilerKey();
    Optional<String> unavailable = MachineTarget.unavailable();
    if (unavailable.isPresent()) {
      state = new CompilerState(Phase.UNAVAILABLE, 0, 0, unavailable.get());
      background = null;
      return;
    }
    state = new CompilerState(Phase.JVM, 0, 0, "");
    Thread thread =
        new Thread(null, this::quicken, "skep-compiler-maker", Engine.COMPILER_STACK_BYTES);
    thread.setDaemon(true);
    background = thread;
    thread.start();
  }

  /** Of the code that all of them make. */
  public CompilerKey key() {
    return key;
  }

  /** Whether there are any: not on a node for which no machine code is made. */
  public boolean areAvailable() {
    return state.phase() != Phase.UNAVAILABLE;
  }

  /** How far they are. */
  public CompilerState state() {
    return state;
  }

  /** A compiler for the calling thread, whose stack has {@link Engine#COMPILER_STACK_BYTES}. */
  public NativeCompiler open() {
    String unavailable = areAvailable() ? null : state.detail();
    if (unavailable != null) {
      throw new IllegalStateException(unavailable);
    }
    return new CraneliftCompiler(engine, key, this::bridge);
  }

  /** Waits until nothing is being loaded or made; what is being made takes minutes. */
  public void awaitBackground() throws InterruptedException {
    if (background != null) {
      background.join();
    }
  }

  private NativeBridge bridge() {
    NativeBridge fast = machineCode;
    return fast == null ? jvmBridge() : fast;
  }

  private synchronized NativeBridge jvmBridge() {
    NativeBridge known = jvm;
    if (known == null) {
      known = NativeBridge.inJvm();
      jvm = known;
    }
    return known;
  }

  // ── The compiler's own machine code ───────────────────────────────────────────────────────

  private void quicken() {
    Backstage.COMPILES.enter();
    try {
      if (!take() && makes && !closed) {
        make();
      }
    } catch (CompileStoppedException e) {
      state = new CompilerState(Phase.JVM, 0, 0, e.reason());
    } catch (RuntimeException | Error e) {
      LOG.atError().setCause(e).log("the compiler was not compiled to machine code");
      state =
          new CompilerState(
              Phase.FAILED, 0, 0, "the compiler failed: " + e.getClass().getSimpleName());
    }
  }

  /** Whether it was on the shelf, and is used now. */
  private boolean take() {
    try {
      Optional<byte[]> kept = shelf.load(NativeBridge.digest(), key);
      if (kept.isEmpty()) {
        return false;
      }
      return switch (Artifact.read(kept.get(), NativeBridge.digest(), key)) {
        case Artifact artifact -> {
          use(artifact);
          yield true;
        }
        case ArtifactReading.Refused why -> {
          LOG.atError()
              .addKeyValue("reason", why.reason())
              .addKeyValue("because", why.message())
              .log("the compiler's machine code is not run");
          yield false;
        }
      };
    } catch (RuntimeException e) {
      LOG.atWarn().setCause(e).log("the compiler's machine code was not loaded");
      return false;
    }
  }

  private void use(Artifact artifact) {
    NativeBridge bridge = NativeBridge.of(artifact, engine.codeSpace());
    machineCode = bridge;
    state = new CompilerState(Phase.MACHINE_CODE, 0, 0, "");
  }

  private void make() {
    long startNanos = System.nanoTime();
    Artifact artifact =
        engine.compileCompiler((done, functions, _) -> {
          if (closed) {
            throw new CompileStoppedException("the node is going down");
          }
          state = new CompilerState(Phase.MAKING, done, functions, "");
        });
    use(artifact);
    LOG.atInfo()
        .addKeyValue("millis", (System.nanoTime() - startNanos) / 1_000_000)
        .addKeyValue("bytes", artifact.code().length)
        .log("the compiler is machine code");
    try {
      shelf.keep(artifact.module(), key, artifact.toBytes());
    } catch (RuntimeException e) {
      LOG.atWarn().setCause(e).log("the compiler's machine code was not kept");
    }
  }

  /**
   * Stops making the compiler's machine code, and unmaps it when the last compiler is closed. Waits
   * for the function that is being compiled.
   */
  @Override
  public void close() {
    closed = true;
    Thread thread = background;
    if (thread != null) {
      try {
        if (!thread.join(CLOSE_PATIENCE)) {
          LOG.atWarn().log("the compiler was still being compiled");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    NativeBridge fast = machineCode;
    if (fast != null) {
      fast.close();
    }
  }
}
