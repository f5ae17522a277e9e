package dev.skep.engine;

import com.dylibso.chicory.runtime.Instance;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.TakeRefused;
import io.roastedroot.redline.bridge.Cranelift;
import io.roastedroot.redline.bridge.RedlineBridge_ModuleExports;
import org.jspecify.annotations.Nullable;

/**
 * One running {@link NativeBridge} and the memory that it runs in, which is bounded and goes back
 * to the kernel with every new start. Confined to one thread at a time.
 */
final class BridgeSlot implements AutoCloseable {
  private final CompiledModule module;
  private final long memoryBytes;
  private final InstanceAllocator allocator;
  private final SlotOwner owner;
  private @Nullable GuestInstance running;

  BridgeSlot(CompiledModule module, long memoryBytes) {
    this.module = module;
    this.memoryBytes = memoryBytes;
    this.allocator = new PoolingAllocator(PoolConfig.of(1, memoryBytes, 20_000, 65_536));
    this.owner = allocator.newOwner();
  }

  /** A bridge in an empty slot; the one before it is gone. */
  RedlineBridge_ModuleExports start() {
    stop();
    StoreLimits limits =
        StoreLimits.DEFAULTS
            .withFuel(StoreLimits.MAX_FUEL)
            .withMemoryBytes(memoryBytes)
            .withCallDepth(StoreLimits.MAX_CALL_DEPTH)
            .withDeadlineNanos(StoreLimits.MAX_DEADLINE_NANOS);
    SlotLease lease =
        switch (allocator.take(module.slotFor(owner))) {
          case SlotLease taken -> taken;
          case TakeRefused refused -> throw new IllegalStateException(refused.message());
        };
    GuestInstance built =
        switch (module.instantiate(lease, limits)) {
          case GuestInstance instance -> instance;
          case Instantiation.Failed failed -> throw new IllegalStateException(failed.toString());
        };
    running = built;
    built.memory().begin(limits, System.nanoTime());
    GuestCode code = built.code();
    return new RedlineBridge_ModuleExports(
        code instanceof ChicoryCode classes
            ? classes.instance()
            : Instance.builder(Cranelift.load())
                .withMemoryFactory(_ -> built.memory())
                .withMachineFactory(_ -> code::call)
                .withStart(false)
                .build());
  }

  private void stop() {
    GuestInstance last = running;
    running = null;
    if (last != null) {
      last.close();
    }
  }

  @Override
  public void close() {
    stop();
    allocator.close();
  }
}
