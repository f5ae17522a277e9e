package dev.skep.storage;

import java.nio.file.Path;

/** Another process, or another part of this one, has the directory open. */
public final class DirectoryInUseException extends StorageException {
  private static final long serialVersionUID = 1L;

  DirectoryInUseException(Path directory) {
    super(
        directory
            + " is in use by another process; stop it, or give this one a directory of its own",
        null);
  }
}
