package dev.skep.engine;

import com.dylibso.chicory.runtime.ExecutionListener;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.Element;
import com.dylibso.chicory.wasm.types.MutabilityType;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.limits.LimitExceededException;
import dev.skep.limits.SliceListener;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.ModuleImages;
import dev.skep.pool.SlotLease;
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
 * A module compiled for tier 1, shared by all its instances. Immutable and thread-safe. Its code is
 * unloaded when it and all its instances are unreachable.
 */
public final class CompiledModule {
  /** Kept on the heap, and in every slot if it cannot be mapped. */
  private static final long MOST_SNAPSHOT_BYTES = 64L << 20;

  private final ModuleDescription description;
  private final Map<String, Export> functionExports = new HashMap<>();
  private final WasmModule module;
  private final Function<Instance, Machine> machines;
  private final ImportValues imports;
  private final EngineConfig config;
  private final ScratchBudget scratch;
  private final long codeBytes;
  private final long heldBytes;
  private final CompileReport report;
  private final byte[] names;
  private final int startFunction;
  private final int functions;
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

  private volatile long @Nullable [] initialGlobals;
  private volatile @Nullable Map<Integer, String> parsedNames;

  CompiledModule(
      ModuleDescription description,
      ScannedModule scanned,
      WasmModule module,
      GuestClasses.Loaded loaded,
      ImportValues imports,
      EngineConfig config,
      ScratchBudget scratch,
      CompileReport report) {
    this(description, scanned, module, loaded, imports, config, scratch, report, null);
  }

  CompiledModule(
      ModuleDescription description,
      ScannedModule scanned,
      WasmModule module,
      GuestClasses.Loaded loaded,
      ImportValues imports,
      EngineConfig config,
      ScratchBudget scratch,
      CompileReport report,
      @Nullable ExecutionListener listener) {
    this.listener = listener;
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
    this.heldBytes = codeBytes + WithoutBodies.bytes(module);
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

  /** Bytes of the generated classes. */
  public long codeBytes() {
    return codeBytes;
  }

  /** What it takes of the node's memory, in bytes, or so: its classes, and what is interpreted. */
  public long heldBytes() {
    return heldBytes;
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
    if (initializer == null || images.isSnapshot()) {
      return build(lease, limits);
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
        return build(lease, limits);
      }
      RunResult refused = snapshotRefused;
      if (refused != null) {
        lease.close();
        return new Instantiation.Failed(refused, 0);
      }
      return switch (build(lease, limits)) {
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
        initialGlobals = globals(instance.engineInstance());
        for (int i = 0; i < elements.length; i++) {
          elements[i] = instance.engineInstance().element(i);
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

  private Instantiation build(SlotLease lease, StoreLimits limits) {
    boolean built = false;
    try {
      lease.open(limits);
      int memoryCount = module.memorySection().map(s -> s.memoryCount()).orElse(0);
      int tableCount = module.tableSection().tableCount();
      int[] next = new int[2];
      Instance.Builder builder =
          Instance.builder(module)
              .withImportValues(imports)
              .withMachineFactory(machines)
              .withMemoryFactory(memory -> lease.newMemory(memory, next[0]++, memoryCount))
              .withTableFactory(
                  (table, value) -> lease.newTable(table, value, next[1]++, tableCount))
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
      built = true;
      return new GuestInstance(this, instance, lease, config, scratch);
    } catch (RuntimeException | StackOverflowError e) {
      return new Instantiation.Failed(Traps.result(this, e), 0);
    } finally {
      if (!built) {
        lease.close();
      }
    }
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
