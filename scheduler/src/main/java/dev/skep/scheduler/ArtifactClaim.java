package dev.skep.scheduler;

import java.time.Duration;

/** Whether a node is to compile a module now. */
public sealed interface ArtifactClaim {
  /**
   * It is, and nobody else until its lease ends.
   *
   * @param attempt how many times it has been tried, this one included; from 1
   */
  record Granted(int attempt) implements ArtifactClaim {}

  /**
   * A node is at it, this one or another.
   *
   * @param left until its lease ends, if it is not renewed; 0 or more
   */
  record Elsewhere(Duration left) implements ArtifactClaim {}

  /**
   * It has been done.
   *
   * @param state final
   */
  record Done(NativeState state) implements ArtifactClaim {
    public Done {
      if (!state.isFinal()) {
        throw new IllegalArgumentException("what is done is not " + state.word());
      }
    }
  }
}
