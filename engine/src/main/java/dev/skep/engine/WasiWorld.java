package dev.skep.engine;

import dev.skep.limits.WasiGrants;

/**
 * What a run of a function is granted, with the files that the grant of a tree speaks of. Immutable
 * and shared by all runs of the function.
 *
 * @param grants what the tenant has granted
 * @param tree its files; not seen unless granted
 */
public record WasiWorld(WasiGrants grants, WasiTree tree) {
  /** Nothing granted. */
  public static final WasiWorld NONE = new WasiWorld(WasiGrants.NONE, WasiTree.EMPTY);
}
