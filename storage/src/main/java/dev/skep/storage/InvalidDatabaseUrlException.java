package dev.skep.storage;

/** A database URL that cannot be used. The message never holds its password. */
public final class InvalidDatabaseUrlException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  InvalidDatabaseUrlException(String message) {
    super(message);
  }
}
