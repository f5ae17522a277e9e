package dev.skep.storage;

import dev.skep.scheduler.Receipt;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks over the segments that an earlier process left, and makes them ready to be shipped.
 *
 * <p>A crash can damage only what was being written: the end of the last segment. That is cut off
 * and counted, for nobody was told that it was durable. Damage anywhere else is the disk's doing:
 * it is reported as an error, and the records around it are kept.
 */
final class SpoolRecovery {
  private static final Logger LOG = LoggerFactory.getLogger(SpoolRecovery.class);

  /** Bounds the heap while counting; the receipts themselves are not kept. */
  private static final int CHUNK = 1_000;

  private static final int ZEROES_WINDOW_BYTES = 64 << 10;

  private final List<SpoolSegment> segments = new ArrayList<>();
  private long lastSequence;
  private long records;
  private long tornBytes;
  private long corruptRegions;

  private SpoolRecovery() {}

  /** Reads all segments of a directory, the oldest first; linear in their bytes. */
  static SpoolRecovery of(Path directory) throws IOException {
    List<Path> files;
    try (var entries = Files.list(directory)) {
      files =
          entries
              .filter(file -> SpoolSegment.sequence(file).isPresent())
              .sorted(Comparator.comparing(Path::getFileName))
              .toList();
    }
    SpoolRecovery recovery = new SpoolRecovery();
    for (int i = 0; i < files.size(); i++) {
      recovery.add(files.get(i), i == files.size() - 1);
    }
    return recovery;
  }

  private void add(Path file, boolean last) throws IOException {
    lastSequence = SpoolSegment.sequence(file).orElseThrow();
    long fileBytes = last ? cutZeroes(file) : Files.size(file);
    long found = 0;
    // One without records is what a crash right after its creation leaves.
    long regions = fileBytes <= SpoolSegment.HEADER_BYTES || hasMagic(file) ? 0 : 1;
    long goodEnd;
    try (SegmentReader reader = new SegmentReader(file)) {
      List<Receipt> chunk = reader.read(fileBytes, CHUNK);
      while (!chunk.isEmpty()) {
        found += chunk.size();
        chunk = reader.read(fileBytes, CHUNK);
      }
      goodEnd = reader.goodEnd();
      regions += reader.badRegions();
    }
    long tail = Math.max(0, fileBytes - goodEnd);
    if (tail > 0 && last) {
      LOG.atWarn()
          .addKeyValue("segment", file)
          .addKeyValue("bytes", tail)
          .log("cutting off the torn tail of the receipt spool");
      truncate(file, goodEnd);
      tornBytes += tail;
      fileBytes = goodEnd;
    } else if (tail > 0) {
      regions++;
    }
    records += found;
    corruptRegions += regions;
    if (regions > 0) {
      LOG.atError()
          .addKeyValue("segment", file)
          .addKeyValue("regions", regions)
          .addKeyValue("recovered", found)
          .log("the receipt spool is damaged: receipts may be lost; the segment will be kept");
    }
    if (found == 0 && regions == 0) {
      Files.delete(file);
    } else {
      segments.add(new SpoolSegment(file, lastSequence, fileBytes, true));
    }
  }

  /**
   * Cuts off what the writer had written ahead; no record ends with a zero.
   *
   * @return what is left, in bytes
   */
  private static long cutZeroes(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long size = channel.size();
      long end = size;
      ByteBuffer window = ByteBuffer.allocate(ZEROES_WINDOW_BYTES);
      boolean zeroes = true;
      while (zeroes && end > 0) {
        int bytes = (int) Math.min(ZEROES_WINDOW_BYTES, end);
        window.clear().limit(bytes);
        while (window.hasRemaining()
            && channel.read(window, end - bytes + window.position()) >= 0) {
          // Until the window is full.
        }
        int left = window.position();
        while (left > 0 && window.get(left - 1) == 0) {
          left--;
        }
        zeroes = left == 0;
        end = end - bytes + left;
      }
      if (end < size) {
        channel.truncate(end);
        channel.force(true);
      }
      return end;
    }
  }

  private static boolean hasMagic(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer head = ByteBuffer.allocate(SpoolSegment.HEADER_BYTES);
      channel.read(head, 0);
      return head.flip().equals(ByteBuffer.wrap(SpoolSegment.MAGIC));
    }
  }

  private static void truncate(Path file, long bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(bytes);
      channel.force(true);
    }
  }

  /** Segments with something in them, sealed, the oldest first. */
  List<SpoolSegment> segments() {
    return segments;
  }

  /** The highest number in use; 0 if there is none. */
  long lastSequence() {
    return lastSequence;
  }

  /** Whole records over all segments. */
  long records() {
    return records;
  }

  long tornBytes() {
    return tornBytes;
  }

  long corruptRegions() {
    return corruptRegions;
  }
}
