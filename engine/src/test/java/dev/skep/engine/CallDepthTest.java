package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Wat.Function;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Recursion at the greatest call depth, on a stack of a worker's size: the guest's own limit ends
 * it, never the JVM's, whether its code is interpreted by the JVM or compiled.
 */
class CallDepthTest {
  private static Guests guests;
  private static CompiledModule recursion;

  @BeforeAll
  static void open() {
    guests = new Guests();
    recursion = guests.compile(Wat.bytes("recursion"));
  }

  @AfterAll
  static void close() {
    guests.close();
  }

  /** Runs on a thread whose stack is what the scheduler gives its workers. */
  static void onWorkerStack(Runnable body) throws InterruptedException {
    long stackBytes =
        (long) StoreLimits.MAX_CALL_DEPTH * StoreLimits.STACK_BYTES_PER_CALL + (2L << 20);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread worker = new Thread(null, body, "worker", stackBytes);
    worker.setUncaughtExceptionHandler((_, e) -> failure.set(e));
    worker.start();
    worker.join();
    Throwable thrown = failure.get();
    if (thrown != null) {
      throw new AssertionError(thrown);
    }
  }

  private static void endsByItsDepth(CompiledModule module, String export, long... args)
      throws InterruptedException {
    onWorkerStack(() -> {
      try (Probe probe = new Probe(guests, module)) {
        probe.limits = Guests.PLENTY.withCallDepth(StoreLimits.MAX_CALL_DEPTH);
        // Often enough that both of the JVM's compilers have had their turn.
        for (int i = 0; i < 30; i++) {
          assertThat(probe.limit(export, args)).isEqualTo(LimitKind.CALL_DEPTH);
        }
      }
    });
  }

  @ParameterizedTest
  @CsvSource({"direct", "indirect", "float", "mutual"})
  void smallFrames(String export) throws InterruptedException {
    endsByItsDepth(recursion, export, 0);
  }

  @Test
  void manyParametersThroughAnIndirectCall() throws InterruptedException {
    endsByItsDepth(recursion, "wide");
  }

  /** Locals that are all live over the call, so that no compiler can leave them out. */
  private static CompiledModule locals(int count) {
    WasmBuffer code = new WasmBuffer(1 << 16);
    for (int i = 1; i <= count; i++) {
      Wat.raw(code, 0x20, 0, 0xAC, 0x42, 1, 0x7C, 0x21); // local i = param + 1, widened
      code.u32(i);
    }
    Wat.raw(code, 0x20, 0, 0x10, 0, 0x1A); // call itself, drop
    Wat.raw(code, 0x42, 0);
    for (int i = 1; i <= count; i++) {
      code.u8(0x20);
      code.u32(i);
      code.u8(0x7C);
    }
    Wat.raw(code, 0xA7, 0x0B);
    return guests.compile(Wat.functions(List.of(new Function(0, count, Wat.I64, code.toBytes()))));
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 14, 15, 16, 100, 1_000, 2_500})
  void framesOfManyLocals(int count) throws InterruptedException {
    endsByItsDepth(locals(count), "f0", 1);
  }

  @Test
  void framesOfManyOperands() throws InterruptedException {
    WasmBuffer code = new WasmBuffer(1 << 12);
    for (int i = 0; i < 500; i++) {
      Wat.raw(code, 0x20, 0);
    }
    Wat.raw(code, 0x20, 0, 0x10, 0);
    for (int i = 0; i < 500; i++) {
      Wat.raw(code, 0x6A);
    }
    Wat.raw(code, 0x0B);
    endsByItsDepth(
        guests.compile(Wat.functions(List.of(new Function(0, code.toBytes())))), "f0", 1);
  }

  @Test
  void depthIsExactToTheUnit() {
    try (Probe probe = new Probe(guests, guests.guest("trap"))) {
      // A call that does not nest costs no depth; recursion of n needs about n.
      probe.limits = Guests.PLENTY.withCallDepth(1);
      assertThat(probe.limit("recurse")).isEqualTo(LimitKind.CALL_DEPTH);
      probe.limits = Guests.PLENTY.withCallDepth(4);
      assertThat(probe.trap("div_zero")).isEqualTo(TrapKind.INTEGER_DIVIDE_BY_ZERO);
      for (int i = 0; i < 1_000; i++) {
        assertThat(probe.trap("div_zero")).isEqualTo(TrapKind.INTEGER_DIVIDE_BY_ZERO);
      }
    }
  }
}
