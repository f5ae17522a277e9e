package dev.skep.pool;

import dev.skep.pool.os.CodeMemory;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Machine code that can be run, and cannot be written, until it is closed. Counted in the {@link
 * CodeSpace} that it is of. Thread-safe.
 */
public final class CodeMapping implements CodeOutcome, AutoCloseable {
  private final CodeSpace space;
  private final CodeMemory memory;
  private final AtomicBoolean closed = new AtomicBoolean();

  CodeMapping(CodeSpace space, CodeMemory memory) {
    this.space = space;
    this.memory = memory;
  }

  /** Address of the first byte, a multiple of the page. */
  public long address() {
    return memory.address();
  }

  /** Bytes mapped, whole pages. */
  public long bytes() {
    return memory.bytes();
  }

  /** Unmaps it. Nothing may run in it any more, or the process ends. Idempotent. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      memory.close();
      space.closed(memory.bytes());
    }
  }
}
