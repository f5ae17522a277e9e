package dev.skep.storage;

import org.jspecify.annotations.Nullable;

/**
 * The database did not start, cannot be reached, or broke off. Whether a write under way was
 * committed is unknown. Trying again later may do: to a caller of the API this is a {@code 503}.
 */
public final class DatabaseUnavailableException extends StorageException {
  private static final long serialVersionUID = 1L;

  DatabaseUnavailableException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
