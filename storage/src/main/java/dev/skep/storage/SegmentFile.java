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

  /**
   * On a {@link FileChannel}, with zeroes written ahead. An append that changes the file's length
   * waits in its force for the file system's journal, and so for whatever else is being written to
   * it; one into bytes that are there already waits for its own bytes only.
   */
  final class OnDisk implements SegmentFile {
    /** A millisecond of writing for some 7,000 receipts. */
    private static final int AHEAD_BYTES = 1 << 20;

    /**
     * Written at a time. Since Linux 6.16 ext4 keeps what came in one write as one large folio, and
     * every append into such a one would mark all of it dirty, and its force look through all of
     * it.
     */
    private static final ByteBuffer ZEROES = ByteBuffer.allocateDirect(4 << 10);

    private final FileChannel channel;
    private long end;
    private long aheadEnd;

    OnDisk(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    public void write(ByteBuffer bytes) throws IOException {
      if (end + bytes.remaining() > aheadEnd) {
        writeAhead(end + bytes.remaining());
      }
      while (bytes.hasRemaining()) {
        end += channel.write(bytes, end);
      }
    }

    private void writeAhead(long needed) throws IOException {
      long until = Math.max(needed, aheadEnd + AHEAD_BYTES);
      while (aheadEnd < until) {
        aheadEnd += channel.write(ZEROES.duplicate(), aheadEnd);
      }
      channel.force(true);
    }

    @Override
    public void force() throws IOException {
      channel.force(false);
    }

    @Override
    public void truncate(long bytes) throws IOException {
      channel.truncate(bytes);
      end = Math.min(end, bytes);
      aheadEnd = Math.min(aheadEnd, bytes);
      channel.force(true);
    }

    /** Cuts off what is ahead, and forces that: only the last segment may end with zeroes. */
    @Override
    public void close() throws IOException {
      try (channel) {
        truncate(end);
      }
    }
  }
}
