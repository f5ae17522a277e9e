package dev.skep.pool;

import dev.skep.pool.os.Libc;
import java.util.ArrayList;
import java.util.List;

/**
 * Where everything is in the slab: pure arithmetic, apart from the system calls, so that it can be
 * tested by its invariants. All figures in bytes, offsets from the slab's start.
 *
 * <pre>
 *  ├─ class 0 ─────────────────────────────────────────┬─ class 1 ─ …
 *  ├─ slot 0 ─────────────────────────────────┬─ slot 1 ─ …
 *  │ [ context, tables ][ linear memory … reserved ][ guard ]
 *    ^page              ^page                       ^page
 * </pre>
 *
 * Slots are numbered through all classes, from 0.
 *
 * @param areas one a class, in the order of their classes
 * @param tableBytes of the region at the head of each slot, of its context and its tables, a
 *     multiple of the page
 * @param guardBytes of the guard at the end of each slot
 */
record SlabLayout(List<Area> areas, long tableBytes, long guardBytes) {
  /** What machine code may keep of an instance besides tables and memories: one page. */
  static final int CONTEXT_BYTES = 4 << 10;

  /**
   * The slots of one class.
   *
   * @param firstSlot number of its first slot
   * @param slots how many
   * @param offset where its first slot begins
   * @param memoryBytes usable linear memory of a slot
   * @param strideBytes from the start of one slot to the start of the next
   */
  record Area(int firstSlot, int slots, long offset, long memoryBytes, long strideBytes) {
    /** Where the area ends. */
    long end() {
      return offset + Math.multiplyExact(strideBytes, slots);
    }
  }

  static SlabLayout of(PoolConfig config) {
    long tables = pages(CONTEXT_BYTES + config.tableElements() * (long) SlotTable.ELEMENT_BYTES);
    List<Area> areas = new ArrayList<>();
    int slot = 0;
    long offset = 0;
    for (SlotClass each : config.classes()) {
      long stride = tables + each.reservedBytes() + config.guardBytes();
      Area area = new Area(slot, each.slots(), offset, each.memoryBytes(), stride);
      areas.add(area);
      slot += each.slots();
      offset = area.end();
    }
    return new SlabLayout(List.copyOf(areas), tables, config.guardBytes());
  }

  private static long pages(long bytes) {
    return (bytes + Libc.PAGE_BYTES - 1) / Libc.PAGE_BYTES * Libc.PAGE_BYTES;
  }

  int slots() {
    Area last = areas.getLast();
    return last.firstSlot + last.slots;
  }

  /** Of the whole slab. */
  long totalBytes() {
    return areas.getLast().end();
  }

  /** Index of the class a slot belongs to. */
  int classOf(int slot) {
    int index = areas.size() - 1;
    while (areas.get(index).firstSlot > slot) {
      index--;
    }
    return index;
  }

  /** The smallest class whose slots hold {@code memoryBytes}, or −1 if none does. */
  int classFor(long memoryBytes) {
    for (int i = 0; i < areas.size(); i++) {
      if (memoryBytes <= areas.get(i).memoryBytes) {
        return i;
      }
    }
    return -1;
  }

  /** Where a slot begins, with its context. */
  long tableOffset(int slot) {
    Area area = areas.get(classOf(slot));
    return area.offset + (slot - area.firstSlot) * area.strideBytes;
  }

  /** Where a slot's linear memory begins. */
  long memoryOffset(int slot) {
    return tableOffset(slot) + tableBytes;
  }

  /** Usable linear memory of a slot. */
  long memoryBytes(int slot) {
    return areas.get(classOf(slot)).memoryBytes;
  }

  /** Where a slot's guard begins: at the end of what is reserved for it. */
  long guardOffset(int slot) {
    Area area = areas.get(classOf(slot));
    return tableOffset(slot) + area.strideBytes - guardBytes;
  }

  /** What a slot can be written in: its tables and its memory, which lie side by side. */
  long usableBytes(int slot) {
    return tableBytes + memoryBytes(slot);
  }
}
