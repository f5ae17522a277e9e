package dev.skep.engine;

/** An archive that does not become a tree; the message says what and where, printable. */
public final class TreeRefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  TreeRefusedException(String message) {
    super(message);
  }

  TreeRefusedException(String message, Throwable cause) {
    super(message, cause);
  }
}
