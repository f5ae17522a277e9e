package dev.skep.engine;

/** What came of compiling a module to machine code. */
public sealed interface NativeOutcome {

  /** There is machine code. */
  record Compiled(Artifact artifact) implements NativeOutcome {}

  /**
   * The module uses what this compiler does not translate; trying again would not help.
   *
   * @param reason the feature, for the tenant
   */
  record Unsupported(String reason) implements NativeOutcome {}

  /**
   * It did not work out this time: the budget was used up, or the compiler failed.
   *
   * @param reason for the tenant
   */
  record Failed(String reason) implements NativeOutcome {}

  /**
   * It could not be tried, which says nothing of the module: the process that the compiler needs
   * was gone, or had no room. Trying again later may help.
   *
   * @param reason for the tenant
   */
  record Unavailable(String reason) implements NativeOutcome {}
}
