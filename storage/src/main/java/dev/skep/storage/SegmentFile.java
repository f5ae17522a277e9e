package dev.skep.storage;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A segment as its writer sees it; an interface so that tests can have disks that fail. */
interface SegmentFile extends Closeable {

  /** Writes all of {@code bytes} at the end. */
  void write(ByteBuffer bytes) throws IOException;

  /** Returns when all that was written would survive a loss of power. */
  void force() throws IOException;

  /** Cuts the file to its first {@code bytes} bytes. */
  void truncate(long bytes) throws IOException;

  /** Makes new segment files. */
  @FunctionalInterface
  interface Factory {
    /** Creates a file, which must not exist, so that it is there after a loss of power. */
    SegmentFile create(Path file) throws IOException;
  }

  /** A file on disk. */
  static SegmentFile create(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try {
      DirectoryEntry.force(file);
    } catch (IOException e) {
      channel.close();
      Files.deleteIfExists(file);
      throw e;
    }
    return new OnDisk(channel);
  }

  /** On a {@link FileChannel}. */
  record OnDisk(FileChannel channel) implements SegmentFile {
    @Override
    public void write(ByteBuffer bytes) throws IOException {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }

    @Override
    public void force() throws IOException {
      // The length is forced too: without it the data would be lost (fdatasync(2)).
      channel.force(false);
    }

    @Override
    public void truncate(long bytes) throws IOException {
      channel.truncate(bytes);
      channel.force(true);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
