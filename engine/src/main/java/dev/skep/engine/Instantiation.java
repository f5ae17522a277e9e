package dev.skep.engine;

/** The end of an instantiation. */
public sealed interface Instantiation permits GuestInstance, Instantiation.Failed {

  /**
   * The module could not be instantiated; the slot has been given back.
   *
   * @param result a trap or a limit
   * @param fuel that an initialiser has consumed
   */
  record Failed(RunResult result, long fuel) implements Instantiation {}
}
