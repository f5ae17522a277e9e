package dev.skep.engine;

import com.dylibso.chicory.runtime.Instance;

/** Tier 1: an engine instance, whose classes the JVM compiles. */
final class ChicoryCode implements GuestCode {
  private static final long[] NOTHING = {};

  private final CompiledModule module;
  private final Instance instance;

  ChicoryCode(CompiledModule module, Instance instance) {
    this.module = module;
    this.instance = instance;
  }

  Instance instance() {
    return instance;
  }

  @Override
  public long[] call(int function, long... args) {
    long[] results = instance.getMachine().call(function, args);
    return results == null ? NOTHING : results;
  }

  @Override
  public void reset() {
    module.resetInstance(instance);
  }

  @Override
  public void close() {}
}
