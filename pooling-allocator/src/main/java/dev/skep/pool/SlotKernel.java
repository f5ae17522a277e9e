package dev.skep.pool;

import dev.skep.pool.os.BatchedDiscard;
import dev.skep.pool.os.ImageFile;
import dev.skep.pool.os.Libc;
import dev.skep.pool.os.PageScan;
import org.jspecify.annotations.Nullable;

/**
 * What the allocators ask of the operating system, apart, so that a test can make each request and
 * each step between them fail. Thread-safe.
 */
interface SlotKernel {
  /** The steps of taking and returning a slot at which anything may fail. */
  enum Step {
    TAKE_CREDIT,
    TAKE_INDEX,
    TAKE_CLEAR,
    TAKE_GUARD,
    TAKE_LEASE,
    BUILD_MEMORY,
    BUILD_IMAGE,
    BUILD_TABLE,
    SETTLE,
    OPEN,
    GROW_MOVE,
    RESET_MEMORY,
    RESET_TABLES,
    RESET_AUDIT,
    RETURN_UNMAP,
    RETURN_WARM,
    RETURN_DISCARD,
  }

  /** The kernel of this machine. */
  SlotKernel LINUX = new SlotKernel() {};

  /** Called before each step; does nothing but in tests. */
  default void at(Step step) {}

  default long reserve(long bytes) {
    return Libc.mapPrivate(bytes);
  }

  default void release(long address, long bytes) {
    Libc.unmap(address, bytes);
  }

  default void discard(long address, long bytes) {
    Libc.discard(address, bytes);
  }

  /** Discards the first {@code count} ranges and answers how many are, from the first. */
  default int discard(BatchedDiscard batch, long[] addresses, long[] lengths, int count) {
    return batch.discard(addresses, lengths, count);
  }

  default void mapImage(ImageFile file, long address) {
    file.mapOver(address);
  }

  default void mapZeroes(long address, long bytes) {
    Libc.mapZeroesOver(address, bytes);
  }

  default boolean installGuard(long address, long bytes) {
    return Libc.installGuard(address, bytes);
  }

  /** The calling thread's scan, or null where the kernel has none. */
  default @Nullable PageScan pageScan() {
    return PageScan.ofThread();
  }
}
