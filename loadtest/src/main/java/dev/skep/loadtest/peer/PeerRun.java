package dev.skep.loadtest.peer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * How a call ended on another engine.
 *
 * @param results raw bits, those of 32 bits zero-extended; none if it trapped
 * @param trap the engine's message, null if it came back
 * @param fuel units since the instance was made
 */
public record PeerRun(long[] results, @Nullable String trap, long fuel) {
  @Override
  public boolean equals(Object other) {
    return other instanceof PeerRun that
        && Arrays.equals(results, that.results)
        && java.util.Objects.equals(trap, that.trap)
        && fuel == that.fuel;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(fuel);
  }

  @Override
  public String toString() {
    return (trap == null ? Arrays.toString(results) : trap) + " for " + fuel;
  }
}
