package dev.skep.pool.os;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Pages of machine code: written first and executable then, never both. Not thread-safe until
 * {@link #seal}ed; after that any thread may run what is in them.
 */
public final class ExecutablePages implements AutoCloseable {
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
  private boolean closed;

  /**
   * Maps pages that can be written.
   *
   * @throws SystemCallException if the kernel refuses
   */
  public ExecutablePages(long bytes) {
    this.bytes = (bytes + Libc.PAGE_BYTES - 1) / Libc.PAGE_BYTES * Libc.PAGE_BYTES;
    this.address = Libc.mapPrivate(this.bytes);
  }

  public long address() {
    return address;
  }

  /** Of the mapping, whole pages. */
  public long bytes() {
    return bytes;
  }

  /**
   * Makes the pages executable, and no longer writable.
   *
   * @throws SystemCallException if the kernel refuses
   */
  public void seal() {
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
  }

  /** Unmaps the pages; whoever still ran in them would end the process. Idempotent. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Libc.unmap(address, bytes);
    }
  }
}
