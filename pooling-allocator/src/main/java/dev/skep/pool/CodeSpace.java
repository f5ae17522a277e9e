package dev.skep.pool;

import dev.skep.pool.os.CodeMemory;
import dev.skep.pool.os.SystemCallException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * The machine code of a process: bounded in bytes and counted. One module's code is one mapping,
 * whatever the number of its instances; see {@link CodeMemory} for how it comes to be executable.
 *
 * <p>Thread-safe; mapping blocks for as long as the copy takes.
 */
public final class CodeSpace {
  /**
   * Machine code that a process may have mapped, by default: ten thousand small modules at 30 KB
   * each are 300 MB, and three of the largest fit beside them.
   */
  public static final long DEFAULT_BYTES = 512L << 20;

  /** The bound is from a page to this many bytes. */
  public static final long MOST_BYTES = 1L << 40;

  private final long mostBytes;
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicInteger mappings = new AtomicInteger();
  private final LongAdder leases = new LongAdder();
  private final LongAdder mapped = new LongAdder();
  private final LongAdder refused = new LongAdder();

  /**
   * @param mostBytes over all mappings at once, in whole pages, 4 KiB to 1 TiB
   */
  public CodeSpace(long mostBytes) {
    if (mostBytes < 4_096 || mostBytes > MOST_BYTES) {
      throw new IllegalArgumentException(
          "mostBytes is " + mostBytes + "; it must be from 4096 to " + MOST_BYTES);
    }
    this.mostBytes = mostBytes;
  }

  /** Fills the pages, and applies whatever depends on their address. */
  @FunctionalInterface
  public interface Writer {
    /** Called once, on the thread that maps. What it throws, the mapping throws. */
    void write(Draft draft);
  }

  /**
   * The pages while they can be written; all zero at first. Every access is checked against their
   * length, and once the writer has returned none is possible.
   */
  public static final class Draft {
    private final CodeMemory memory;

    private Draft(CodeMemory memory) {
      this.memory = memory;
    }

    /** Where the first byte is, and will be when it is run; a multiple of the page. */
    public long address() {
      return memory.address();
    }

    /** Writes all of {@code from} at {@code offset}. */
    public void putBytes(long offset, byte[] from) {
      memory.putBytes(offset, from);
    }

    /** Writes 4 bytes, little-endian, at any alignment. */
    public void putInt(long offset, int value) {
      memory.putInt(offset, value);
    }

    /** Writes 8 bytes, little-endian, at any alignment. */
    public void putLong(long offset, long value) {
      memory.putLong(offset, value);
    }
  }

  /**
   * Maps code, if there is room for it.
   *
   * @param codeBytes 1 to 2^40
   */
  public CodeOutcome map(long codeBytes, Writer writer) {
    long whole = CodeMemory.pageBytes(codeBytes);
    long before = bytes.getAndUpdate(held -> whole > mostBytes - held ? held : held + whole);
    if (whole > mostBytes - before) {
      refused.increment();
      return new CodeOutcome.Refused(
          "machine code of "
              + whole
              + " bytes does not fit beside the "
              + before
              + " mapped, of at most "
              + mostBytes
              + "; raise the bound, or hold functions that are rarely called to tier 1");
    }
    CodeMemory memory = null;
    boolean done = false;
    try {
      memory = CodeMemory.map(codeBytes);
      writer.write(new Draft(memory));
      memory.seal();
      mappings.incrementAndGet();
      mapped.increment();
      done = true;
      return new CodeMapping(this, memory);
    } catch (SystemCallException e) {
      refused.increment();
      return new CodeOutcome.Refused(
          "machine code of "
              + whole
              + " bytes was not mapped: "
              + e.getMessage()
              + "; the kernel must allow executable memory and more mappings (vm.max_map_count)");
    } finally {
      if (!done) {
        if (memory != null) {
          memory.close();
        }
        bytes.addAndGet(-whole);
      }
    }
  }

  void leased(int more) {
    leases.add(more);
  }

  void closed(long freed) {
    mappings.decrementAndGet();
    bytes.addAndGet(-freed);
  }

  /** What is mapped now. */
  public CodeStats stats() {
    return new CodeStats(
        mappings.get(), bytes.get(), mostBytes, leases.sum(), mapped.sum(), refused.sum());
  }
}
