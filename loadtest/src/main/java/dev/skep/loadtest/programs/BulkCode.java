package dev.skep.loadtest.programs;

import java.util.Random;

/** Stores, and the operators on whole ranges of memories and tables, and growth. */
class BulkCode extends Values {
  /** Stores: opcode, what they take, bytes. */
  private static final int[][] STORES = {
    {0x36, 'i', 4},
    {0x37, 'I', 8},
    {0x38, 'f', 4},
    {0x39, 'F', 8},
    {0x3A, 'i', 1},
    {0x3B, 'i', 2},
    {0x3C, 'I', 1},
    {0x3D, 'I', 2},
    {0x3E, 'I', 4}
  };

  private static final int[] LENGTHS = {0, 1, 2, 8, 100, 1_000, 5_000};
  private static final int ADDRESS_MASK = 0x3FFF;

  BulkCode(Random random, ModulePlan plan, String params, String results) {
    super(random, plan, params, results);
  }

  void store() {
    int[] store = STORES[below(STORES.length)];
    String type = "" + (char) store[1];
    long offset = address(store[2], 2);
    value(type.charAt(0), 2);
    settle(1);
    op(store[0], below(Integer.numberOfTrailingZeros(store[2]) + 1), offset);
    pop("i" + type);
  }

  /** One of memory.fill, memory.copy, memory.init and data.drop. */
  void bulkMemory() {
    switch (below(7)) {
      case 0, 1 -> {
        masked(ADDRESS_MASK, 1);
        value('i', 1);
        length();
        op(0xFC0B, 0);
        pop("iii");
      }
      case 2, 3 -> {
        masked(ADDRESS_MASK, 1);
        masked(ADDRESS_MASK, 1);
        length();
        op(0xFC0A, 0, 0);
        pop("iii");
      }
      case 4, 5 -> {
        boolean kept = chance(0.7);
        masked(ADDRESS_MASK, 1);
        part(kept, ModulePlan.SEGMENT_BYTES);
        op(0xFC08, kept ? ModulePlan.KEPT_SEGMENT : ModulePlan.DROPPED_SEGMENT, 0);
        pop("iii");
      }
      default -> op(0xFC09, ModulePlan.DROPPED_SEGMENT);
    }
  }

  /** Pushes a number of bytes. */
  private void length() {
    if (wild()) {
      value('i', 1);
    } else if (chance(0.5)) {
      i32(LENGTHS[below(LENGTHS.length)]);
    } else {
      masked(0xFF, 1);
    }
  }

  /** Pushes where in a segment, and how many; none of one that may have been dropped. */
  private void part(boolean kept, int size) {
    if (wild()) {
      value('i', 0);
      value('i', 0);
    } else if (kept) {
      masked(size / 2 - 1, 1);
      if (chance(0.5)) {
        i32(below(size / 2 + 1));
      } else {
        masked(size / 2 - 1, 1);
      }
    } else {
      i32(0);
      i32(0);
    }
  }

  /** One of table.set, size, fill, copy, init and elem.drop. */
  void bulkTable() {
    int table = chance(0.8) ? ModulePlan.FUNCTION_TABLE : ModulePlan.EXTERN_TABLE;
    int half = ModulePlan.ELEMENTS / 2;
    switch (below(9)) {
      case 0, 1, 2 -> {
        element(ModulePlan.ELEMENTS);
        value(plan.tableType(table), 1);
        op(0x26, table);
        pop("i" + plan.tableType(table));
      }
      case 3 -> {
        op(0xFC10, table);
        push('i');
      }
      case 4 -> {
        element(half);
        value(plan.tableType(table), 1);
        element(half);
        op(0xFC11, table);
        pop("i" + plan.tableType(table) + "i");
      }
      case 5, 6 -> {
        boolean stable = table == ModulePlan.FUNCTION_TABLE && chance(0.4);
        element(half);
        element(half);
        element(half);
        op(0xFC0E, table, stable ? ModulePlan.STABLE_TABLE : table);
        pop("iii");
      }
      case 7 -> {
        boolean kept = chance(0.7);
        element(half);
        part(kept, ModulePlan.SEGMENT_ELEMENTS);
        op(
            0xFC0C,
            kept ? ModulePlan.KEPT_SEGMENT : ModulePlan.DROPPED_SEGMENT,
            ModulePlan.FUNCTION_TABLE);
        pop("iii");
      }
      default -> op(0xFC0D, ModulePlan.DROPPED_SEGMENT);
    }
  }

  /**
   * memory.grow or table.grow, whose answer is kept. By no constant, because what a refused growth
   * by a constant costs is the one thing in which our fuel and Wasmtime's differ.
   */
  void grow() {
    boolean memory = chance(0.6);
    int table = chance(0.6) ? ModulePlan.FUNCTION_TABLE : ModulePlan.EXTERN_TABLE;
    if (!memory) {
      value(plan.tableType(table), 1);
    }
    globalGet(ModulePlan.CALLS_GLOBAL);
    i32(chance(0.8) ? 1 + below(3) : anyI32());
    apply(chance(0.9) ? 0x71 : 0x72, "ii", "i");
    if (memory) {
      op(0x40, 0);
      pop("i");
    } else {
      op(0xFC0F, table);
      pop(plan.tableType(table) + "i");
    }
    push('i');
    tee(newLocal('i'));
  }
}
