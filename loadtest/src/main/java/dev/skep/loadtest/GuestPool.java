package dev.skep.loadtest;

import dev.skep.engine.Artifact;
import dev.skep.engine.ArtifactReading;
import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Instantiation;
import dev.skep.engine.Invocation;
import dev.skep.engine.MachineLoad;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.limits.StoreLimits;
import dev.skep.loadtest.machine.MachineCompiler;
import dev.skep.pool.CodeStats;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolStats;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotClass;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.TakeOutcome;
import dev.skep.pool.TakeRefused;
import dev.skep.scheduler.ModuleDigest;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Engine and allocator without a node around them, as the benchmarks in this process use them. */
final class GuestPool implements AutoCloseable {
  /** Fuel and time that no benchmark uses up; charged and looked at like any other. */
  static final StoreLimits PLENTY =
      StoreLimits.DEFAULTS.withFuel(StoreLimits.MAX_FUEL).withDeadlineNanos(600_000_000_000L);

  private final InstanceAllocator allocator;
  private final SlotOwner owner;
  private final Engine engine;
  private final MachineCompiler machine;

  GuestPool(int slots, EngineConfig config) {
    this(new PoolingAllocator(slots(slots)), config);
  }

  /**
   * @param compilerCode as {@link MachineCompiler} takes it
   */
  GuestPool(int slots, EngineConfig config, @Nullable Path compilerCode) {
    this(new PoolingAllocator(slots(slots)), config, compilerCode);
  }

  GuestPool(PoolConfig pool, EngineConfig config) {
    this(new PoolingAllocator(pool), config);
  }

  GuestPool(InstanceAllocator allocator, EngineConfig config) {
    this(allocator, config, null);
  }

  private GuestPool(InstanceAllocator allocator, EngineConfig config, @Nullable Path compilerCode) {
    this.allocator = allocator;
    this.owner = allocator.newOwner();
    this.engine = new Engine(config);
    this.machine = new MachineCompiler(engine, compilerCode);
  }

  /** The default classes, with so many slots of each. */
  static PoolConfig slots(int slots) {
    SlotClass[] classes =
        PoolConfig.DEFAULTS.classes().stream()
            .map(each -> new SlotClass(each.memoryBytes(), slots))
            .toArray(SlotClass[]::new);
    return PoolConfig.DEFAULTS.with().classes(classes).build();
  }

  InstanceAllocator allocator() {
    return allocator;
  }

  CompiledModule compile(String guest) {
    return compile(guest, Guests.bytes(guest));
  }

  CompiledModule compile(String name, byte[] bytes) {
    try {
      var _ = engine.check(bytes);
      return engine.compile(bytes);
    } catch (ModuleRefusedException e) {
      throw new IllegalStateException(name + " was refused", e);
    }
  }

  /**
   * The same as machine code.
   *
   * @throws IllegalStateException if there is none of it
   */
  CompiledModule machineCode(String name, byte[] bytes) {
    CompiledModule module = compile(name, bytes);
    Optional<String> whyNot = machine.compile(bytes, module);
    if (whyNot.isPresent()) {
      throw new IllegalStateException(name + " cannot be machine code: " + whyNot.get());
    }
    return module;
  }

  CompiledModule machineCode(String guest) {
    return machineCode(guest, Guests.bytes(guest));
  }

  /**
   * A module as a node takes it from its cache: from the bytes of its machine code, without tier 1.
   *
   * @throws IllegalStateException if it is not what it should be
   */
  CompiledModule load(byte[] bytes, byte[] artifact) {
    try {
      String digest = ModuleDigest.of(bytes).hex();
      return switch (Artifact.read(artifact, digest, engine.compilerKey())) {
        case ArtifactReading.Refused refused -> throw new IllegalStateException(refused.message());
        case Artifact whole ->
            switch (engine.load(bytes, whole)) {
              case MachineLoad.Loaded loaded -> loaded.module();
              case MachineLoad.Refused refused ->
                  throw new IllegalStateException(refused.message());
            };
      };
    } catch (ModuleRefusedException e) {
      throw new IllegalStateException("the module was refused", e);
    }
  }

  /** What is mapped of machine code. */
  CodeStats codeStats() {
    return engine.codeSpace().stats();
  }

  MachineCompiler machine() {
    return machine;
  }

  /** A slot for an instance of the module. */
  TakeOutcome take(CompiledModule module) {
    return allocator.take(module.slotFor(owner));
  }

  /** A new instance in a slot of its own, which closing it gives back. */
  GuestInstance instance(CompiledModule module) {
    return instance(module, PLENTY);
  }

  GuestInstance instance(CompiledModule module, StoreLimits limits) {
    return switch (take(module)) {
      case TakeRefused refused -> throw new IllegalStateException(refused.message());
      case SlotLease lease ->
          switch (module.instantiate(lease, limits)) {
            case GuestInstance instance -> instance;
            case Instantiation.Failed failed -> throw new IllegalStateException(failed.toString());
          };
    };
  }

  long residentBytes() {
    return allocator.resident().totalBytes();
  }

  /** Of those, what is no other instance's too. */
  long privateBytes() {
    return allocator.resident().privateBytes();
  }

  PoolStats stats() {
    return allocator.stats();
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
    machine.close();
    allocator.close();
  }
}
