package dev.skep.engine.cranelift;

/** What came of compiling a module: {@link MachineCode}, or why it stays as it is. */
public sealed interface CompileOutcome permits MachineCode, CompileOutcome.Unsupported {

  /**
   * The module cannot be compiled.
   *
   * @param reason what keeps it from it
   */
  record Unsupported(String reason) implements CompileOutcome {}
}
