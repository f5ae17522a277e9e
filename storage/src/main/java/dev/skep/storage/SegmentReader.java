package dev.skep.storage;

import dev.skep.scheduler.Receipt;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads a segment's receipts in order, past what is damaged. Confined to one thread.
 *
 * <p>Where no whole record stands it looks for the next one byte by byte. A stretch that is passed
 * over is a <i>bad region</i> once a record follows it; at the end it is the <i>tail</i>. That a
 * record is found where none was written takes a plausible length and a matching CRC by chance:
 * less than one in 10^15 bytes.
 */
final class SegmentReader implements Closeable {
  private static final int WINDOW_BYTES = 64 << 10;

  private final FileChannel channel;
  private final ByteBuffer window = ByteBuffer.allocate(WINDOW_BYTES).limit(0);
  private long windowStart;
  private long position;
  private long goodEnd;
  private long badRegions;

  /** Opens a segment's file at its first record. */
  SegmentReader(Path file) throws IOException {
    channel = FileChannel.open(file, StandardOpenOption.READ);
    position = SpoolSegment.HEADER_BYTES;
    goodEnd = position;
  }

  /**
   * The next receipts.
   *
   * @param end where to stop reading, in bytes from the file's start; records end there or before
   * @param most receipts returned
   * @return empty when nothing whole is left before {@code end}
   */
  List<Receipt> read(long end, int most) throws IOException {
    List<Receipt> receipts = new ArrayList<>();
    while (receipts.size() < most && position < end) {
      load(end);
      int at = (int) (position - windowStart);
      int recordBytes = ReceiptCodec.recordBytes(window, at);
      Receipt receipt = recordBytes == 0 ? null : ReceiptCodec.decode(window, at);
      if (receipt == null) {
        if (recordBytes > 0) {
          // Whole and yet unreadable: from a later version. As bad as damage: it is not shipped.
          badRegions++;
          goodEnd = position + recordBytes;
        }
        position += Math.max(1, recordBytes);
      } else {
        if (position > goodEnd) {
          badRegions++;
        }
        receipts.add(receipt);
        position += recordBytes;
        goodEnd = position;
      }
    }
    return receipts;
  }

  /** Sees to it that the window holds a whole record at the position, if there is one. */
  private void load(long end) throws IOException {
    long windowEnd = windowStart + window.limit();
    boolean held = position >= windowStart && position < windowEnd;
    if (held && (windowEnd - position >= ReceiptCodec.MAX_RECORD_BYTES || windowEnd == end)) {
      return;
    }
    windowStart = position;
    window.clear().limit((int) Math.min(WINDOW_BYTES, end - position));
    while (window.hasRemaining()) {
      if (channel.read(window, windowStart + window.position()) < 0) {
        throw new IOException("the segment is shorter than the " + end + " bytes written to it");
      }
    }
    window.flip();
  }

  /** How far it has read, in bytes from the file's start. */
  long position() {
    return position;
  }

  /** Where the last whole record that was read ends, in bytes from the file's start. */
  long goodEnd() {
    return goodEnd;
  }

  /** Bad regions passed over so far. */
  long badRegions() {
    return badRegions;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
