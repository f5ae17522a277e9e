package dev.skep.engine;

/** A command called {@code proc_exit}. Carries no stack trace: it is no failure. */
final class GuestExitException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int code;

  GuestExitException(int code) {
    super("exit " + code, null, false, false);
    this.code = code;
  }

  int code() {
    return code;
  }
}
