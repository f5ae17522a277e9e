package dev.skep.pool;

/** What came of mapping machine code: a {@link CodeMapping}, or why there is none. */
public sealed interface CodeOutcome permits CodeMapping, CodeOutcome.Refused {
  /**
   * The code was not mapped; nothing has changed.
   *
   * @param message what was asked for, what there is and what to do, for the operator
   */
  record Refused(String message) implements CodeOutcome {}
}
