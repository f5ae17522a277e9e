package dev.skep.engine;

import com.dylibso.chicory.wasm.types.Value;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.LimitExceededException;
import dev.skep.limits.SliceListener;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotMemory;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An instance in its slot: runs once, is reset, and may run again. Confined to one thread at a
 * time, but for {@link #cancel}. A run blocks its thread until the guest ends or its limits end it.
 *
 * <p>A run that follows another without a {@link #reset} goes on with its store: memory, tables,
 * globals and dropped segments are as the last run left them, traps included, and the start
 * function and {@code _initialize}, which begin a store, do not run again. Only tests want that;
 * whoever serves resets after every run.
 */
public final class GuestInstance implements Instantiation, AutoCloseable {
  private static final String INITIALIZE = "_initialize";
  private static final Signature PROCEDURE = new Signature(List.of(), List.of());
  private static final Signature ALLOC =
      new Signature(List.of(ValueKind.I32), List.of(ValueKind.I32));
  private static final Signature TRANSFORM =
      new Signature(List.of(ValueKind.I32, ValueKind.I32), List.of(ValueKind.I64));

  /** The null reference, in the low 32 bits. */
  private static final int NULL = Value.REF_NULL_VALUE;

  private final CompiledModule module;
  private final GuestCode code;
  private final SlotLease lease;
  private final SlotMemory memory;
  private final EngineConfig config;
  private final ScratchBudget scratch;
  private boolean fresh = true;

  GuestInstance(
      CompiledModule module,
      GuestCode code,
      SlotMemory memory,
      SlotLease lease,
      EngineConfig config,
      ScratchBudget scratch) {
    this.module = module;
    this.code = code;
    this.lease = lease;
    this.memory = memory;
    this.config = config;
    this.scratch = scratch;
  }

  public CompiledModule module() {
    return module;
  }

  /** Number of its slot; changes when a run grows into a larger one. */
  public int slot() {
    return lease.slot();
  }

  /** Index of the class its slot belongs to. */
  public int slotClass() {
    return lease.slotClass();
  }

  /** Linear memory held now, in bytes. */
  public long memoryBytes() {
    return lease.memoryBytes();
  }

  /** Number of the run that {@link #run} will start next. */
  public long upcomingRun() {
    return memory.upcomingRun();
  }

  /**
   * Asks a run to stop at the end of its slice; of no effect on any other run. Any thread may call
   * it.
   *
   * @param number from {@link #upcomingRun}
   */
  public void cancel(long number) {
    memory.cancel(number);
  }

  /** Runs the guest with nothing granted but what its way of calling grants. */
  public RunReport run(Invocation invocation, StoreLimits limits) {
    return run(invocation, WasiWorld.NONE, limits);
  }

  /**
   * Runs the guest within {@code limits}. Afterwards the instance must be reset or closed before
   * anyone else's run.
   *
   * @param world what it is granted besides what its way of calling grants
   * @return what it did and used; never throws for anything the guest does
   */
  public RunReport run(Invocation invocation, WasiWorld world, StoreLimits limits) {
    return run(invocation, world, limits, SliceListener.NONE);
  }

  /** The same, with a listener that may put the run aside at the end of a slice. */
  public RunReport run(
      Invocation invocation, WasiWorld world, StoreLimits limits, SliceListener slices) {
    return run(invocation, world, limits, slices, new ScratchAccount());
  }

  /**
   * The same, beside other runs of the tenant.
   *
   * @param tenantScratch what those take of the node's scratch space; the run adds to it, and has
   *     given all of it back when it ends
   */
  public RunReport run(
      Invocation invocation,
      WasiWorld world,
      StoreLimits limits,
      SliceListener slices,
      ScratchAccount tenantScratch) {
    long startNanos = System.nanoTime();
    memory.onSlice(slices);
    memory.begin(limits, startNanos);
    WasiContext wasi =
        module.importsHost()
            ? WasiContext.of(invocation, world, scratch, tenantScratch, config, limits, startNanos)
            : WasiContext.UNSEEN;
    RunResult result;
    LimitExceededException tooSmall = open(limits);
    if (tooSmall != null) {
      result = Traps.result(module, tooSmall);
    } else {
      memory.attach(wasi);
      // The engine's interpreter polls the flag, and one that was set before is not this guest's.
      boolean interrupted = !module.interpretedFunctions().isEmpty() && Thread.interrupted();
      try {
        result = settled(guarded(invocation, wasi));
      } finally {
        wasi.close();
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      memory.attach(null);
    }
    long durationNanos = System.nanoTime() - startNanos - memory.asideNanos();
    RunReport report =
        new RunReport(
            result,
            memory.fuelConsumed(),
            lease.memoryPeakBytes(),
            durationNanos,
            wasi.stderr(),
            wasi.refused());
    memory.end();
    return report;
  }

  /**
   * Runs what begins a store and then the module's initialiser, which may call no import.
   *
   * @return no values, if it ended well
   */
  RunReport initialize(Export initializer, StoreLimits limits, SliceListener slices) {
    long startNanos = System.nanoTime();
    memory.onSlice(slices);
    memory.begin(limits, startNanos);
    RunResult result;
    try {
      lease.open(limits);
      begin();
      initializeReactor(true);
      call(initializer.index());
      memory.settle();
      result = new RunResult.Values(new long[0], PROCEDURE);
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      result = Traps.result(module, e);
    }
    RunReport report =
        new RunReport(
            result,
            memory.fuelConsumed(),
            lease.memoryPeakBytes(),
            System.nanoTime() - startNanos - memory.asideNanos(),
            new byte[0]);
    memory.end();
    return report;
  }

  /** Its first memory, which is its meter. */
  SlotMemory memory() {
    return memory;
  }

  /** Its code. */
  GuestCode code() {
    return code;
  }

  /** Whether it runs as machine code. */
  public boolean isMachineCode() {
    return code instanceof MachineInstance;
  }

  /** Opens the store; answers why not. */
  private @Nullable LimitExceededException open(StoreLimits limits) {
    try {
      lease.open(limits);
      return null;
    } catch (LimitExceededException e) {
      return e;
    }
  }

  private RunResult guarded(Invocation invocation, WasiContext wasi) {
    // A store that begins with a snapshot has all that behind it.
    boolean begins = fresh && !module.isSnapshot();
    fresh = false;
    try {
      if (begins) {
        begin();
      }
      return switch (invocation) {
        case Invocation.TypedCall typed -> typed(typed, begins);
        case Invocation.BytesCall bytes -> bytes(bytes, begins);
        case Invocation.CommandRun _ -> command(wasi);
      };
    } catch (GuestExitException e) {
      return new RunResult.Exited(e.code(), wasi.stdout());
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      return Traps.result(module, e);
    }
  }

  /** What has run on credit beyond the fuel counts as not having run, however it ended. */
  private RunResult settled(RunResult result) {
    if (!(result instanceof RunResult.LimitReached)) {
      try {
        memory.settle();
      } catch (LimitExceededException e) {
        return Traps.result(module, e);
      }
    }
    return result;
  }

  private void begin() {
    if (module.startFunction() >= 0) {
      memory.charge(FuelCosts.START);
      call(module.startFunction());
    }
  }

  private long[] call(int function, long... args) {
    return code.call(function, args);
  }

  private Export export(String name) {
    Export export = module.function(name);
    if (export == null) {
      throw new GuestAnswerException("the module exports no function " + Printable.of(name));
    }
    return export;
  }

  /** An export that a calling convention needs, which must be of its type. */
  private Export export(String name, Signature signature) {
    Export export = export(name);
    if (!signature.equals(export.signature())) {
      throw new GuestAnswerException(
          Printable.of(name) + " is " + export.signature() + "; this call needs " + signature);
    }
    return export;
  }

  /** A reactor's constructor (WASI application ABI): before anything but a command. */
  private void initializeReactor(boolean begins) {
    if (begins && module.function(INITIALIZE) != null) {
      call(export(INITIALIZE, PROCEDURE).index());
    }
  }

  private RunResult typed(Invocation.TypedCall typed, boolean begins) {
    Export export = export(typed.export());
    Signature signature = export.signature();
    if (signature == null || signature.params().size() != typed.args().length) {
      throw new GuestAnswerException("the call has " + typed.args().length + " arguments");
    }
    for (int i = 0; i < typed.args().length; i++) {
      // A number from outside names no function: the caller could call what is not exported.
      if (signature.params().get(i) == ValueKind.FUNCREF && (int) typed.args()[i] != NULL) {
        throw new GuestAnswerException("argument " + i + " is a funcref, which can only be null");
      }
    }
    initializeReactor(begins);
    long[] results = call(export.index(), typed.args());
    for (int i = 0; i < results.length; i++) {
      ValueKind kind = signature.results().get(i);
      if (kind == ValueKind.I32 || kind == ValueKind.F32) {
        results[i] &= 0xFFFF_FFFFL;
      }
    }
    return new RunResult.Values(results, signature);
  }

  private RunResult bytes(Invocation.BytesCall bytes, boolean begins) {
    Export alloc = export("alloc", ALLOC);
    Export export = export(bytes.export(), TRANSFORM);
    initializeReactor(begins);
    int length = bytes.input().length;
    int pointer = (int) call(alloc.index(), length)[0];
    if (Integer.toUnsignedLong(pointer) + length > memory.sizeBytes() || pointer == 0) {
      throw new GuestAnswerException(
          "alloc("
              + length
              + ") answered "
              + Integer.toUnsignedString(pointer)
              + ", which is no room for "
              + length
              + " bytes in a memory of "
              + memory.sizeBytes());
    }
    memory.write(pointer, bytes.input());
    long answer = call(export.index(), Value.i32(pointer).raw(), Value.i32(length).raw())[0];
    if (answer == 0) {
      return new RunResult.Refused();
    }
    int from = (int) (answer >>> 32);
    int count = (int) answer;
    if (Integer.toUnsignedLong(from) + Integer.toUnsignedLong(count) > memory.sizeBytes()) {
      throw new GuestAnswerException(
          "the answer points to "
              + Integer.toUnsignedString(count)
              + " bytes at "
              + Integer.toUnsignedString(from)
              + ", outside a memory of "
              + memory.sizeBytes());
    }
    if (Integer.compareUnsigned(count, config.outputBytes()) > 0) {
      throw new GuestAnswerException(
          "the answer has "
              + Integer.toUnsignedString(count)
              + " bytes; at most "
              + config.outputBytes()
              + " are allowed");
    }
    return new RunResult.Bytes(memory.readBytes(from, count));
  }

  private RunResult command(WasiContext wasi) {
    call(export("_start", PROCEDURE).index());
    return new RunResult.Exited(0, wasi.stdout());
  }

  /**
   * Returns the instance to what it was before its first run. After it nothing in the slot or the
   * instance remembers the run.
   */
  public void reset() {
    lease.reset();
    code.reset();
    fresh = true;
  }

  /**
   * Gives the slot back with the module's images still in it, for another instance of the module.
   * The instance must not be used again.
   */
  public void release() {
    try {
      lease.release();
    } finally {
      code.close();
    }
  }

  /** Gives the slot back, empty. The instance must not be used again. */
  @Override
  public void close() {
    try {
      lease.close();
    } finally {
      code.close();
    }
  }
}
