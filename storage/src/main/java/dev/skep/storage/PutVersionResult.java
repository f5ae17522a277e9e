package dev.skep.storage;

/** How {@link FunctionStore#putVersion} ended. */
public sealed interface PutVersionResult {

  /** The function is new, and this its first version. */
  record Created() implements PutVersionResult {}

  /**
   * The function now runs these bytes.
   *
   * @param seenBefore whether they had been a version of it already, so that this is a return to it
   */
  record NewVersion(boolean seenBefore) implements PutVersionResult {}

  /** The function runs these bytes already; nothing was written. */
  record Unchanged() implements PutVersionResult {}

  /**
   * Nothing was stored: the function would be new and the tenant has as many as it may.
   *
   * @param limit that many
   */
  record LimitReached(int limit) implements PutVersionResult {}

  /** Nothing was stored: there is no such tenant. */
  record NoSuchTenant() implements PutVersionResult {}
}
