package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Instantiation;
import dev.skep.engine.Invocation;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolStats;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotClass;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.TakeRefused;
import java.util.Arrays;

/** Engine and slab without a node around them, as the benchmarks in this process use them. */
final class GuestPool implements AutoCloseable {
  /** Fuel and time that no benchmark uses up; charged and looked at like any other. */
  static final StoreLimits PLENTY =
      StoreLimits.DEFAULTS.withFuel(StoreLimits.MAX_FUEL).withDeadlineNanos(600_000_000_000L);

  private final InstanceAllocator slab;
  private final SlotOwner owner;
  private final Engine engine;

  GuestPool(int slots, EngineConfig config) {
    this(
        PoolConfig.DEFAULTS
            .with()
            .classes(
                new SlotClass(512L << 10, slots),
                new SlotClass(4L << 20, slots),
                new SlotClass(64L << 20, slots))
            .build(),
        config);
  }

  GuestPool(PoolConfig pool, EngineConfig config) {
    slab = new PoolingAllocator(pool);
    owner = slab.newOwner();
    engine = new Engine(config);
  }

  CompiledModule compile(String guest) {
    try {
      byte[] bytes = Guests.bytes(guest);
      var _ = engine.check(bytes);
      return engine.compile(bytes);
    } catch (ModuleRefusedException e) {
      throw new IllegalStateException(guest + " was refused", e);
    }
  }

  /** A new instance in a slot of its own, which closing it gives back. */
  GuestInstance instance(CompiledModule module) {
    return switch (slab.take(module.slotFor(owner))) {
      case TakeRefused refused -> throw new IllegalStateException(refused.message());
      case SlotLease lease ->
          switch (module.instantiate(lease, PLENTY)) {
            case GuestInstance instance -> instance;
            case Instantiation.Failed failed -> throw new IllegalStateException(failed.toString());
          };
    };
  }

  long residentBytes() {
    return slab.residentBytes();
  }

  PoolStats stats() {
    return slab.stats();
  }

  /** Runs a function of one i32 to one. */
  static long call(GuestInstance instance, Invocation.TypedCall call) {
    RunReport report = instance.run(call, PLENTY);
    if (report.result() instanceof RunResult.Values values) {
      return values.results().length == 0 ? 0 : values.results()[0];
    }
    throw new IllegalStateException(call.export() + " ended as " + report.result());
  }

  /** Whether {@code result} is {@code expected}, byte for byte. */
  static boolean isRight(RunResult result, byte[] expected) {
    return result instanceof RunResult.Bytes bytes && Arrays.equals(bytes.output(), expected);
  }

  @Override
  public void close() {
    slab.close();
  }
}
