package dev.skep.api;

import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A request's body while it comes, in blocks of one size: a large one is not copied again and again
 * as it grows, and one that comes in small pieces takes no more memory than another. It is put
 * together where that is asked for, which for a large one must not be an event loop.
 *
 * <p>Not thread-safe; may be handed to another thread once it is whole.
 */
final class Body {
  private static final int BLOCK_BYTES = 64 << 10;

  private final List<byte[]> full = new ArrayList<>();
  private byte[] block;

  /** Bytes in the block that is not full. */
  private int used;

  private long length;

  /**
   * @param declared bytes that it is said to have, or less than 0; a length is only a claim, so no
   *     more than a block is taken for it
   */
  Body(long declared) {
    this.block = new byte[(int) Math.min(Math.max(declared, 0), BLOCK_BYTES)];
  }

  void add(Buffer chunk) {
    length += chunk.length();
    int from = 0;
    while (from < chunk.length()) {
      if (used == block.length) {
        if (used > 0) {
          full.add(block);
        }
        block = new byte[BLOCK_BYTES];
        used = 0;
      }
      int part = Math.min(chunk.length() - from, block.length - used);
      chunk.getBytes(from, from + part, block, used);
      used += part;
      from += part;
    }
  }

  long length() {
    return length;
  }

  /**
   * All bytes; the same array each time where the body came as it was declared and is small.
   *
   * @throws ArithmeticException if they are more than an array can have
   */
  byte[] bytes() {
    if (full.isEmpty() && used == block.length) {
      return block;
    }
    byte[] bytes = new byte[Math.toIntExact(length)];
    int at = 0;
    for (byte[] each : full) {
      System.arraycopy(each, 0, bytes, at, each.length);
      at += each.length;
    }
    System.arraycopy(block, 0, bytes, at, used);
    return bytes;
  }
}
