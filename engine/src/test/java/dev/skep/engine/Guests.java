package dev.skep.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotLease;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The guests of the repository, and a small pool to run them in. */
final class Guests implements AutoCloseable {
  static final StoreLimits PLENTY =
      StoreLimits.DEFAULTS.withFuel(1_000_000_000_000L).withDeadlineNanos(600_000_000_000L);

  final PoolingAllocator pool;
  final Engine engine = new Engine(EngineConfig.DEFAULTS);

  Guests() {
    this(PoolConfig.DEFAULTS.withSlots(64));
  }

  Guests(PoolConfig config) {
    pool = new PoolingAllocator(config);
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
      return engine.compile(wasm);
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
  }

  CompiledModule guest(String name) {
    return compile(bytes("wasm/" + name + ".wasm"));
  }

  SlotLease lease() {
    SlotLease lease = pool.take();
    if (lease == null) {
      throw new AssertionError("the pool is full");
    }
    return lease;
  }

  Instantiation instantiate(CompiledModule module, StoreLimits limits) {
    return module.instantiate(lease(), limits);
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

  @Override
  public void close() {
    pool.close();
  }
}
