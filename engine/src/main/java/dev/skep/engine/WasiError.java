package dev.skep.engine;

/** Ends a function of WASI with an error number. Has no stack trace: guests cause it at will. */
final class WasiError extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int errno;

  WasiError(int errno) {
    super("errno " + errno, null, false, false);
    this.errno = errno;
  }

  int errno() {
    return errno;
  }
}
