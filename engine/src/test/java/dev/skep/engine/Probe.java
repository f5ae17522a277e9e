package dev.skep.engine;

import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;

/** An instance to call functions of one after another, without a reset between. */
final class Probe implements AutoCloseable {
  final GuestInstance instance;
  StoreLimits limits = Guests.PLENTY;
  WasiWorld world = WasiWorld.NONE;
  long fuel;

  Probe(Guests guests, byte[] wasm) {
    this(guests, guests.compile(wasm));
  }

  Probe(Guests guests, CompiledModule module) {
    instance = guests.instance(module);
  }

  RunResult run(String export, long... args) {
    RunReport report = instance.run(new TypedCall(export, args), world, limits);
    fuel = report.fuel();
    return report.result();
  }

  /** The one result of a call that comes back. */
  long call(String export, long... args) {
    RunResult result = run(export, args);
    if (result instanceof RunResult.Values values) {
      return values.results().length == 0 ? 0 : values.results()[0];
    }
    throw new AssertionError(export + ": " + result);
  }

  TrapKind trap(String export, long... args) {
    RunResult result = run(export, args);
    if (result instanceof RunResult.Trapped trapped) {
      return trapped.kind();
    }
    throw new AssertionError(export + ": " + result);
  }

  LimitKind limit(String export, long... args) {
    RunResult result = run(export, args);
    if (result instanceof RunResult.LimitReached reached) {
      return reached.kind();
    }
    throw new AssertionError(export + ": " + result);
  }

  @Override
  public void close() {
    instance.close();
  }
}
