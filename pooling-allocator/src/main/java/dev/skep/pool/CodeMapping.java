package dev.skep.pool;

import dev.skep.pool.os.CodeMemory;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Machine code that can be run, and cannot be written, for as long as somebody has a lease of it.
 * Whoever mapped it has the first, which {@link #close} ends; whoever runs what is in it has one of
 * its own for as long as it may. The last to end unmaps it. Counted in the {@link CodeSpace} that
 * it is of.
 *
 * <pre>
 *   map ─▶ 1 ── lease ─▶ 2 … n ── ends ─▶ … 1 ── ends ─▶ 0, unmapped; no lease any more
 * </pre>
 *
 * <p>Thread-safe; nothing blocks but the kernel's unmapping.
 */
public final class CodeMapping implements CodeOutcome, AutoCloseable {
  private final CodeSpace space;
  private final CodeMemory memory;
  private final AtomicInteger leases = new AtomicInteger(1);
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicBoolean unmapped = new AtomicBoolean();

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

  /** One more lease, or null if the last has ended. */
  public @Nullable CodeLease lease() {
    int held = leases.get();
    while (held > 0) {
      if (leases.compareAndSet(held, held + 1)) {
        space.leased(1);
        return new CodeLease(this);
      }
      held = leases.get();
    }
    return null;
  }

  /** Leases that have not ended, the one of whoever mapped it included. */
  public int leases() {
    return leases.get();
  }

  void ended() {
    space.leased(-1);
    end();
  }

  private void end() {
    if (leases.decrementAndGet() == 0) {
      unmap();
    }
  }

  private void unmap() {
    if (unmapped.compareAndSet(false, true)) {
      memory.close();
      space.closed(memory.bytes());
    }
  }

  /** Ends the lease of whoever mapped it. Idempotent. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      end();
    }
  }

  /**
   * Unmaps it whatever leases there are, because nothing that has one is reachable any more.
   * Idempotent.
   */
  public void abandon() {
    unmap();
  }
}
