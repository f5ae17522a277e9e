package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.limits.ModuleBudgets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Checking and compiling end at their budgets, with a reason. */
@Timeout(120)
class ModuleBudgetTest {
  private static final byte[] GUEST = Guests.bytes("wasm/kernels.wasm");

  private static ModuleRefusedException refused(ModuleBudgets budgets) {
    Engine engine = new Engine(EngineConfig.DEFAULTS, budgets);
    ModuleRefusedException refused =
        catchThrowableOfType(ModuleRefusedException.class, () -> engine.compile(GUEST));
    if (refused == null) {
      throw new AssertionError("it was compiled");
    }
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
    return refused;
  }

  @Test
  void compilingEndsAtItsBudgetOfTime() {
    assertThat(refused(new ModuleBudgets(0, 0, 0, 0, 1 << 20)))
        .hasMessageContaining("more than 0 ms of CPU time");
  }

  @Test
  void compilingEndsAtItsBudgetOfCode() {
    assertThat(refused(new ModuleBudgets(0, 0, 60_000_000_000L, 0, 1_000)))
        .hasMessageContaining("more than 1000 bytes of code");
  }

  @Test
  void aCheckThatNeverEndsIsAnsweredAtItsBudget() throws Exception {
    CheckThreads threads = new CheckThreads();
    AtomicBoolean end = new AtomicBoolean();
    CountDownLatch ended = new CountDownLatch(1);
    Callable<Integer> spins =
        () -> {
          int turns = 0;
          while (!end.get()) {
            turns++;
            Thread.onSpinWait();
          }
          ended.countDown();
          return turns;
        };
    try {
      ModuleRefusedException refused =
          catchThrowableOfType(
              ModuleRefusedException.class, () -> threads.run(spins, 100_000_000L));
      assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
      assertThat(refused).hasMessageContaining("checking the module took more than 100 ms of CPU");
      // The others go on meanwhile.
      assertThat(threads.run(() -> 7, 1_000_000_000L)).isEqualTo(7);
    } finally {
      end.set(true);
    }
    ended.await();
  }

  @Test
  void whatACheckThrowsComesOutAndFreesItsThread() throws Exception {
    CheckThreads threads = new CheckThreads();
    for (int i = 0; i < 3 * CheckThreads.MOST; i++) {
      assertThatThrownBy(() ->
              threads.run(
                  () -> {
                    throw new StackOverflowError("deep");
                  },
                  1_000_000_000L))
          .isInstanceOf(StackOverflowError.class)
          .hasMessage("deep");
      assertThatThrownBy(() ->
              threads.run(
                  () -> {
                    throw new ModuleRefusedException(Reason.INVALID, "wrong");
                  },
                  1_000_000_000L))
          .isInstanceOf(ModuleRefusedException.class)
          .hasMessage("wrong");
    }
    assertThat(threads.run(() -> 7, 1_000_000_000L)).isEqualTo(7);
  }

  @Test
  void classesAreSplitSoThatNoneIsLargeAndTheModuleStillRuns() throws ModuleRefusedException {
    // 200 functions of some 20 KB each: 4 MB of methods, so 64 in a class at most.
    WasmBuffer code = new WasmBuffer(1 << 15);
    for (int i = 0; i < 2_500; i++) {
      Wat.raw(code, 0x20, 0, 0x41, 31, 0x6C, 0x41, 7, 0x6A, 0x21, 0);
    }
    Wat.raw(code, 0x20, 0, 0x0B);
    List<Wat.Function> functions = new ArrayList<>();
    for (int i = 0; i < 199; i++) {
      functions.add(new Wat.Function(0, code.toBytes()));
    }
    functions.add(new Wat.Function(0, Wat.hex(0x20, 0, 0x10, 0, 0x10, 0x78, 0x0B)));
    byte[] wasm = Wat.functions(functions);
    ScannedModule scanned = ModuleScanner.scan(wasm, EngineConfig.DEFAULTS.moduleLimits());
    FunctionSizes sizes = FunctionSizes.check(scanned, EngineConfig.DEFAULTS.moduleLimits());
    assertThat(sizes.functionsInClass()).isEqualTo(64);
    try (Guests guests = new Guests();
        Probe probe = new Probe(guests, guests.compile(wasm))) {
      int expected = 1;
      for (int i = 0; i < 5_000; i++) {
        expected = expected * 31 + 7;
      }
      assertThat((int) probe.call("f199", 1)).isEqualTo(expected);
    }
  }
}
