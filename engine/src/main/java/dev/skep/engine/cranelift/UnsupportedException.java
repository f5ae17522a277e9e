package dev.skep.engine.cranelift;

/** The module needs something that machine code cannot do here. */
final class UnsupportedException extends Exception {
  private static final long serialVersionUID = 1L;

  UnsupportedException(String reason) {
    super(reason);
  }

  String reason() {
    return String.valueOf(getMessage());
  }
}
