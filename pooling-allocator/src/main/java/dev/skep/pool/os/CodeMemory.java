package dev.skep.pool.os;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/**
 * Pages of machine code (mmap(2), mprotect(2)): writable and not executable while they are filled,
 * executable and not writable from then on. There is no way back, and no moment at which they are
 * both.
 *
 * <pre>
 *   map ─▶ rw-  ── is filled ──▶ seal ─▶ r-x  ── runs ──▶ close ─▶ gone
 * </pre>
 *
 * <p>What the processor's caches may have kept of the instructions that were at these addresses
 * before is dropped by the kernel, when it makes pages executable that were not (on aarch64 {@code
 * __sync_icache_dcache}; x86-64 sees to it itself). What a processor has fetched ahead is dropped
 * by {@link CodeBarrier}, before anybody knows the address.
 *
 * <p>Thread-safe: any number of threads may run what is in it. Whoever closes it sees to it that
 * none does any more.
 */
public final class CodeMemory implements AutoCloseable {
  private static final int PROT_READ_EXEC = 0x1 | 0x4;

  private static final MethodHandle MPROTECT =
      Libc.handle(
          "mprotect",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));

  private final long address;
  private final long bytes;
  private boolean sealed;
  private boolean closed;

  private CodeMemory(long address, long bytes) {
    this.address = address;
    this.bytes = bytes;
  }

  /** What {@link #map} takes for so many bytes: whole pages. */
  public static long pageBytes(long bytes) {
    return (bytes + Libc.PAGE_BYTES - 1) / Libc.PAGE_BYTES * Libc.PAGE_BYTES;
  }

  /**
   * Maps pages that can be written, all zero.
   *
   * @param bytes 1 to 2^40; rounded up to whole pages
   * @throws SystemCallException if the kernel refuses, of memory or of mappings
   */
  public static CodeMemory map(long bytes) {
    if (bytes < 1 || bytes > 1L << 40) {
      throw new IllegalArgumentException("code of " + bytes + " bytes; it must be from 1 to 2^40");
    }
    long whole = pageBytes(bytes);
    return new CodeMemory(Libc.mapFilled(whole), whole);
  }

  private long at(long offset, long width) {
    if (sealed || closed) {
      throw new IllegalStateException("machine code cannot be written once it can be run");
    }
    return address + Objects.checkFromIndexSize(offset, width, bytes);
  }

  /**
   * Writes all of {@code from} at {@code offset}.
   *
   * @throws IllegalStateException if it is sealed or closed, as of all that write
   * @throws IndexOutOfBoundsException if it would go beyond the pages, as of all that write
   */
  public synchronized void putBytes(long offset, byte[] from) {
    RawMemory.copyIn(from, 0, at(offset, from.length), from.length);
  }

  /** Writes 4 bytes, little-endian, at any alignment. */
  public synchronized void putInt(long offset, int value) {
    RawMemory.putInt(at(offset, 4), value);
  }

  /** Writes 8 bytes, little-endian, at any alignment. */
  public synchronized void putLong(long offset, long value) {
    RawMemory.putLong(at(offset, 8), value);
  }

  /**
   * Makes the pages executable, and no longer writable, for good.
   *
   * @throws SystemCallException if the kernel refuses, as some do that allow no executable memory,
   *     or on aarch64 before 4.16
   */
  public synchronized void seal() {
    if (closed) {
      throw new IllegalStateException("the pages are unmapped");
    }
    sealed = true;
    MemorySegment state = Libc.state();
    int result;
    try {
      result = (int) MPROTECT.invokeExact(state, address, bytes, PROT_READ_EXEC);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
    if (result != 0) {
      throw new SystemCallException("mprotect of " + bytes + " bytes", Libc.errno(state));
    }
    if (CodeBarrier.NEEDED) {
      CodeBarrier.pass();
    }
  }

  /** Where the first byte is; a multiple of the page. */
  public long address() {
    return address;
  }

  /** Bytes mapped, whole pages. */
  public long bytes() {
    return bytes;
  }

  /** Unmaps it; a thread that still ran in it would end the process. Idempotent. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Libc.unmap(address, bytes);
    }
  }
}
