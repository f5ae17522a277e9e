package dev.skep.scheduler;

import java.util.Optional;

/**
 * What the store has for the first run of a tenant's version.
 *
 * @param state what the tenant may know of its machine code
 * @param module the bytes of the version; only if the state is ready
 * @param artifact the bytes of its machine code; only if the state is ready
 */
public record StoredCode(NativeState state, Optional<byte[]> module, Optional<byte[]> artifact) {

  /** Nothing to run yet. */
  public static StoredCode none(NativeState state) {
    return new StoredCode(state, Optional.empty(), Optional.empty());
  }
}
