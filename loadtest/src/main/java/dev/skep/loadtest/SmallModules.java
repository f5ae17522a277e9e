package dev.skep.loadtest;

import dev.skep.engine.Invocation;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;

/** Any number of small modules, each another: a function of a memory, a loop, and a helper. */
final class SmallModules {
  /** Argument of the call. */
  private static final int ARGUMENT = 10;

  private SmallModules() {}

  /** The module with a number: it adds that up so often as it is told, in its memory. */
  static byte[] module(int number) {
    ModuleWriter m = new ModuleWriter();
    m.memory(1);
    int step = m.function("ii:", Code.code().get(0).get(0).load32(0).get(1).add().store32(0));
    Code run = Code.code().loop();
    run.i32(64).i32(number).call(step).get(0).i32(-1).add().tee(0).brIf(0).end();
    m.exported("run", "i:i", run.i32(64).load32(0));
    return m.toBytes();
  }

  static Invocation.TypedCall call() {
    return new Invocation.TypedCall("run", new long[] {ARGUMENT});
  }

  /** What a new instance of it answers to that call. */
  static long answer(int number) {
    return (long) number * ARGUMENT;
  }
}
