package dev.skep.scheduler;

import dev.skep.engine.Artifact;

/** Hears of machine code that this node can run from now on. */
@FunctionalInterface
public interface NativeListener {
  /**
   * Called on a thread that compiles, once or more for each module; must not throw.
   *
   * @return false if the code does not fit the module and must not be run: it is thrown away
   */
  boolean ready(ModuleDigest module, Artifact artifact);

  /**
   * A tenant's version runs on tier 1, and the store may have machine code that it has asked for.
   * Called on the thread of a run; must neither block nor throw.
   */
  default void look(TenantId tenant, ModuleDigest version) {}
}
