package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.Wat.Function;
import dev.skep.limits.ModuleBudgets;
import dev.skep.pool.CodeSpace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real processes, real modules, and processes that are killed. */
@Timeout(120)
class CompilerProcessTest {
  private static final long HEAP = 512L << 20;
  private static final LocalCompiler LOCAL =
      new LocalCompiler(EngineConfig.DEFAULTS, ModuleBudgets.DEFAULTS);

  private static CompilerProcess process;

  @BeforeAll
  static void start() {
    process = CompilerProcess.start(HEAP);
  }

  @AfterAll
  static void stop() {
    ProcessHandle child = ProcessHandle.of(process.pid()).orElseThrow();
    process.close();
    assertThat(child.isAlive()).isFalse();
  }

  private static byte[] guest(String name) {
    return Guests.bytes("wasm/" + name + ".wasm");
  }

  /** A function of so many times {@code local.get 0; i32.const 31; i32.add; local.set 0}. */
  private static Function steps(int repeats) {
    WasmBuffer code = new WasmBuffer(8 * repeats);
    for (int i = 0; i < repeats; i++) {
      Wat.raw(code, 0x20, 0, 0x41, 31, 0x6A, 0x21, 0);
    }
    Wat.raw(code, 0x20, 0, 0x0B);
    return new Function(0, code.toBytes());
  }

  private static byte[] module(int functions, int repeats) {
    List<Function> all = new ArrayList<>();
    for (int i = 0; i < functions; i++) {
      all.add(steps(repeats));
    }
    return Wat.functions(all);
  }

  @Test
  void saysAndMakesWhatThisProcessWould() throws Exception {
    List<byte[]> modules =
        List.of(guest("fib"), guest("json_transform"), guest("wordcount"), module(3, 20_000));
    for (byte[] module : modules) {
      assertThat(process.check(module)).isEqualTo(LOCAL.check(module));
      TierOneCode here = LOCAL.compile(module);
      TierOneCode there = process.compile(module);
      assertThat(there)
          .usingRecursiveComparison()
          .withStrictTypeChecking()
          .ignoringFields("depthUnits", "interpreted", "classes")
          .isEqualTo(here);
      assertThat(there.depthUnits()).isEqualTo(here.depthUnits());
      assertThat(there.interpreted()).isEqualTo(here.interpreted());
      assertThat(there.classes().keySet()).containsExactlyElementsOf(here.classes().keySet());
      there
          .classes()
          .forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(here.classes().get(name)));
    }
    assertThat(process.check(module(1, 20_000)).count()).isEqualTo(1);
    assertThat(process.checkCpuNanos()).isPositive();
  }

  @Test
  void refusesInTheSameWords() {
    // An i32 for an operator on i64.
    byte[] invalid = Wat.functions(List.of(new Function(0, Wat.hex(0x20, 0, 0x50, 0x0B))));
    ModuleRefusedException here =
        catchThrowableOfType(ModuleRefusedException.class, () -> LOCAL.check(invalid));
    ModuleRefusedException there =
        catchThrowableOfType(ModuleRefusedException.class, () -> process.check(invalid));
    assertThat(there.reason()).isEqualTo(here.reason()).isEqualTo(Reason.INVALID);
    assertThat(there).hasMessage(here.getMessage());
  }

  @Test
  void anEngineRunsWhatItMakes() throws Exception {
    Engine engine =
        new Engine(EngineConfig.DEFAULTS, process, new CodeSpace(CodeSpace.DEFAULT_BYTES));
    byte[] module = module(2, 20_000);
    assertThat(engine.check(module).oversizedCount()).isEqualTo(2);
    CompiledModule compiled = engine.compile(module);
    assertThat(compiled.interpretedFunctions()).containsExactly(0, 1);
    assertThat(engine.stats().checkCpuNanos()).isPositive();
    assertThat(engine.compile(guest("fib")).codeBytes()).isPositive();
  }

  @Test
  void anEngineOfOtherLimitsIsRefused() {
    assertThatThrownBy(() ->
            new Engine(EngineConfig.DEFAULTS.withMetering(false), process, new CodeSpace(1 << 20)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aKilledProcessIsStartedAgainAndAskedAgain() throws Exception {
    byte[] large = module(400, 2_000);
    try (CompilerProcess killed = CompilerProcess.start(HEAP);
        ExecutorService asking = Executors.newSingleThreadExecutor()) {
      long before = killed.pid();
      Future<TierOneCode> code = asking.submit(() -> killed.compile(large));
      while (killed.underWay() == 0) {
        Thread.onSpinWait();
      }
      assertThat(ProcessHandle.of(before).orElseThrow().destroyForcibly()).isTrue();
      assertThat(code.get().classes()).isNotEmpty();
      assertThat(killed.pid()).isNotEqualTo(before);
      assertThat(killed.stats().started()).isEqualTo(2);
      assertThat(killed.stats().lost()).isEqualTo(1);
      assertThat(killed.stats().pid()).isEqualTo(killed.pid());
    }
  }

  /** What brings it down may be another's module, so machine code has not failed for this one. */
  @Test
  void machineCodeOfAModuleThatLosesItTwiceIsOnlyUnavailable() throws Exception {
    byte[] large = module(400, 2_000);
    try (CompilerProcess killed = CompilerProcess.start(HEAP);
        MachineCompilers compilers =
            new MachineCompilers(
                new Engine(EngineConfig.DEFAULTS, killed, new CodeSpace(1 << 20)),
                CompilerShelf.NONE,
                false);
        NativeCompiler compiler = compilers.open();
        ExecutorService asking = Executors.newSingleThreadExecutor(CompilerProcessTest::deep)) {
      NativeBudget budget = new NativeBudget(60_000_000_000L, Artifact.MOST_BYTES, () -> false);
      Future<NativeOutcome> outcome = asking.submit(() -> compiler.compile(large, budget));
      long before = 0;
      for (int i = 0; i < 2; i++) {
        long pid;
        do {
          Thread.onSpinWait();
          pid = killed.stats().pid();
          // 0 between the two processes; the second has the module when it is told.
        } while (pid == 0 || pid == before || killed.underWay() == 0);
        assertThat(ProcessHandle.of(pid).orElseThrow().destroyForcibly()).isTrue();
        before = pid;
      }
      assertThat(outcome.get())
          .isInstanceOfSatisfying(
              NativeOutcome.Unavailable.class,
              why -> assertThat(why.reason()).contains("ended twice"));
      Future<NativeOutcome> next = asking.submit(() -> compiler.compile(guest("fib"), budget));
      assertThat(next.get()).isInstanceOf(NativeOutcome.Compiled.class);
    }
  }

  /** A thread with the stack that a compiler wants. */
  private static Thread deep(Runnable work) {
    return new Thread(null, work, "compiler", Engine.COMPILER_STACK_BYTES);
  }

  @Test
  void aModuleThatNeedsMoreThanTheHeapEndsNobodyElse() throws Exception {
    byte[] large = module(300, 9_000);
    try (CompilerProcess small = CompilerProcess.start(64L << 20)) {
      Throwable refused = catchThrowable(() -> small.check(large));
      if (refused instanceof ModuleRefusedException why) {
        assertThat(why.reason()).isEqualTo(Reason.LIMIT);
      } else {
        // Memory ran out where it ends the process rather than the check.
        assertThat(refused)
            .isInstanceOfAny(RejectedExecutionException.class, IllegalStateException.class);
      }
      assertThat(small.check(guest("fib")).count()).isZero();
    }
  }

  @Test
  void whatIsClosedAsksForNothing() {
    CompilerProcess closed = CompilerProcess.start(HEAP);
    closed.close();
    closed.close();
    assertThatThrownBy(() -> closed.check(guest("fib")))
        .isInstanceOf(RejectedExecutionException.class);
    assertThat(closed.stats().lost()).isZero();
  }

  @Test
  void theProcessEndsWithWhoStartedIt() throws Exception {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                CompilerProcessMain.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    // As when the other end is killed.
    child.getOutputStream().close();
    assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(child.exitValue()).isZero();
  }
}
