package dev.skep.scheduler;

import dev.skep.engine.Artifact;
import dev.skep.engine.CompilerKey;
import dev.skep.engine.NativeBudget;
import dev.skep.engine.NativeCompiler;
import dev.skep.engine.NativeOutcome;
import dev.skep.scheduler.NativeCompileQueue.Task;
import dev.skep.scheduler.NativeLeases.Held;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a compiler's thread does with one ask: sees whether it is done already, or another's, or its
 * own to do. Thread-safe; blocks on the store, the module's source and the compiler.
 */
final class NativeWork {
  private static final Logger LOG = LoggerFactory.getLogger(NativeWork.class);

  /**
   * Before the second try, and each further one, of a module when what compiles was not there: the
   * compiler's process is a JVM that starts behind everything else, in seconds; what brought it
   * down, such as want of memory, may last longer.
   */
  static final List<Duration> BACK_OFFS = List.of(Duration.ofSeconds(10), Duration.ofSeconds(40));

  /**
   * How often an ask has a module tried while what compiles is not there, before that is recorded
   * as a failure. Few: the module may be what brings it down, and others wait for it each time.
   */
  static final int MOST_TRIES = BACK_OFFS.size() + 1;

  /** Where an ask stands after its turn. */
  sealed interface Step {}

  /** It is answered. */
  record Settled(NativeState state) implements Step {}

  /** Another is at it; to be looked at again. */
  record Wait(Duration left) implements Step {}

  /**
   * What compiles was not there; to be tried again.
   *
   * @param backOff how long to wait before
   */
  record Again(Duration backOff) implements Step {}

  /** It could not be found out. */
  record Broken(Throwable why) implements Step {}

  /** The compiler of one thread, made when it is needed and anew when it has failed. */
  static final class Compiler implements AutoCloseable {
    private final Supplier<NativeCompiler> makers;
    private final BooleanSupplier closing;
    private @Nullable NativeCompiler made;

    Compiler(Supplier<NativeCompiler> makers, BooleanSupplier closing) {
      this.makers = makers;
      this.closing = closing;
    }

    private NativeOutcome compile(byte[] module, NativeBudget budget) {
      boolean whole = false;
      try {
        NativeCompiler compiler = made;
        if (compiler == null) {
          compiler = makers.get();
          made = compiler;
        }
        NativeOutcome outcome = compiler.compile(module, budget);
        whole = true;
        return outcome;
      } finally {
        if (!whole) {
          close();
        }
      }
    }

    @Override
    public void close() {
      NativeCompiler last = made;
      made = null;
      if (last != null) {
        try {
          last.close();
        } catch (RuntimeException e) {
          LOG.atWarn().setCause(e).log("a compiler did not end well");
        }
      }
    }
  }

  private final NativeConfig config;
  private final CompilerKey compilerKey;
  private final NodeId node;
  private final ModuleSource modules;
  private final ArtifactStore store;
  private final NativeLeases leases;
  private final ArtifactLoader loader;
  private final CompileBilling billing;
  private final NativeListener listener;

  private final LongAdder compiled = new LongAdder();
  private final LongAdder unsupported = new LongAdder();
  private final LongAdder failed = new LongAdder();
  private final LongAdder lost = new LongAdder();
  private final LongAdder takenOver = new LongAdder();
  private final LongAdder nanos = new LongAdder();

  NativeWork(
      NativeConfig config,
      CompilerKey compilerKey,
      NodeId node,
      ModuleSource modules,
      ArtifactStore store,
      NativeLeases leases,
      ArtifactLoader loader,
      CompileBilling billing,
      NativeListener listener) {
    this.config = config;
    this.compilerKey = compilerKey;
    this.node = node;
    this.modules = modules;
    this.store = store;
    this.leases = leases;
    this.loader = loader;
    this.billing = billing;
    this.listener = listener;
  }

  /** Does what is to be done. Throws nothing. */
  Step on(Task task, Compiler compiler) {
    ArtifactAsk ask = task.ask();
    try {
      OptionalInt bytes = store.ask(ask, compilerKey.text());
      if (bytes.isEmpty()) {
        return new Broken(new IllegalStateException("the module " + ask.version() + " is gone"));
      }
      Step step = claimed(task, compiler);
      if (step instanceof Settled) {
        charge(ask, bytes.getAsInt());
        store.settle(ask, compilerKey.text());
      }
      return step;
    } catch (RuntimeException | Error e) {
      LOG.atWarn()
          .setCause(e)
          .addKeyValue("tenant", ask.tenant())
          .addKeyValue("module", ask.version())
          .log("whether there is machine code could not be found out");
      return new Broken(e);
    }
  }

  private Step claimed(Task task, Compiler compiler) {
    ArtifactKey key = loader.key(task.ask().version());
    Held held = leases.begin(key);
    if (held == null) {
      return new Wait(NativeCompileQueue.MOST_WAIT);
    }
    try {
      return switch (leases.claim(held)) {
        case ArtifactClaim.Elsewhere elsewhere -> new Wait(elsewhere.left());
        case ArtifactClaim.Done done -> done(key, done.state());
        case ArtifactClaim.Granted granted -> {
          task.interest().state(new NativeState.Compiling());
          if (granted.attempt() > 1) {
            takenOver.increment();
          }
          yield granted(task, key, held, compiler);
        }
      };
    } finally {
      leases.end(held);
    }
  }

  private Step done(ArtifactKey key, NativeState state) {
    if (state instanceof NativeState.Ready) {
      Optional<Artifact> artifact = loader.load(key.module());
      if (artifact.isEmpty()) {
        // It was not whole and has been thrown away, or went just now: to be made again.
        return new Wait(Duration.ZERO);
      }
      if (!listener.ready(key.module(), artifact.get())) {
        loader.discard(key.module(), "it does not fit its module");
        return new Wait(Duration.ZERO);
      }
    }
    return new Settled(state);
  }

  private Step granted(Task task, ArtifactKey key, Held held, Compiler compiler) {
    boolean kept = false;
    try {
      Optional<byte[]> module = modules.moduleBytes(task.ask().tenant(), key.module());
      if (module.isEmpty()) {
        return new Broken(new IllegalStateException("the module " + key.module() + " is gone"));
      }
      long startNanos = System.nanoTime();
      NativeOutcome outcome = compile(module.get(), held, compiler);
      long took = System.nanoTime() - startNanos;
      nanos.add(took);
      if (held.isLost() || compiler.closing.getAsBoolean()) {
        lost.increment();
        return new Wait(Duration.ZERO);
      }
      Step step = keep(task, key, module.get(), outcome);
      kept = step instanceof Settled;
      LOG.atInfo()
          .addKeyValue("module", key.module())
          .addKeyValue("millis", took / 1_000_000)
          .addKeyValue("result", step)
          .log("compiled to machine code");
      return step;
    } finally {
      if (!kept) {
        // Of no effect if another has it by now.
        store.giveBack(key, node);
      }
    }
  }

  private NativeOutcome compile(byte[] module, Held held, Compiler compiler) {
    NativeBudget budget =
        new NativeBudget(
            config.budgetOf(module.length).toNanos(),
            Artifact.MOST_BYTES,
            () -> held.isLost() || compiler.closing.getAsBoolean());
    try {
      NativeOutcome outcome = compiler.compile(module, budget);
      if (outcome instanceof NativeOutcome.Compiled made
          && !made.artifact().compiler().equals(compilerKey)) {
        throw new IllegalStateException(
            "a compiler of " + compilerKey.text() + " made " + made.artifact().compiler().text());
      }
      return outcome;
    } catch (RuntimeException | Error e) {
      // A compiler that ran out of stack or memory has failed this module only.
      LOG.atError().setCause(e).log("a compiler failed");
      return new NativeOutcome.Failed("the compiler failed: " + e.getClass().getSimpleName());
    }
  }

  private Step keep(Task task, ArtifactKey key, byte[] module, NativeOutcome outcome) {
    return switch (outcome) {
      case NativeOutcome.Compiled made -> {
        if (!listener.ready(key.module(), made.artifact())) {
          // It would be no other the next time, nor on another node.
          yield failed(key, new NativeState.Failed("the machine code does not fit the module"));
        }
        byte[] artifact = made.artifact().toBytes();
        if (!store.ready(key, node, artifact)) {
          yield lost();
        }
        store.keepHere(key, module, artifact);
        compiled.increment();
        yield new Settled(new NativeState.Ready());
      }
      case NativeOutcome.Unsupported why -> {
        NativeState.Unsupported state = new NativeState.Unsupported(why.reason());
        if (!store.unsupported(key, node, state)) {
          yield lost();
        }
        unsupported.increment();
        yield new Settled(state);
      }
      case NativeOutcome.Failed why -> failed(key, new NativeState.Failed(why.reason()));
      case NativeOutcome.Unavailable why -> again(task, key, why.reason());
    };
  }

  /** Has an ask wait for another try, unless it has had enough. */
  private Step again(Task task, ArtifactKey key, String reason) {
    int tries = task.countTry();
    if (tries < MOST_TRIES) {
      return new Again(BACK_OFFS.get(tries - 1));
    }
    return failed(
        key,
        new NativeState.Failed(
            "what compiles was not there when the module was tried, "
                + MOST_TRIES
                + " times, the last: "
                + reason));
  }

  private Step failed(ArtifactKey key, NativeState.Failed state) {
    if (!store.failed(key, node, state)) {
      return lost();
    }
    failed.increment();
    return new Settled(state);
  }

  private Step lost() {
    lost.increment();
    return new Wait(Duration.ZERO);
  }

  /**
   * A receipt that is not kept is made good by the next ask, on another node or in another life.
   */
  private void charge(ArtifactAsk ask, int moduleBytes) {
    Receipt receipt =
        billing.nativeReceipt(ask.tenant(), ask.function(), ask.version(), moduleBytes);
    var _ =
        billing
            .charge(receipt)
            .exceptionally(failure -> {
              LOG.atWarn()
                  .setCause(failure)
                  .addKeyValue("tenant", ask.tenant())
                  .addKeyValue("module", ask.version())
                  .log("compiling to machine code was not billed");
              return receipt;
            });
  }

  NativeStats stats(int queued, int compiling, long ofTenant, long inAll, long refusedArtifacts) {
    return new NativeStats(
        queued,
        compiling,
        compiled.sum(),
        unsupported.sum(),
        failed.sum(),
        lost.sum(),
        takenOver.sum(),
        nanos.sum(),
        ofTenant,
        inAll,
        refusedArtifacts);
  }
}
