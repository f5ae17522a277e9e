package dev.skep.scheduler;

/** As many modules wait to be compiled as may. */
public final class CompileRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CompileRefusedException(Throwable cause) {
    super("as many modules wait to be compiled as may", cause);
  }
}
