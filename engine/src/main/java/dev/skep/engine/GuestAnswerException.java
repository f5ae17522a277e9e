package dev.skep.engine;

/** The guest does not keep to the convention it was called by. */
final class GuestAnswerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  GuestAnswerException(String message) {
    super(message);
  }
}
