package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.engine.WasiTree;
import dev.skep.engine.WasiWorld;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.loadtest.operators.OperatorFamily;
import dev.skep.loadtest.peer.PeerRun;
import dev.skep.loadtest.peer.WasmtimePrograms;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.EnumSet;

/**
 * Measures what a unit of fuel of one family takes of a processor: CPU time of the thread, warm,
 * the best of some rounds. One thread.
 */
final class OperatorTrial implements AutoCloseable {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  /** Everything that can be granted, so that functions of the host do what they are for. */
  private static final WasiWorld WORLD =
      new WasiWorld(
          new WasiGrants(
              EnumSet.complementOf(EnumSet.of(WasiGrant.TREE, WasiGrant.SCRATCH)),
              null,
              new ScratchGrant("/tmp", ScratchGrant.MOST_BYTES, 1_000)),
          WasiTree.EMPTY);

  /** Shorter runs would measure what surrounds a run; longer ones come back too seldom. */
  private static final long RUN_NANOS = 500_000;

  private static final int MOST_TURNS = 1 << 26;

  /**
   * A span of CPU time and the fuel charged in it.
   *
   * @param turns of one run
   */
  record Cost(long units, long cpuNanos, int turns) {
    double nanosPerUnit() {
      return cpuNanos / (double) units;
    }

    double unitsPerSecond() {
      return units * 1e9 / cpuNanos;
    }
  }

  /** How long to warm up and to measure, in nanoseconds of CPU time. */
  record Effort(long warmNanos, long roundNanos, int rounds) {}

  /** Does one run; answers its fuel. */
  private interface Runs {
    long run(int turns);
  }

  private final GuestPool pool = new GuestPool(1, EngineConfig.DEFAULTS);
  private final Effort effort;

  OperatorTrial(Effort effort) {
    this.effort = effort;
  }

  /** This engine, fuel on. */
  Cost ours(OperatorFamily family) {
    CompiledModule module = pool.compile(family.key(), family.bytes());
    try (GuestInstance instance = pool.instance(module)) {
      return best(family, turns -> run(family, instance, turns));
    }
  }

  private static long run(OperatorFamily family, GuestInstance instance, int turns) {
    RunReport report = run(instance, turns);
    if (!(report.result() instanceof RunResult.Values)) {
      throw new IllegalStateException(family.key() + " ended as " + report.result());
    }
    if (family.isReset()) {
      instance.reset();
    }
    return report.fuel();
  }

  /** One run with all that a family may need. */
  static RunReport run(GuestInstance instance, int turns) {
    return instance.run(
        new Invocation.TypedCall("run", new long[] {turns}), WORLD, GuestPool.PLENTY);
  }

  /** Wasmtime, fuel on; only for families that import nothing. */
  Cost theirs(OperatorFamily family, WasmtimePrograms peer) {
    if (family.isReset()) {
      return best(
          family,
          turns -> {
            try (WasmtimePrograms.Running running = peer.instantiate(family.bytes())) {
              return fuel(family, running, turns) - running.fuelAtStart();
            }
          });
    }
    try (WasmtimePrograms.Running running = peer.instantiate(family.bytes())) {
      long[] before = {running.fuelAtStart()};
      return best(
          family,
          turns -> {
            long after = fuel(family, running, turns);
            long used = after - before[0];
            before[0] = after;
            return used;
          });
    }
  }

  private static long fuel(OperatorFamily family, WasmtimePrograms.Running running, int turns) {
    PeerRun run = running.call("run", "i:i", turns);
    if (run.trap() != null) {
      throw new IllegalStateException(family.key() + " trapped in Wasmtime: " + run.trap());
    }
    return run.fuel();
  }

  private Cost best(OperatorFamily family, Runs runs) {
    int turns = family.isReset() ? family.turns() : 1;
    long startNanos = THREADS.getCurrentThreadCpuTime();
    long nowNanos = startNanos;
    while (nowNanos - startNanos < effort.warmNanos) {
      var _ = runs.run(turns);
      long afterNanos = THREADS.getCurrentThreadCpuTime();
      if (afterNanos - nowNanos < RUN_NANOS && turns < MOST_TURNS && !family.isReset()) {
        turns *= 2;
      }
      nowNanos = afterNanos;
    }
    Cost best = null;
    for (int round = 0; round < effort.rounds; round++) {
      Cost cost = round(runs, turns);
      if (best == null || cost.nanosPerUnit() < best.nanosPerUnit()) {
        best = cost;
      }
    }
    if (best == null) {
      throw new IllegalArgumentException("rounds must be 1 or more");
    }
    return best;
  }

  private Cost round(Runs runs, int turns) {
    long units = 0;
    long startNanos = THREADS.getCurrentThreadCpuTime();
    long nanos;
    do {
      units += runs.run(turns);
      nanos = THREADS.getCurrentThreadCpuTime() - startNanos;
    } while (nanos < effort.roundNanos);
    return new Cost(units, nanos, turns);
  }

  @Override
  public void close() {
    pool.close();
  }
}
