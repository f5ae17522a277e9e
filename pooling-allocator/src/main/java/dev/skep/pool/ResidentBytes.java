package dev.skep.pool;

/**
 * Memory that slots really take, in bytes; −1 each where the kernel does not say.
 *
 * @param privateBytes what was written or copied into them
 * @param sharedBytes pages of mapped images as the slots see them: the same page counts in each
 *     slot that has read it, and is in memory once
 */
public record ResidentBytes(long privateBytes, long sharedBytes) {
  /** Where the kernel does not say. */
  static final ResidentBytes UNKNOWN = new ResidentBytes(-1, -1);

  /** Both, or −1. */
  public long totalBytes() {
    return privateBytes < 0 ? -1 : privateBytes + sharedBytes;
  }
}
