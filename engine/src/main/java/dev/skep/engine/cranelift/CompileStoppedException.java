package dev.skep.engine.cranelift;

/** A compile was stopped between two functions by its {@link CompileWatch}. */
public final class CompileStoppedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * @param reason for whoever asked for the code
   */
  public CompileStoppedException(String reason) {
    super(reason, null, false, false);
  }

  public String reason() {
    return String.valueOf(getMessage());
  }
}
