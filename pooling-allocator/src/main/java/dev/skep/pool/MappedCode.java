package dev.skep.pool;

import dev.skep.pool.os.ExecutablePages;
import dev.skep.pool.os.RawMemory;
import java.lang.ref.Cleaner;

/**
 * A module's machine code, mapped once for all its instances, and behind it the table by which it
 * calls indirectly. Immutable and thread-safe.
 *
 * <pre>
 *   [ code … ][ function 0: address, signature │ function 1 │ … ]
 *     ^page     ^16
 * </pre>
 */
public final class MappedCode implements AutoCloseable {
  private static final Cleaner CLEANER = Cleaner.create();

  /** Bytes of one entry of the table: an address of 8, a signature of 4, 4 of nothing. */
  public static final int ENTRY_BYTES = 16;

  private final ExecutablePages pages;
  private final long table;
  private final Cleaner.Cleanable unmapping;

  /**
   * Maps the code.
   *
   * @param code position-independent
   * @param functions where each function begins in it
   * @param signatures a number for each function's type
   * @throws dev.skep.pool.os.SystemCallException if the kernel refuses
   */
  public MappedCode(byte[] code, int[] functions, int[] signatures) {
    long tableOffset = (code.length + 15L) / ENTRY_BYTES * ENTRY_BYTES;
    pages = new ExecutablePages(tableOffset + (long) functions.length * ENTRY_BYTES);
    table = pages.address() + tableOffset;
    boolean sealed = false;
    try {
      RawMemory.copyIn(code, 0, pages.address(), code.length);
      for (int i = 0; i < functions.length; i++) {
        RawMemory.putLong(table + (long) i * ENTRY_BYTES, pages.address() + functions[i]);
        RawMemory.putInt(table + (long) i * ENTRY_BYTES + 8, signatures[i]);
      }
      pages.seal();
      sealed = true;
    } finally {
      if (!sealed) {
        pages.close();
      }
    }
    unmapping = CLEANER.register(this, pages::close);
  }

  /** Address of what is at {@code offset} of the code. */
  public long addressOf(int offset) {
    return pages.address() + offset;
  }

  /** Address of the functions' table. */
  public long table() {
    return table;
  }

  /** Bytes mapped. */
  public long bytes() {
    return pages.bytes();
  }

  /**
   * Unmaps it at once. No instance may run in it any more. Idempotent; without it, it is unmapped
   * when neither its module nor an instance is reachable, as classes are unloaded.
   */
  @Override
  public void close() {
    unmapping.clean();
  }
}
