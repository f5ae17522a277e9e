package dev.skep.storage;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps a directory to one owner, through a lock on the file {@code lock} in it. The operating
 * system drops the lock when the process dies, however it dies, so a left file means nothing; a
 * child process does not inherit it.
 */
final class DirectoryLock implements Closeable {
  static final String FILE_NAME = "lock";

  private final FileChannel channel;

  private DirectoryLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Takes the lock of an existing directory, without waiting.
   *
   * @throws DirectoryInUseException if another holds it, in this process or not
   */
  static DirectoryLock acquire(Path directory) throws IOException {
    FileChannel channel =
        FileChannel.open(
            directory.resolve(FILE_NAME), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean locked = false;
    try {
      FileLock lock = channel.tryLock();
      locked = lock != null;
    } catch (OverlappingFileLockException e) {
      // Held by this very process: in use all the same.
    } finally {
      if (!locked) {
        channel.close();
      }
    }
    if (!locked) {
      throw new DirectoryInUseException(directory);
    }
    return new DirectoryLock(channel);
  }

  /** Releases the lock; the file stays, because deleting it would race with its next owner. */
  @Override
  public void close() throws IOException {
    channel.close();
  }
}
