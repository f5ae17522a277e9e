package dev.skep.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** Real segment files whose force does something else first. */
final class FaultyDisk {
  private FaultyDisk() {}

  /** What a force does before it forces. */
  @FunctionalInterface
  interface Fault {
    /**
     * @param call 1 for the first force of the disk, and so on
     */
    void beforeForce(int call) throws IOException;
  }

  static SegmentFile.Factory onForce(Fault fault) {
    AtomicInteger calls = new AtomicInteger();
    return path -> new Faulty(SegmentFile.create(path), fault, calls);
  }

  static void awaitUnchecked(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private record Faulty(SegmentFile file, Fault fault, AtomicInteger calls) implements SegmentFile {
    @Override
    public void write(ByteBuffer bytes) throws IOException {
      file.write(bytes);
    }

    @Override
    public void force() throws IOException {
      fault.beforeForce(calls.incrementAndGet());
      file.force();
    }

    @Override
    public void truncate(long bytes) throws IOException {
      file.truncate(bytes);
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
