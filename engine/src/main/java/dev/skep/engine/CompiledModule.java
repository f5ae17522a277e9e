package dev.skep.engine;

import com.dylibso.chicory.runtime.ExecutionListener;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.Element;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.MutabilityType;
import com.dylibso.chicory.wasm.types.Value;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.limits.LimitExceededException;
import dev.skep.limits.SliceListener;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.CodeLease;
import dev.skep.pool.CodeSpace;
import dev.skep.pool.ModuleImages;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotMemory;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.SlotRequest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A module that can be run, shared by all its instances: compiled for tier 1, or with machine code,
 * or both. Thread-safe. Its classes are unloaded when it and all its instances are unreachable, its
 * machine code when it is retired and the last instance that runs it has been closed.
 */
public final class CompiledModule implements AutoCloseable {
  /** Kept on the heap, and in every slot if it cannot be mapped. */
  private static final long MOST_SNAPSHOT_BYTES = 64L << 20;

  private final ModuleDescription description;
  private final Map<String, Export> functionExports = new HashMap<>();
  private final WasmModule module;
  private final Function<Instance, Machine> machines;
  private final ImportValues imports;
  private final EngineConfig config;
  private final ScratchBudget scratch;
  private final CodeSpace code;
  private final boolean metered;
  private final boolean tierOne;
  private final long codeBytes;
  private final long bodyBytes;
  private final CompileReport report;
  private final byte[] names;
  private final int startFunction;
  private final int functions;
  private final Map<Integer, Integer> depthUnits;
  private final Signature[] signatures;
  private final ModuleImages images;
  private final long startsWithBytes;
  private final Element[] elements;
  private final int[] mutableGlobals;
  private final @Nullable Export initializer;

  /** Hears of every operator, in the interpreter only. */
  private final @Nullable ExecutionListener listener;

  /** How long who waits for another's initialiser keeps its worker, in milliseconds. */
  private static final long INITIALIZER_WAIT_MILLIS = 1;

  /** Held while the initialiser runs. */
  private final ReentrantLock initializing = new ReentrantLock();

  /** Why there is no snapshot, if the initialiser has failed. */
  private volatile @Nullable RunResult snapshotRefused;

  /** What runs instances that are built from now on, if not tier 1. */
  private volatile @Nullable MachineModule machine;

  /** What machine code begins with, known once an instance has been built. */
  private volatile MachineModule.@Nullable Start machineStart;

  private volatile long @Nullable [] initialGlobals;
  private volatile @Nullable Map<Integer, String> parsedNames;

  CompiledModule(
      ModuleDescription description,
      ScannedModule scanned,
      WasmModule module,
      LoadedClasses loaded,
      long bodyBytes,
      ImportValues imports,
      EngineConfig config,
      ScratchBudget scratch,
      CompileReport report,
      CodeSpace code) {
    this(
        description,
        scanned,
        module,
        loaded,
        bodyBytes,
        imports,
        config,
        scratch,
        report,
        code,
        null);
  }

  CompiledModule(
      ModuleDescription description,
      ScannedModule scanned,
      WasmModule module,
      LoadedClasses loaded,
      long bodyBytes,
      ImportValues imports,
      EngineConfig config,
      ScratchBudget scratch,
      CompileReport report,
      CodeSpace code,
      @Nullable ExecutionListener listener) {
    this.listener = listener;
    this.code = code;
    this.metered = config.metering();
    this.tierOne = loaded.runs();
    this.description = description;
    for (Export export : description.exports()) {
      if (export.kind() == ExternKind.FUNCTION) {
        functionExports.put(export.name(), export);
      }
    }
    this.module = module;
    this.machines = loaded.machines();
    this.imports = imports;
    this.config = config;
    this.scratch = scratch;
    this.codeBytes = loaded.codeBytes();
    this.bodyBytes = bodyBytes;
    this.depthUnits = loaded.depthUnits();
    this.signatures = signatures(scanned);
    this.report = report;
    this.startFunction = scanned.start();
    this.functions = scanned.functionCount();
    ScannedModule.Range range = scanned.names();
    this.names =
        range == null ? new byte[0] : Arrays.copyOfRange(scanned.bytes(), range.from(), range.to());
    this.images =
        new ModuleImages(
            module.memorySection().map(s -> s.memoryCount()).orElse(0),
            module.tableSection().tableCount(),
            module.dataSection().dataSegments(),
            module.elementSection().elementCount());
    this.startsWithBytes = startsWithBytes(module);
    this.initializer = description.initializer().orElse(null);
    // A copy: a snapshot has others.
    this.elements = module.elementSection().elements().clone();
    List<Integer> mutable = new ArrayList<>();
    for (int i = 0; i < module.globalSection().globalCount(); i++) {
      if (module.globalSection().getGlobal(i).mutabilityType() == MutabilityType.Var) {
        mutable.add(i);
      }
    }
    this.mutableGlobals = mutable.stream().mapToInt(Integer::intValue).toArray();
  }

  private static Signature[] signatures(ScannedModule scanned) {
    Signature[] all = new Signature[scanned.functionCount()];
    for (int i = 0; i < all.length; i++) {
      all[i] = scanned.types().get(scanned.typeOf(i));
    }
    return all;
  }

  /** The type of a function. */
  Signature signatureOf(int function) {
    return signatures[function];
  }

  /** What its memories start with; each has an even share of a slot, which the largest decides. */
  private static long startsWithBytes(WasmModule module) {
    long largest = 0;
    int count = module.memorySection().map(s -> s.memoryCount()).orElse(0);
    for (int i = 0; i < count; i++) {
      int pages = module.memorySection().orElseThrow().getMemory(i).limits().initialPages();
      largest = Math.max(largest, (long) pages * Memory.PAGE_SIZE);
    }
    return largest * count;
  }

  public ModuleDescription description() {
    return description;
  }

  /** The exported function of this name, or null. */
  @Nullable Export function(String name) {
    return functionExports.get(name);
  }

  /** Whether it can call the host at all. */
  boolean importsHost() {
    return !description.imports().isEmpty();
  }

  /** Bytes of the generated classes; 0 without. */
  public long codeBytes() {
    return codeBytes;
  }

  /**
   * What it takes of the node's memory, in bytes, or so: its classes, what is interpreted, and its
   * machine code.
   */
  public long heldBytes() {
    return codeBytes + bodyBytes + machineCodeBytes();
  }

  /** What compiling took, in nanoseconds. */
  public long compileNanos() {
    return report.nanos();
  }

  /**
   * Indexes of the functions that are too large for a JVM method and are interpreted, some hundred
   * times slower than the rest.
   */
  public List<Integer> interpretedFunctions() {
    return report.interpreted();
  }

  /** How often the compiler began: once, and again for functions too large by surprise. */
  int compileAttempts() {
    return report.attempts();
  }

  /** The wish for a slot that an instance of this module can be built in. */
  public SlotRequest slotFor(SlotOwner owner) {
    return new SlotRequest(owner, images, startsWithBytes);
  }

  /**
   * Builds an instance in {@code lease}, within {@code limits}. On failure the lease is closed.
   * Runs no code of the guest's, but for the first instance of a module that asks for a snapshot:
   * that one runs its initialiser, while others of the module wait.
   */
  public Instantiation instantiate(SlotLease lease, StoreLimits limits) {
    return instantiate(lease, limits, SliceListener.NONE);
  }

  /** The same, with a listener that may put the run aside while the initialiser runs. */
  public Instantiation instantiate(SlotLease lease, StoreLimits limits, SliceListener slices) {
    return instantiate(lease, limits, slices, true);
  }

  /**
   * The same, for who may be held to tier 1.
   *
   * @param mayBeMachineCode whether the instance may run as machine code; without {@link
   *     #hasTierOne} it does in any case
   */
  public Instantiation instantiate(
      SlotLease lease, StoreLimits limits, SliceListener slices, boolean mayBeMachineCode) {
    if (initializer == null || images.isSnapshot()) {
      return build(lease, limits, mayBeMachineCode);
    }
    boolean mine = false;
    try {
      awaitInitializer(slices);
      mine = true;
    } catch (LimitExceededException e) {
      return new Instantiation.Failed(Traps.result(this, e), 0);
    } finally {
      if (!mine) {
        lease.close();
      }
    }
    try {
      if (images.isSnapshot()) {
        return build(lease, limits, mayBeMachineCode);
      }
      RunResult refused = snapshotRefused;
      if (refused != null) {
        lease.close();
        return new Instantiation.Failed(refused, 0);
      }
      return switch (build(lease, limits, false)) {
        case Instantiation.Failed failed -> failed;
        case GuestInstance instance -> snapshot(instance, lease, limits, slices, initializer);
      };
    } finally {
      initializing.unlock();
    }
  }

  /**
   * Waits until nobody else runs the initialiser. Whoever does may have been put aside, and can
   * need the very worker of the one that waits: so that one offers it at every look.
   */
  private void awaitInitializer(SliceListener slices) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          if (initializing.tryLock(INITIALIZER_WAIT_MILLIS, TimeUnit.MILLISECONDS)) {
            return;
          }
        } catch (InterruptedException e) {
          interrupted = true;
        }
        var _ = slices.waits(System.nanoTime());
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private Instantiation snapshot(
      GuestInstance instance,
      SlotLease lease,
      StoreLimits limits,
      SliceListener slices,
      Export first) {
    boolean taken = false;
    try {
      RunReport report = instance.initialize(first, limits, slices);
      RunResult result = report.result();
      if (result instanceof RunResult.Values) {
        // Before the images: whoever sees those must see these.
        Instance initialized = ((ChicoryCode) instance.code()).instance();
        initialGlobals = globals(initialized);
        for (int i = 0; i < elements.length; i++) {
          elements[i] = initialized.element(i);
        }
      }
      if (result instanceof RunResult.Values && !lease.snapshot(MOST_SNAPSHOT_BYTES)) {
        result =
            new RunResult.Trapped(
                TrapKind.NO_SNAPSHOT,
                "the initialiser left more than " + MOST_SNAPSHOT_BYTES + " bytes to keep",
                List.of());
      }
      if (result instanceof RunResult.Values) {
        taken = true;
        return instance;
      }
      if (result instanceof RunResult.Trapped) {
        // It has no input: it would do the same each time. A limit may be another's next time.
        snapshotRefused = result;
      }
      return new Instantiation.Failed(result, report.fuel());
    } finally {
      if (!taken) {
        instance.close();
      }
    }
  }

  private Instantiation build(SlotLease lease, StoreLimits limits, boolean mayBeMachineCode) {
    boolean built = false;
    // An initialiser runs once and on tier 1, and what it leaves is what both begin with.
    boolean wanted = mayBeMachineCode && (initializer == null || images.isSnapshot());
    MachineModule chosen = wanted || !hasTierOne() ? machine : null;
    CodeLease codeLease = chosen == null ? null : chosen.lease();
    try {
      if (codeLease == null && !hasTierOne()) {
        throw new IllegalStateException("the module has been closed");
      }
      lease.open(limits);
      MachineModule.Start start = machineStart;
      if (chosen != null && codeLease != null && start != null) {
        placeMachine(lease);
      } else {
        Instance instance = instance(lease);
        if (chosen == null || codeLease == null) {
          GuestInstance made =
              new GuestInstance(
                  this,
                  new ChicoryCode(this, instance),
                  (SlotMemory) instance.memory(),
                  lease,
                  config,
                  scratch);
          built = true;
          return made;
        }
        start = MachineModule.Start.of(module, instance);
        machineStart = start;
      }
      GuestInstance made = machineInstance(chosen, codeLease, start, lease);
      built = true;
      return made;
    } catch (RuntimeException | StackOverflowError e) {
      return new Instantiation.Failed(Traps.result(this, e), 0);
    } finally {
      if (!built) {
        if (codeLease != null) {
          codeLease.close();
        }
        lease.close();
      }
    }
  }

  /** An engine's instance in the slot, which has not run. */
  private Instance instance(SlotLease lease) {
    int memoryCount = module.memorySection().map(s -> s.memoryCount()).orElse(0);
    int tableCount = module.tableSection().tableCount();
    int[] next = new int[2];
    Instance.Builder builder =
        Instance.builder(module)
            .withImportValues(imports)
            .withMachineFactory(machines)
            .withMemoryFactory(memory -> lease.newMemory(memory, next[0]++, memoryCount))
            .withTableFactory((table, value) -> lease.newTable(table, value, next[1]++, tableCount))
            .withStart(false);
    if (listener != null) {
      builder.withUnsafeExecutionListener(listener);
    }
    Instance instance = builder.build();
    lease.settle();
    if (images.isSnapshot()) {
      resetInstance(instance);
    } else if (initialGlobals == null) {
      initialGlobals = globals(instance);
    }
    return instance;
  }

  /** Makes memories and tables without an engine instance, from the images of an earlier one. */
  private void placeMachine(SlotLease lease) {
    int memoryCount = module.memorySection().map(s -> s.memoryCount()).orElse(0);
    for (int i = 0; i < memoryCount; i++) {
      MemoryLimits declared = module.memorySection().orElseThrow().getMemory(i).limits();
      var _ = lease.newMemory(declared, i, memoryCount);
    }
    int tableCount = module.tableSection().tableCount();
    for (int i = 0; i < tableCount; i++) {
      var _ =
          lease.newTable(module.tableSection().getTable(i), Value.REF_NULL_VALUE, i, tableCount);
    }
    lease.placeImages();
    lease.settle();
  }

  private GuestInstance machineInstance(
      MachineModule chosen, CodeLease codeLease, MachineModule.Start start, SlotLease lease) {
    SlotMemory memory = lease.memory(0);
    MachineInstance runnable = new MachineInstance(this, chosen, codeLease, start, lease, memory);
    return new GuestInstance(this, runnable, memory, lease, config, scratch);
  }

  // ── Machine code ──────────────────────────────────────────────────────────────────────────

  /**
   * Has instances that are built from now on run as machine code; those that are there stay what
   * they are. Maps the code, which blocks for as long as copying it takes. Of no effect if there is
   * machine code already.
   *
   * @param artifact that {@link Artifact#read} has found whole and meant for this node
   */
  public MachineLoad runOn(Artifact artifact) {
    MachineCode read;
    try {
      CompilerKey wanted = MachineTarget.key(metered);
      if (!artifact.compiler().equals(wanted)) {
        throw new IllegalArgumentException("it is not for " + wanted.text());
      }
      read = MachineArtifact.read(artifact, fit());
    } catch (IllegalArgumentException e) {
      return new MachineLoad.Refused(MachineLoad.Reason.UNFIT, String.valueOf(e.getMessage()));
    }
    return load(read);
  }

  /** What machine code has to fit to be this module's. */
  MachineArtifact.Fit fit() {
    return MachineArtifact.Fit.of(signatures, description, startFunction, module);
  }

  /**
   * The same with code that was just made.
   *
   * @param made of this module's bytes, by this process
   * @throws IllegalStateException if there is no room for it
   */
  public void runOn(MachineCode made) {
    if (load(made) instanceof MachineLoad.Refused refused) {
      throw new IllegalStateException(refused.message());
    }
  }

  private synchronized MachineLoad load(MachineCode made) {
    if (machine == null) {
      switch (MachineModule.map(made, description, code)) {
        case MachineModule.Mapped mapped -> machine = mapped.module();
        case MachineModule.Refused refused -> {
          return new MachineLoad.Refused(MachineLoad.Reason.NO_ROOM, refused.message());
        }
      }
    }
    return new MachineLoad.Loaded(this);
  }

  /** Whether instances built now run as machine code, if they may. */
  public boolean isMachineCode() {
    return machine != null;
  }

  /** Whether it can run on tier 1. What was loaded from an artifact runs as machine code only. */
  public boolean hasTierOne() {
    return tierOne;
  }

  /** Bytes of machine code that are mapped for it, whole pages; 0 without. */
  public long machineCodeBytes() {
    MachineModule mapped = machine;
    return mapped == null ? 0 : mapped.bytes();
  }

  /**
   * Has no more instances run as machine code, if they can run on tier 1: the code is unmapped when
   * the last that does is closed. Without tier 1 it stays for who still has the module at hand, and
   * is unmapped when nobody has. For whoever takes the module out of a cache. Idempotent.
   */
  public void retire() {
    if (tierOne) {
      close();
    }
  }

  /**
   * Has no more instances run as machine code: the code is unmapped when the last that does is
   * closed. Without tier 1, no instance can be built any more. Idempotent; what runs on tier 1 only
   * need not be closed.
   */
  @Override
  public synchronized void close() {
    MachineModule mapped = machine;
    machine = null;
    if (mapped != null) {
      mapped.close();
    }
  }

  /** Call depth that a call of a function takes on tier 1; 0 for one that calls nothing. */
  int depthUnits(int function) {
    return depthUnits.getOrDefault(function, 0);
  }

  /** Whether instances begin after the module's initialiser. */
  public boolean isSnapshot() {
    return images.isSnapshot();
  }

  /** Values of the mutable globals, in their order. */
  private long[] globals(Instance instance) {
    long[] values = new long[mutableGlobals.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = instance.global(mutableGlobals[i]).getValueLow();
    }
    return values;
  }

  /** Returns globals and element segments to what they were when the instance was built. */
  @SuppressWarnings("ReferenceEquality") // dropping puts another object there
  void resetInstance(Instance instance) {
    long[] values = initialGlobals;
    for (int i = 0; values != null && i < values.length; i++) {
      instance.global(mutableGlobals[i]).setValueLow(values[i]);
    }
    for (int i = 0; i < elements.length; i++) {
      if (instance.element(i) != elements[i]) {
        instance.setElement(i, elements[i]);
      }
    }
  }

  /** Index of the start function, or −1. */
  int startFunction() {
    return startFunction;
  }

  /** The name of a function by the name section, printable; or {@code func[index]}. */
  public String nameOf(int function) {
    Map<Integer, String> known = parsedNames;
    if (known == null) {
      known = parseNames();
      parsedNames = known;
    }
    return known.getOrDefault(function, "func[" + function + "]");
  }

  /** Number of the module's own functions, imports included. */
  int functions() {
    return functions;
  }

  private Map<Integer, String> parseNames() {
    Map<Integer, String> map = new TreeMap<>();
    WasmCursor in = new WasmCursor(names, 0, names.length);
    try {
      int count = in.atEnd() ? 0 : in.u31();
      for (int i = 0; i < count; i++) {
        int index = in.u31();
        map.put(index, Printable.of(in.name(config.moduleLimits().nameBytes() * 64)));
      }
    } catch (ModuleRefusedException e) {
      // A broken name section names what it named up to there.
    }
    return map;
  }
}
