package dev.skep.engine;

import dev.skep.engine.ModuleDescription.OversizedFunction;
import java.util.List;

/**
 * A module's functions that become large JVM methods.
 *
 * @param largest the largest first, {@link ModuleDescription#MOST_OVERSIZED} at most
 * @param count how many there are in all
 */
record OversizedFunctions(List<OversizedFunction> largest, int count) {
  OversizedFunctions {
    largest = List.copyOf(largest);
  }

  /** A scan's description with them. */
  ModuleDescription addTo(ModuleDescription scanned) {
    return scanned.withOversized(largest, count);
  }
}
