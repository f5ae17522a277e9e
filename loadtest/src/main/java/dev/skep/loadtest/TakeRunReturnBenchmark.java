package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.engine.RunReport;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A small call on a warm slot and its reset, beside the baseline without a pool's reuse: the same
 * call on a fresh instance.
 *
 * <pre>./skep bench jmh TakeRunReturn</pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class TakeRunReturnBenchmark {
  private final GuestPool pool = new GuestPool(2, EngineConfig.DEFAULTS);
  private final CompiledModule module = pool.compile(Guests.KERNELS);
  private final Invocation call = new Invocation.TypedCall("json", new long[] {1});
  private GuestInstance warm = pool.instance(module);

  /** A warm instance an iteration. */
  @Setup
  public void open() {
    warm.close();
    warm = pool.instance(module);
  }

  /** Gives the slab back. */
  @TearDown
  public void close() {
    warm.close();
    pool.close();
  }

  /** On the warm slot. */
  @Benchmark
  public RunReport warmSlot() {
    RunReport report = warm.run(call, GuestPool.PLENTY);
    warm.reset();
    return report;
  }

  /** The baseline: instantiated for this call. */
  @Benchmark
  public RunReport freshInstance() {
    try (GuestInstance fresh = pool.instance(module)) {
      return fresh.run(call, GuestPool.PLENTY);
    }
  }
}
