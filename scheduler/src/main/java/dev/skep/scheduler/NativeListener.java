package dev.skep.scheduler;

import dev.skep.engine.Artifact;

/** Hears of machine code that this node can run from now on. */
@FunctionalInterface
public interface NativeListener {
  /** Called on a thread that compiles, once or more for each module; must not throw. */
  void ready(ModuleDigest module, Artifact artifact);
}
