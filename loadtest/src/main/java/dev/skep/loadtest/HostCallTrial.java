package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;

/**
 * A call of the host, there and back: a loop that calls the host function that does least, less the
 * same loop without it.
 */
final class HostCallTrial {
  private static final int CALLS = 200_000;
  private static final int WARM_UP = 20;
  private static final int ROUNDS = 30;

  private HostCallTrial() {}

  static byte[] module() {
    ModuleWriter m = new ModuleWriter();
    int yield = m.importWasi("sched_yield", ":i");
    m.memory(1);
    m.exported("calls", "i:i", loop(Code.code().call(yield).get(0).add().set(0)));
    m.exported("nothing", "i:i", loop(Code.code().get(0).set(0)));
    return m.toBytes();
  }

  /** Counts the argument down to 0. */
  private static Code loop(Code step) {
    Code code = Code.code().loop();
    code.sink().raw(step.sink());
    return code.get(0).i32(-1).add().tee(0).brIf(0).end().get(0);
  }

  /** Nanoseconds of a call. */
  static double nanos(GuestPool pool, CompiledModule module) {
    try (GuestInstance instance = pool.instance(module)) {
      return (best(instance, "calls") - best(instance, "nothing")) / (double) CALLS;
    }
  }

  private static long best(GuestInstance instance, String export) {
    Invocation.TypedCall call = new Invocation.TypedCall(export, new long[] {CALLS});
    long best = Long.MAX_VALUE;
    for (int i = -WARM_UP; i < ROUNDS; i++) {
      long startNanos = System.nanoTime();
      if (GuestPool.call(instance, call) != 0) {
        throw new IllegalStateException("the loop did not end at 0");
      }
      long nanos = System.nanoTime() - startNanos;
      best = i < 0 ? best : Math.min(best, nanos);
    }
    return best;
  }
}
