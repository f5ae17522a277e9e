package dev.skep.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.TakeRefused;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The guests of the repository, and a small pool to run them in. */
final class Guests implements AutoCloseable {
  static final StoreLimits PLENTY =
      StoreLimits.DEFAULTS.withFuel(1_000_000_000_000L).withDeadlineNanos(600_000_000_000L);

  /** Whether tests run guests as machine code where they can: the build runs some both ways. */
  static final boolean MACHINE_CODE = Boolean.getBoolean("skep.machineCode");

  final PoolingAllocator pool;
  final SlotOwner owner;
  final Engine engine;

  Guests() {
    this(PoolConfig.of(64, 64L << 20, 20_000, 65_536));
  }

  Guests(PoolConfig config) {
    this(config, EngineConfig.DEFAULTS);
  }

  Guests(PoolConfig config, EngineConfig engineConfig) {
    pool = new PoolingAllocator(config);
    owner = pool.newOwner();
    engine = new Engine(engineConfig);
  }

  static Path folder() {
    return Path.of(System.getProperty("skep.root"), "guests");
  }

  static byte[] bytes(String path) {
    try {
      return Files.readAllBytes(folder().resolve(path));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode json(String path) {
    try {
      return new ObjectMapper().readTree(bytes(path));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  CompiledModule compile(byte[] wasm) {
    try {
      engine.check(wasm);
      CompiledModule module = engine.compile(wasm);
      if (MACHINE_CODE && engine.machineCode(wasm, module) instanceof MachineCode code) {
        module.runOn(code);
      }
      return module;
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
  }

  /** All of them can be machine code: none may stay on tier 1 in silence. */
  CompiledModule guest(String name) {
    CompiledModule module = compile(bytes("wasm/" + name + ".wasm"));
    if (module.isMachineCode() != MACHINE_CODE) {
      throw new AssertionError(name + " is not of the tier that is tested");
    }
    return module;
  }

  Instantiation instantiate(CompiledModule module, StoreLimits limits) {
    return switch (pool.take(module.slotFor(owner))) {
      case SlotLease lease -> module.instantiate(lease, limits);
      case TakeRefused refused -> throw new AssertionError(refused.toString());
    };
  }

  GuestInstance instance(CompiledModule module) {
    return switch (instantiate(module, PLENTY)) {
      case GuestInstance instance -> instance;
      case Instantiation.Failed failed -> throw new AssertionError(failed.toString());
    };
  }

  /** Runs once in a fresh instance. */
  RunReport run(CompiledModule module, Invocation invocation, StoreLimits limits) {
    return switch (instantiate(module, limits)) {
      case GuestInstance instance -> {
        try (instance) {
          yield instance.run(invocation, limits);
        }
      }
      case Instantiation.Failed failed -> new RunReport(failed.result(), 0, 0, 0, new byte[0]);
    };
  }

  /** Runs a command once in a fresh instance, without input. */
  RunReport command(CompiledModule module, String name, WasiWorld world, String... args) {
    List<String> all = new ArrayList<>(List.of(name));
    all.addAll(List.of(args));
    try (GuestInstance instance = instance(module)) {
      return instance.run(new CommandRun(all, Map.of(), new byte[0]), world, PLENTY);
    }
  }

  @Override
  public void close() {
    pool.close();
  }
}
