package dev.skep.storage;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One file of the spool. The writer appends and seals; the shipper reads up to what is durable, and
 * deletes. They share only the two volatile fields.
 *
 * <pre>
 *   ┌──────────┬────────┬────────┬───┬────────┐
 *   │ SKEPRCT1 │ record │ record │ … │ record │      00000000000000000042.receipts
 *   └──────────┴────────┴────────┴───┴────────┘
 *   0          8                              durableBytes
 * </pre>
 */
final class SpoolSegment {
  static final byte[] MAGIC = "SKEPRCT1".getBytes(StandardCharsets.US_ASCII);
  static final int HEADER_BYTES = 8;

  private static final Pattern NAME = Pattern.compile("([0-9]{20})\\.receipts");

  private final Path file;
  private final long sequence;
  private volatile long durableBytes;
  private volatile boolean sealed;

  SpoolSegment(Path file, long sequence, long durableBytes, boolean sealed) {
    this.file = file;
    this.sequence = sequence;
    this.durableBytes = durableBytes;
    this.sealed = sealed;
  }

  static Path file(Path directory, long sequence) {
    return directory.resolve("%020d.receipts".formatted(sequence));
  }

  /** The number in a segment's file name; empty for other files. */
  static OptionalLong sequence(Path file) {
    Matcher matcher = NAME.matcher(file.getFileName().toString());
    return matcher.matches()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }

  Path file() {
    return file;
  }

  long sequence() {
    return sequence;
  }

  /** Bytes from the file's start that a loss of power leaves; only ever grows. */
  long durableBytes() {
    return durableBytes;
  }

  /** By the writer's thread only, so that reading and adding need not be one step. */
  void setDurableBytes(long bytes) {
    durableBytes = bytes;
  }

  /** Whether {@link #durableBytes} has stopped growing. Read it before them. */
  boolean sealed() {
    return sealed;
  }

  void seal() {
    sealed = true;
  }
}
