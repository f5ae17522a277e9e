package dev.skep.pool;

import java.util.concurrent.atomic.AtomicBoolean;

/** The right to run what is in a {@link CodeMapping}, until it is closed. Thread-safe. */
public final class CodeLease implements AutoCloseable {
  private final CodeMapping mapping;
  private final AtomicBoolean closed = new AtomicBoolean();

  CodeLease(CodeMapping mapping) {
    this.mapping = mapping;
  }

  /** Ends it: whoever had it runs nothing there any more. Idempotent. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      mapping.ended();
    }
  }
}
