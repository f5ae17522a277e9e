package dev.skep.pool.os;

/** A system call that the kernel refused. */
public final class SystemCallException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int errno;

  public SystemCallException(String call, int errno) {
    super(call + " failed with errno " + errno + (errno == 12 ? " (out of memory)" : ""));
    this.errno = errno;
  }

  /** The kernel's reason, as in errno(3). */
  public int errno() {
    return errno;
  }
}
