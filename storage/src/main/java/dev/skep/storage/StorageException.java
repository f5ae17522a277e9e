package dev.skep.storage;

import org.jspecify.annotations.Nullable;

/**
 * Storage could not do what it was asked. The subtypes say what a caller can do about it: wait,
 * choose another directory, or report a bug.
 */
public abstract sealed class StorageException extends RuntimeException
    permits DatabaseUnavailableException, DirectoryInUseException, QueryFailedException {
  private static final long serialVersionUID = 1L;

  StorageException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
