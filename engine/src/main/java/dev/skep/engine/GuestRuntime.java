package dev.skep.engine;

import com.dylibso.chicory.compiler.internal.Shaded;
import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.PassiveElement;
import dev.skep.pool.SlotMemory;
import dev.skep.pool.SlotTable;

/**
 * What generated code calls instead of the engine's own helpers: the same names and descriptors as
 * {@link Shaded}, but on slots, with bounds in unsigned long arithmetic. Public only so that
 * generated classes, which have a loader of their own, can reach it; nothing else may call it.
 *
 * <p>Every method is small enough for the JIT to inline at each call.
 */
@SuppressWarnings("unused") // called by generated code only
public final class GuestRuntime {
  private static final long UNSIGNED = 0xFFFF_FFFFL;
  private static final int[] NO_REFERENCES = {};

  private GuestRuntime() {}

  // ── Metering ──────────────────────────────────────────────────────────────────────────────

  /** Pays for a run of operators: a cost, or one that is not checked. */
  public static void charge(int cost, Memory memory) {
    if (cost >= 0) {
      ((SlotMemory) memory).charge(cost);
    } else {
      ((SlotMemory) memory).owe(BodyInstrumenter.unchecked(cost));
    }
  }

  /** Pays for what a bulk operator moves, an unsigned number. */
  public static void chargeLength(int length, Memory memory) {
    ((SlotMemory) memory).charge(length & UNSIGNED);
  }

  // ── Loads and stores ──────────────────────────────────────────────────────────────────────

  public static byte memoryReadByte(int base, int offset, Memory memory) {
    return ((SlotMemory) memory).load8(base, offset);
  }

  public static short memoryReadShort(int base, int offset, Memory memory) {
    return ((SlotMemory) memory).load16(base, offset);
  }

  public static int memoryReadInt(int base, int offset, Memory memory) {
    return ((SlotMemory) memory).load32(base, offset);
  }

  public static long memoryReadLong(int base, int offset, Memory memory) {
    return ((SlotMemory) memory).load64(base, offset);
  }

  public static float memoryReadFloat(int base, int offset, Memory memory) {
    return ((SlotMemory) memory).loadFloat(base, offset);
  }

  public static double memoryReadDouble(int base, int offset, Memory memory) {
    return ((SlotMemory) memory).loadDouble(base, offset);
  }

  public static void memoryWriteByte(int base, byte value, int offset, Memory memory) {
    ((SlotMemory) memory).store8(base, offset, value);
  }

  public static void memoryWriteShort(int base, short value, int offset, Memory memory) {
    ((SlotMemory) memory).store16(base, offset, value);
  }

  public static void memoryWriteInt(int base, int value, int offset, Memory memory) {
    ((SlotMemory) memory).store32(base, offset, value);
  }

  public static void memoryWriteLong(int base, long value, int offset, Memory memory) {
    ((SlotMemory) memory).store64(base, offset, value);
  }

  public static void memoryWriteFloat(int base, float value, int offset, Memory memory) {
    ((SlotMemory) memory).storeFloat(base, offset, value);
  }

  public static void memoryWriteDouble(int base, double value, int offset, Memory memory) {
    ((SlotMemory) memory).storeDouble(base, offset, value);
  }

  // ── Bulk memory ───────────────────────────────────────────────────────────────────────────

  public static void memoryCopy(int to, int from, int length, Memory memory) {
    ((SlotMemory) memory).copyFrom((SlotMemory) memory, to, from, length);
  }

  public static void memoryCopy(int to, int from, int length, Memory target, Memory source) {
    ((SlotMemory) target).copyFrom((SlotMemory) source, to, from, length);
  }

  public static void memoryFill(int address, byte value, int length, Memory memory) {
    ((SlotMemory) memory).fillBytes(address, value, length);
  }

  public static void memoryInit(int to, int from, int length, int segment, Memory memory) {
    ((SlotMemory) memory).initPassiveSegment(segment, to, from, length);
  }

  public static int memoryGrow(int pages, Memory memory) {
    return ((SlotMemory) memory).grow(pages);
  }

  public static void memoryDrop(int segment, Memory memory) {
    ((SlotMemory) memory).drop(segment);
  }

  /** {@code data.drop}: an instance's own, never the module's segment. */
  public static void dataDrop(int segment, Instance instance) {
    ((SlotMemory) instance.memory()).drop(segment);
  }

  public static int memoryPages(Memory memory) {
    return ((SlotMemory) memory).pages();
  }

  // ── Tables ────────────────────────────────────────────────────────────────────────────────

  private static SlotTable table(Instance instance, int index) {
    return (SlotTable) instance.table(index);
  }

  public static int tableGet(int element, int table, Instance instance) {
    return table(instance, table).element(element);
  }

  public static void tableSet(int element, int value, int table, Instance instance) {
    table(instance, table).setRef(element, value, instance);
  }

  public static int tableGrow(int value, int delta, int table, Instance instance) {
    return table(instance, table).grow(delta, value, instance);
  }

  public static int tableSize(int table, Instance instance) {
    return table(instance, table).size();
  }

  public static void tableFill(int from, int value, int length, int table, Instance instance) {
    table(instance, table).fillElements(from, value, length);
  }

  public static void tableCopy(
      int to, int from, int length, int target, int source, Instance instance) {
    table(instance, target).copyFrom(table(instance, source), to, from, length);
  }

  public static void tableInit(
      int to, int from, int length, int segment, int table, Instance instance) {
    SlotTable target = table(instance, table);
    // Active and dropped segments are empty once the instance stands (core spec 4.5.4).
    int[] source =
        instance.element(segment) instanceof PassiveElement passive
            ? references(instance, target, segment, passive)
            : NO_REFERENCES;
    target.initElements(to, source, from, length);
  }

  /** A module has no imported globals, so its expressions come to the same in each instance. */
  private static int[] references(
      Instance instance, SlotTable target, int segment, PassiveElement passive) {
    int[] known = target.references(segment);
    if (known != null) {
      return known;
    }
    int[] references = new int[passive.elementCount()];
    for (int i = 0; i < references.length; i++) {
      references[i] =
          (int) ConstantEvaluators.computeConstantValue(instance, passive.initializers().get(i))[0];
    }
    return target.keepReferences(segment, references);
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────

  /** Catches the JVM's own limit, should a guest reach it before its call depth does. */
  public static RuntimeException throwCallStackExhausted(StackOverflowError cause) {
    throw new WasmRuntimeException("call stack exhausted");
  }
}
