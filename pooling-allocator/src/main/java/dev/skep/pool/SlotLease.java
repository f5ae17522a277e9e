package dev.skep.pool;

import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.Table;
import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.os.Libc;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * The right to use one slot, from {@link PoolingAllocator#take} until {@link #close}.
 *
 * <p>A lease passes through these states; the engine drives it:
 *
 * <pre>
 *   take ──▶ [building] ── settle ──▶ [idle, clean] ── open ──▶ [running] ── reset ─┐
 *                │                          ▲  └───────────── close ──▶ gone        │
 *                └── close ──▶ gone         └───────────────────────────────────────┘
 * </pre>
 *
 * An idle lease holds no byte that a run has written: reset comes before idling, not before the
 * next use. Confined to one thread at a time.
 */
public final class SlotLease implements AutoCloseable {
  private final PoolingAllocator pool;
  private final int slot;
  private final long generation;
  private final long tableBase;
  private final long memoryBase;
  private final List<SlotMemory> memories = new ArrayList<>(1);
  private final List<SlotTable> tables = new ArrayList<>(1);

  /** The data segments that the run has dropped, for all memories alike. */
  private final BitSet dropped = new BitSet();

  private long memoryLimitBytes;
  private long memoryBytes;
  private long memoryPeakBytes;
  private long tableLimit;
  private long elements;
  private int nextTableElement;
  private boolean closed;

  SlotLease(PoolingAllocator pool, int slot, long generation, long tableBase, long memoryBase) {
    this.pool = pool;
    this.slot = slot;
    this.generation = generation;
    this.tableBase = tableBase;
    this.memoryBase = memoryBase;
    this.memoryLimitBytes = pool.config().slotMemoryBytes();
    this.tableLimit = pool.config().slotTableElements();
  }

  /** Index of the slot, 0 to slots − 1. */
  public int slot() {
    return slot;
  }

  /** How often this slot had been taken when this lease began; no two leases of a slot share it. */
  public long generation() {
    return generation;
  }

  // ── Building ──────────────────────────────────────────────────────────────────────────────

  /**
   * A memory of this slot for memory {@code index} of {@code count}; the slot's memory is shared
   * out among them evenly.
   *
   * @throws LimitExceededException if its minimum does not fit
   */
  public SlotMemory newMemory(MemoryLimits limits, int index, int count, ImageHolder images) {
    checkOpen();
    long share = pool.config().slotMemoryBytes() / count / Memory.PAGE_SIZE * Memory.PAGE_SIZE;
    long bytes = (long) limits.initialPages() * Memory.PAGE_SIZE;
    if (bytes > share || !reserveMemory(bytes)) {
      throw new LimitExceededException(
          LimitKind.MEMORY,
          Math.min(share, memoryLimitBytes),
          "the module's memory starts at "
              + bytes
              + " bytes; at most "
              + Math.min(share, memoryLimitBytes)
              + " are allowed");
    }
    SlotMemory memory =
        new SlotMemory(
            this,
            index,
            memoryBase + index * share,
            share,
            limits.initialPages(),
            (int) Math.min(limits.maximumPages(), share / Memory.PAGE_SIZE),
            images);
    memories.add(memory);
    return memory;
  }

  /**
   * A table of this slot for table {@code index} of {@code count}.
   *
   * @param initialValue of every element
   * @throws LimitExceededException if its minimum does not fit
   */
  public SlotTable newTable(
      Table table, int initialValue, int index, int count, ImageHolder images) {
    checkOpen();
    int left = pool.config().slotTableElements() - nextTableElement;
    long wanted = table.limits().min();
    // What the table needs now, and an even share of what nobody needs yet for its growth.
    long share = Math.min(table.limits().max(), Math.max(wanted, left / (count - index)));
    if (wanted > left || !reserveElements(wanted)) {
      throw new LimitExceededException(
          LimitKind.TABLE,
          Math.min(left, tableLimit),
          "the module's tables start at more than "
              + Math.min(left, tableLimit)
              + " elements, the most allowed");
    }
    int capacity = (int) Math.min(share, left);
    SlotTable created =
        new SlotTable(
            this,
            index,
            tableBase + (long) nextTableElement * SlotTable.ELEMENT_BYTES,
            capacity,
            table,
            initialValue,
            images);
    nextTableElement += capacity;
    tables.add(created);
    return created;
  }

  /** Ends building: what the tables hold now is what a reset returns to. */
  public void settle() {
    for (int i = 0; i < tables.size(); i++) {
      tables.get(i).settle();
    }
  }

  // ── Running ───────────────────────────────────────────────────────────────────────────────

  /**
   * Holds the store to these limits from now on; also bounded by the slot.
   *
   * @return false if what the module starts with is already more
   */
  public boolean open(StoreLimits limits) {
    checkOpen();
    memoryLimitBytes = Math.min(limits.memoryBytes(), pool.config().slotMemoryBytes());
    tableLimit = Math.min(limits.tableElements(), pool.config().slotTableElements());
    memoryPeakBytes = memoryBytes;
    return memoryBytes <= memoryLimitBytes && elements <= tableLimit;
  }

  boolean reserveMemory(long bytes) {
    long total = memoryBytes + bytes;
    if (closed || total > memoryLimitBytes) {
      return false;
    }
    memoryBytes = total;
    memoryPeakBytes = Math.max(memoryPeakBytes, total);
    return true;
  }

  boolean reserveElements(long count) {
    long total = elements + count;
    if (closed || total > tableLimit) {
      return false;
    }
    elements = total;
    return true;
  }

  void drop(int segment) {
    dropped.set(segment);
  }

  boolean isDropped(int segment) {
    return dropped.get(segment);
  }

  /** Most linear memory held at once since {@link #open}, in bytes. */
  public long memoryPeakBytes() {
    return memoryPeakBytes;
  }

  /** Linear memory held now, in bytes. */
  public long memoryBytes() {
    return memoryBytes;
  }

  /** Table elements held now. */
  public long tableElements() {
    return elements;
  }

  /**
   * Returns the slot to its image without the image: memory zeroed and given back to the kernel,
   * tables restored. After it the slot holds no byte that the run wrote.
   */
  public void reset() {
    checkOpen();
    discardMemory();
    dropped.clear();
    memoryBytes = 0;
    elements = 0;
    for (int i = 0; i < memories.size(); i++) {
      memoryBytes += (long) memories.get(i).initialPages() * Memory.PAGE_SIZE;
    }
    for (int i = 0; i < tables.size(); i++) {
      SlotTable table = tables.get(i);
      table.restore();
      elements += table.size();
    }
    pool.countReset();
  }

  /** Puts the images in place, for the next run. */
  public void restore() {
    checkOpen();
    for (int i = 0; i < memories.size(); i++) {
      memories.get(i).restore();
    }
  }

  /** The slot may be someone else's by now, and a revoked memory's base is no address. */
  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the lease of slot " + slot + " has ended");
    }
  }

  private void discardMemory() {
    for (int i = 0; i < memories.size(); i++) {
      SlotMemory memory = memories.get(i);
      if (memory.sizeBytes() > 0) {
        Libc.discard(memory.baseAddress(), memory.sizeBytes());
      }
    }
  }

  /**
   * Gives the slot back, empty. Idempotent. A slot that the kernel does not clear is retired and
   * never used again.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    boolean clean = false;
    try {
      discardMemory();
      if (nextTableElement > 0) {
        Libc.discard(tableBase, pool.layout().tableBytes());
      }
      clean = true;
    } finally {
      for (int i = 0; i < memories.size(); i++) {
        memories.get(i).revoke();
      }
      for (int i = 0; i < tables.size(); i++) {
        tables.get(i).revoke();
      }
      pool.giveBack(slot, clean);
    }
  }
}
