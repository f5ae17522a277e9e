package dev.skep.engine;

import com.dylibso.chicory.compiler.InterpreterFallback;
import com.dylibso.chicory.compiler.internal.Compiler;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.WasmModule;
import dev.skep.engine.FuelInstrumenter.Instrumented;
import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.limits.ModuleBudgets;
import java.util.HashSet;
import java.util.Set;
import org.objectweb.asm.MethodTooLargeException;

/**
 * Checks and generates in this process: checks on threads of their own with a budget of CPU time,
 * classes on the caller's, which wants a stack of {@link Engine#COMPILER_STACK_BYTES}.
 */
final class LocalCompiler implements TierOneCompiler {
  /** Prefix of the generated classes' names. */
  static final String GUEST_CLASS = "dev.skep.guest.Guest";

  /**
   * Most bytes of modules that one compilation may go over, because it begins again at a function
   * too large that the estimate has not foreseen: three attempts for a module of the greatest size,
   * sixty for one of a megabyte.
   */
  private static final long MOST_COMPILED_BYTES = 64L << 20;

  private final EngineConfig config;
  private final ModuleBudgets budgets;
  private final CheckThreads checks = new CheckThreads();

  LocalCompiler(EngineConfig config, ModuleBudgets budgets) {
    this.config = config;
    this.budgets = budgets;
  }

  @Override
  public OversizedFunctions check(byte[] bytes) throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    return checks.run(() -> checkCode(scanned), budgets.checkNanos(bytes.length));
  }

  private OversizedFunctions checkCode(ScannedModule scanned) throws ModuleRefusedException {
    FunctionSizes sizes = FunctionSizes.check(scanned, config.moduleLimits());
    FuelInstrumenter.instrument(scanned, config);
    ModuleParser.parse(ModuleParser.withoutCustomSections(scanned), true);
    return sizes.oversized();
  }

  @Override
  public TierOneCode compile(byte[] bytes) throws ModuleRefusedException {
    ScannedModule scanned = ModuleScanner.scan(bytes, config.moduleLimits());
    FunctionSizes sizes = FunctionSizes.check(scanned, config.moduleLimits());
    Instrumented instrumented = FuelInstrumenter.instrument(scanned, config);
    WasmModule module = ModuleParser.parse(instrumented.bytes(), false);
    Generated generated = generate(scanned, sizes, module, instrumented);
    GuestClasses classes = generated.classes();
    if (!generated.interpreted().isEmpty()) {
      instrumented = FuelInstrumenter.instrument(scanned, config, generated.interpreted());
    }
    return new TierOneCode(
        sizes.oversized(),
        HollowModule.of(
            instrumented.bytes(), generated.interpreted(), scanned.importedFunctions().length),
        classes.mainClassName(),
        classes.rewritten(),
        classes.depthUnits(),
        generated.interpreted().stream().sorted().toList(),
        generated.attempts());
  }

  @Override
  public long checkCpuNanos() {
    return checks.cpuNanos();
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
    Set<Integer> interpreted = new HashSet<>(sizes.surelyTooLarge(config.methodBytes()));
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
}
