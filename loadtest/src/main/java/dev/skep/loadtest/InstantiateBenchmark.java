package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Taking a slot, instantiating and giving it back, by module; the baseline is the module without a
 * memory.
 *
 * <pre>./skep bench jmh Instantiate</pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class InstantiateBenchmark {
  /** The guest. */
  @Param({"wasm/fib.wasm", "wasm/json_transform_small.wasm", "wasm/kernels.wasm"})
  public String guest = "wasm/fib.wasm";

  private final GuestPool pool = new GuestPool(1, EngineConfig.DEFAULTS);
  private CompiledModule module = pool.compile("wasm/fib.wasm");

  /** Compiles the guest. */
  @Setup
  public void compile() {
    module = pool.compile(guest);
  }

  /** Gives the slab back. */
  @TearDown
  public void close() {
    pool.close();
  }

  /** One instance, not run. */
  @Benchmark
  public void takeInstantiateClose(Blackhole blackhole) {
    try (GuestInstance instance = pool.instance(module)) {
      blackhole.consume(instance);
    }
  }
}
