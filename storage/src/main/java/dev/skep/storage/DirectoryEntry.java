package dev.skep.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file's name in its directory, which forcing the file itself does not make durable. */
final class DirectoryEntry {
  private DirectoryEntry() {}

  /** Returns when the name of {@code file}, just created, would survive a loss of power. */
  static void force(Path file) throws IOException {
    Path parent = file.toAbsolutePath().getParent();
    if (parent != null) {
      try (FileChannel directory = FileChannel.open(parent, StandardOpenOption.READ)) {
        directory.force(true);
      }
    }
  }
}
