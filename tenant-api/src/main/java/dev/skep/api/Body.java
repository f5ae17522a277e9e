package dev.skep.api;

import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A request's body while it comes, in blocks: a large one is not copied again and again as it
 * grows, and one that comes in small pieces takes hardly more memory than another. It is put
 * together where it is taken, which for one of many megabytes should not be an event loop.
 *
 * <p>Not thread-safe; may be handed to another thread once it is whole.
 */
final class Body {
  private static final int FIRST_BYTES = 1 << 10;
  private static final int MOST_BLOCK_BYTES = 64 << 10;

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
    this.block = new byte[(int) Math.min(Math.max(declared, 0), MOST_BLOCK_BYTES)];
  }

  void add(Buffer chunk) {
    int from = 0;
    while (from < chunk.length()) {
      if (used == block.length) {
        nextBlock();
      }
      int part = Math.min(chunk.length() - from, block.length - used);
      chunk.getBytes(from, from + part, block, used);
      used += part;
      length += part;
      from += part;
    }
  }

  /** As large as all before it. */
  private void nextBlock() {
    if (used > 0) {
      full.add(block);
    }
    block = new byte[(int) Math.min(Math.max(length, FIRST_BYTES), MOST_BLOCK_BYTES)];
    used = 0;
  }

  long length() {
    return length;
  }

  /**
   * All bytes, which are the caller's; the body is empty afterwards. Without a copy where it is
   * small and as long as was declared.
   *
   * @throws ArithmeticException if they are more than an array can have
   */
  byte[] take() {
    byte[] bytes = block;
    if (!full.isEmpty() || used < block.length) {
      bytes = new byte[Math.toIntExact(length)];
      int at = 0;
      for (byte[] each : full) {
        System.arraycopy(each, 0, bytes, at, each.length);
        at += each.length;
      }
      System.arraycopy(block, 0, bytes, at, used);
    }
    full.clear();
    block = new byte[0];
    used = 0;
    length = 0;
    return bytes;
  }
}
