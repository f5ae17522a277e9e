package dev.skep.pool;

import com.dylibso.chicory.runtime.WasmRuntimeException;

/**
 * A function of the host was given an address outside the guest's memory. It answers that with an
 * error number and the guest goes on, as often as it likes; so this has no stack trace, which would
 * take longer the deeper the guest is.
 */
public final class StrayPointerException extends WasmRuntimeException {
  private static final long serialVersionUID = 1L;

  public StrayPointerException() {
    super("out of bounds memory access");
  }

  @Override
  public synchronized Throwable fillInStackTrace() {
    return this;
  }
}
