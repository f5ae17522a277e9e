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
import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.CompileRequest;
import dev.skep.engine.cranelift.CompileWatch;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.limits.ModuleBudgets;
import dev.skep.pool.CodeSpace;
import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.MethodTooLargeException;

/**
 * Checks and compiles modules. Thread-safe. Both methods are CPU-bound, some milliseconds for a
 * small module and seconds for one of a megabyte: call them beside the threads that serve.
 */
public final class Engine {
  /** Prefix of the generated classes' names. */
  static final String GUEST_CLASS = "dev.skep.guest.Guest";

  /**
   * Most bytes of modules that one compilation may go over, because it begins again at a function
   * too large that the estimate has not foreseen: three attempts for a module of the greatest size,
   * sixty for one of a megabyte.
   */
  private static final long MOST_COMPILED_BYTES = 64L << 20;

  /** Stack of a thread that compiles to machine code, in bytes. */
  public static final long COMPILER_STACK_BYTES = 64L << 20;

  private final EngineConfig config;
  private final ScratchBudget scratch;
  private final ModuleBudgets budgets;
  private final CodeSpace code;
  private final CheckThreads checks = new CheckThreads();
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
   * @param code where machine code is mapped
   */
  public Engine(EngineConfig config, ModuleBudgets budgets, CodeSpace code) {
    this.config = config;
    this.code = code;
    this.scratch = new ScratchBudget(config.scratchBytes(), config.scratchTenantBytes());
    this.budgets = budgets;
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
      return checks.run(() -> checkCode(scanned), budgets.checkNanos(bytes.length));
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

  private ModuleDescription checkCode(ScannedModule scanned) throws ModuleRefusedException {
    FunctionSizes sizes = FunctionSizes.check(scanned, config.moduleLimits());
    FuelInstrumenter.instrument(scanned, config);
    parse(withoutCustomSections(scanned), true);
    return sizes.describe();
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
    FunctionSizes sizes = FunctionSizes.check(scanned, config.moduleLimits());
    Instrumented instrumented = FuelInstrumenter.instrument(scanned, config);
    WasmModule module = parse(instrumented.bytes(), false);
    Generated generated = generate(scanned, sizes, module, instrumented);
    List<Integer> interpreted = generated.interpreted().stream().sorted().toList();
    GuestClasses.Loaded loaded = generated.classes().load();
    long nanos = System.nanoTime() - startNanos;
    compiled.increment();
    compileNanos.add(nanos);
    interpretedFunctions.add(interpreted.size());
    return new CompiledModule(
        sizes.describe(),
        scanned,
        WithoutBodies.of(module, generated.interpreted(), scanned.importedFunctions().length),
        loaded,
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
            parse(FuelInstrumenter.bodiless(scanned), false),
            GuestClasses.Loaded.NONE,
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
   */
  CompileRequest machineRequest(byte[] bytes) throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    checkImports(scanned);
    FunctionSizes sizes = FunctionSizes.check(scanned, config.moduleLimits());
    Instrumented instrumented = FuelInstrumenter.instrument(scanned, config);
    WasmModule module = parse(instrumented.bytes(), false);
    Generated generated = generate(scanned, sizes, module, instrumented);
    return MachineRequest.of(
        scanned, config, generated.classes().depthUnits(), generated.interpreted());
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
    return BodyFigures.of(parse(withoutCustomSections(scanned), true), config.moduleLimits())
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
    WasmModule module = parse(FuelProfiler.runnable(scanned), true);
    return new FuelProfiler(scanned, module, importsOf(scanned), config);
  }

  private record Generated(GuestClasses classes, Set<Integer> interpreted, int attempts) {}

  /**
   * Generates the classes. A function too large for a JVM method is interpreted: those that surely
   * are, so that the compiler need not find them; those that it finds; and those that only the
   * rewriting has made too large.
   */
  private Generated generate(
      ScannedModule scanned, FunctionSizes sizes, WasmModule module, Instrumented instrumented)
      throws ModuleRefusedException {
    CompileBudget budget =
        new CompileBudget(budgets.compileNanos(scanned.bytes().length), budgets.generatedBytes());
    Set<Integer> interpreted = new HashSet<>(sizes.surelyTooLarge());
    int attempts = 0;
    try {
      while (true) {
        // The compiler begins again at every function that it finds too large.
        if (attempts++ * (long) instrumented.bytes().length > MOST_COMPILED_BYTES) {
          throw new CompileBudget.ExceededException(
              "the module has too many functions too large for the compiler, which had found "
                  + interpreted.size()
                  + "; build it with less inlining");
        }
        try {
          var result =
              Compiler.builder(module)
                  .withClassName(GUEST_CLASS)
                  .withMaxFunctionsPerClass(sizes.functionsInClass())
                  .withClassCollectorFactory(
                      () -> new BudgetedCollector(collector(instrumented), budget))
                  // Interpreted functions are reported with the module rather than on stderr.
                  .withInterpreterFallback(InterpreterFallback.FAIL)
                  .withInterpretedFunctions(interpreted)
                  .build()
                  .compile();
          GuestClasses classes = ((BudgetedCollector) result.collector()).classes();
          Set<Integer> tooLarge = classes.rewrite();
          budget.check();
          if (tooLarge.isEmpty()) {
            return new Generated(classes, Set.copyOf(interpreted), attempts);
          }
          interpreted.addAll(tooLarge);
        } catch (ChicoryException e) {
          int tooLarge = tooLarge(e, scanned);
          interpreted.add(tooLarge);
          interpreted.addAll(sizes.asLargeAs(tooLarge));
        }
      }
    } catch (CompileBudget.ExceededException e) {
      throw new ModuleRefusedException(Reason.LIMIT, String.valueOf(e.getMessage()), e);
    } catch (RuntimeException | StackOverflowError e) {
      // A type with more parameters than a JVM method, a class with too many constants.
      throw new ModuleRefusedException(
          Reason.LIMIT, "the module is too large in some way for the compiler", e);
    } catch (OutOfMemoryError e) {
      // Of what is held here all is let go with the module; nobody else has lost anything.
      throw new ModuleRefusedException(
          Reason.LIMIT, "compiling the module takes more memory than the node has for it", e);
    }
  }

  /** The function that the compiler has found too large, if that is what it says. */
  private static int tooLarge(ChicoryException e, ScannedModule scanned) {
    if (e.getCause() instanceof MethodTooLargeException method
        && method.getMethodName().startsWith("func_")) {
      int function = Integer.parseInt(method.getMethodName().substring("func_".length()));
      if (function >= scanned.importedFunctions().length && function < scanned.functionCount()) {
        return function;
      }
    }
    throw e;
  }

  static GuestClasses collector(Instrumented instrumented) {
    return new GuestClasses(
        GUEST_CLASS, instrumented.chargeFunction(), instrumented.chargeLengthFunction());
  }

  /** The engine's parser reads names, and fails on what the standard ignores (7.4.1). */
  private static byte[] withoutCustomSections(ScannedModule module) {
    WasmBuffer out = new WasmBuffer(module.bytes().length);
    out.raw(module.bytes(), 0, 8);
    for (ScannedModule.Section section : module.sections()) {
      out.u8(section.id());
      out.u32(section.to() - section.from());
      out.raw(module.bytes(), section.from(), section.to());
    }
    return out.toBytes();
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
    } catch (OutOfMemoryError e) {
      throw new ModuleRefusedException(
          Reason.LIMIT, "checking the module takes more memory than the node has for it", e);
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

  /** Scratch space that runs take now, and what was refused to them since start. */
  public ScratchStats scratch() {
    return scratch.stats();
  }

  /** Figures since start. */
  public EngineStats stats() {
    return new EngineStats(
        checked.sum(),
        scanCpuNanos.sum() + checks.cpuNanos(),
        compiled.sum(),
        compileNanos.sum(),
        refused.sum(),
        interpretedFunctions.sum());
  }
}
