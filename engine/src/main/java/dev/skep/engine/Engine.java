package dev.skep.engine;

import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportFunction;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.wasm.WasmModule;
import dev.skep.engine.ModuleDescription.Import;
import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.CompileRequest;
import dev.skep.engine.cranelift.CompileWatch;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.limits.ModuleBudgets;
import dev.skep.pool.CodeSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Checks and compiles modules. Thread-safe. Both methods are CPU-bound, some milliseconds for a
 * small module and seconds for one of a megabyte: call them beside the threads that serve.
 */
public final class Engine {
  /** Stack of a thread that compiles to machine code, in bytes. */
  public static final long COMPILER_STACK_BYTES = 64L << 20;

  private final EngineConfig config;
  private final ScratchBudget scratch;
  private final CodeSpace code;
  private final TierOneCompiler tierOne;
  private final LongAdder checked = new LongAdder();
  private final LongAdder scanCpuNanos = new LongAdder();
  private final Object machineLock = new Object();

  /** Made by the first module that is compiled to machine code: it takes half a second. */
  private @Nullable ModuleCompiler machineCompiler;

  private final LongAdder compiled = new LongAdder();
  private final LongAdder compileNanos = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder interpretedFunctions = new LongAdder();

  public Engine(EngineConfig config) {
    this(config, ModuleBudgets.DEFAULTS);
  }

  public Engine(EngineConfig config, ModuleBudgets budgets) {
    this(config, budgets, new CodeSpace(CodeSpace.DEFAULT_BYTES));
  }

  /**
   * An engine that checks and compiles in this process.
   *
   * @param code where machine code is mapped
   */
  public Engine(EngineConfig config, ModuleBudgets budgets, CodeSpace code) {
    this(config, new LocalCompiler(config, budgets), code);
  }

  /**
   * An engine that has the heavy part of it done in another process.
   *
   * @param compiler of modules within the same limits as this one's
   * @param code where machine code is mapped
   */
  public Engine(EngineConfig config, CompilerProcess compiler, CodeSpace code) {
    this(config, (TierOneCompiler) compiler, code);
    compiler.mustServe(config);
  }

  private Engine(EngineConfig config, TierOneCompiler tierOne, CodeSpace code) {
    this.config = config;
    this.code = code;
    this.scratch = new ScratchBudget(config.scratchBytes(), config.scratchTenantBytes());
    this.tierOne = tierOne;
  }

  public EngineConfig config() {
    return config;
  }

  /**
   * Says whether a module can be run here, without compiling it. Blocks while a thread of the
   * engine's own does it.
   *
   * @return what it exports and imports, and which functions are oversized
   * @throws ModuleRefusedException if it cannot, and why
   * @throws java.util.concurrent.RejectedExecutionException if too many checks are under way
   */
  public ModuleDescription check(byte[] bytes) throws ModuleRefusedException {
    checked.increment();
    try {
      ScannedModule scanned = scannedToCheck(bytes);
      return tierOne.check(bytes).addTo(scanned.description());
    } catch (ModuleRefusedException e) {
      refused.increment();
      throw e;
    }
  }

  /** The first part of a check, which is linear in the bytes and on the caller's thread. */
  private ScannedModule scannedToCheck(byte[] bytes) throws ModuleRefusedException {
    long startNanos = CheckThreads.cpuNanosOfThisThread();
    try {
      ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
      checkImports(scanned);
      return scanned;
    } finally {
      scanCpuNanos.add(CheckThreads.cpuNanosOfThisThread() - startNanos);
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
    TierOneCode generated = tierOne.compile(bytes);
    List<Integer> interpreted = generated.interpreted();
    int imported = scanned.importedFunctions().length;
    InterpretedBodies bodies =
        InterpretedBodies.of(generated.module(), Set.copyOf(interpreted), imported);
    byte[] hollow =
        interpreted.isEmpty()
            ? generated.module()
            : HollowModule.of(generated.module(), Set.of(), imported);
    WasmModule module = ModuleParser.parse(hollow, false);
    LoadedClasses loaded = LoadedClasses.of(generated);
    long nanos = System.nanoTime() - startNanos;
    compiled.increment();
    compileNanos.add(nanos);
    interpretedFunctions.add(interpreted.size());
    return new CompiledModule(
        generated.oversized().addTo(scanned.description()),
        scanned,
        WithoutBodies.of(module, bodies.all(), imported),
        loaded,
        bodies.heldBytes(),
        importsOf(scanned),
        config,
        scratch,
        new CompileReport(nanos, generated.attempts(), interpreted),
        code);
  }

  // ── Machine code ──────────────────────────────────────────────────────────────────────────

  /**
   * Makes a module that {@link #check} has accepted ready to run as machine code, without compiling
   * it: linear in its bytes, and a fraction of a millisecond for a small one. One with an
   * initialiser, which begins on tier 1, is compiled as well.
   *
   * @param artifact of the module, that {@link Artifact#read} has found whole and meant for this
   *     node
   * @throws ModuleRefusedException if it is not such a module
   */
  public MachineLoad load(byte[] bytes, Artifact artifact) throws ModuleRefusedException {
    long startNanos = System.nanoTime();
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    if (scanned.description().initializer().isPresent()) {
      return compile(bytes).runOn(artifact);
    }
    checkImports(scanned);
    CompiledModule module =
        new CompiledModule(
            scanned.description(),
            scanned,
            ModuleParser.parse(FuelInstrumenter.bodiless(scanned), false),
            LoadedClasses.NONE,
            0,
            importsOf(scanned),
            config,
            scratch,
            new CompileReport(System.nanoTime() - startNanos, 0, List.of()),
            code);
    return module.runOn(artifact);
  }

  /** What names the compiler to machine code, whose own code is an artifact of this module. */
  public static String compilerDigest() {
    return NativeBridge.digest();
  }

  /** Of the machine code that this engine makes and runs. */
  public CompilerKey compilerKey() {
    return MachineTarget.key(config.metering());
  }

  /** Where machine code is mapped. */
  public CodeSpace codeSpace() {
    return code;
  }

  /**
   * Compiles a module to machine code. One at a time; takes seconds for a large module. For tests
   * and measurements: a node compiles by {@link MachineCompilers}.
   *
   * @param compiled the same bytes on tier 1
   * @return the code, for {@link CompiledModule#runOn}, or why there is none
   * @throws ModuleRefusedException if it is not a module that {@link #check} accepts
   */
  public CompileOutcome machineCode(byte[] bytes, CompiledModule compiled)
      throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    CompileRequest request = MachineRequest.of(scanned, config, compiled);
    synchronized (machineLock) {
      return machineCompiler().compile(request);
    }
  }

  /**
   * What there is to compile of a module, with the call depth that it takes on tier 1: that is
   * found out by generating the classes of tier 1, without loading them.
   *
   * @throws java.util.concurrent.RejectedExecutionException if nobody could do that now
   */
  CompileRequest machineRequest(byte[] bytes) throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    checkImports(scanned);
    TierOneCode generated = tierOne.compile(bytes);
    return MachineRequest.of(
        scanned, config, generated.depthUnits(), Set.copyOf(generated.interpreted()));
  }

  private ModuleCompiler machineCompiler() {
    ModuleCompiler compiler = machineCompiler;
    if (compiler == null) {
      compiler =
          new ModuleCompiler(NativeBridge.inJvm().newSlot()::start, MachineTarget.target(), false);
      machineCompiler = compiler;
    }
    return compiler;
  }

  /**
   * Compiles the compiler of machine code to machine code: takes some four minutes, once for each
   * version of it, and makes it ten times as fast. It wants a stack of {@link
   * #COMPILER_STACK_BYTES}.
   *
   * @param watch may stop it
   * @return to be kept for {@link #useCompiler}
   */
  public Artifact compileCompiler(CompileWatch watch) {
    // Not with the compiler at hand, which others wait for.
    try (BridgeSlot slot = NativeBridge.inJvm().newSlot()) {
      CompileOutcome outcome =
          NativeBridge.compile(
              new ModuleCompiler(slot::start, MachineTarget.target(), false), watch);
      return switch (outcome) {
        case MachineCode made ->
            MachineArtifact.of(NativeBridge.digest(), MachineTarget.key(), made);
        case CompileOutcome.Unsupported unsupported ->
            throw new IllegalStateException(
                "the compiler is beyond itself: " + unsupported.reason());
      };
    }
  }

  /**
   * Has {@link #machineCode} use the compiler's own machine code from now on; modules become the
   * same code.
   *
   * @param compiler from {@link #compileCompiler}, of the same version
   * @throws IllegalArgumentException if it is not
   */
  public void useCompiler(Artifact compiler) {
    BridgeSlot slot = NativeBridge.of(compiler, code).newSlot();
    ModuleCompiler fast = new ModuleCompiler(slot::start, MachineTarget.target(), false);
    synchronized (machineLock) {
      machineCompiler = fast;
    }
  }

  /**
   * How much of everything that is limited a module has. For whoever wants to look at a module
   * rather than run it: as much work as {@link #check}.
   *
   * @throws ModuleRefusedException if it is not a module that {@link #check} accepts
   */
  public ModuleFigures figures(byte[] bytes) throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    return BodyFigures.of(
            ModuleParser.parse(ModuleParser.withoutCustomSections(scanned), true),
            config.moduleLimits())
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
    WasmModule module = ModuleParser.parse(FuelProfiler.runnable(scanned), true);
    return new FuelProfiler(scanned, module, importsOf(scanned), config);
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

  /** Scratch space that runs take now, and what was refused to them since start. */
  public ScratchStats scratch() {
    return scratch.stats();
  }

  /** Figures since start. */
  public EngineStats stats() {
    return new EngineStats(
        checked.sum(),
        scanCpuNanos.sum() + tierOne.checkCpuNanos(),
        compiled.sum(),
        compileNanos.sum(),
        refused.sum(),
        interpretedFunctions.sum());
  }
}
