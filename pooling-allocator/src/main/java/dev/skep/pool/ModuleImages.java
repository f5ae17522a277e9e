package dev.skep.pool;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.PassiveDataSegment;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The images of one module: what its memories and tables hold before its code runs. Made when its
 * first instance is, shared by all later ones, and the mark by which a slot is known to hold them.
 * Thread-safe: two threads that race make the same image, and either stays.
 */
public final class ModuleImages {
  private final AtomicReferenceArray<@Nullable MemoryImage> memories;
  private final AtomicReferenceArray<int @Nullable []> tables;
  private final byte[][] segments;

  /** Free slots that hold these images. */
  private final AtomicInteger warm = new AtomicInteger();

  /** The class of slots that an instance has grown into; later ones begin there. */
  private final AtomicInteger slotClass = new AtomicInteger();

  /** What element segments hold, as a table in a slot stores it, once one has been used. */
  private final AtomicReferenceArray<int[]> references;

  private volatile int memoryCount;
  private volatile @Nullable Snapshot snapshot;

  /**
   * What was taken after an initialiser had run; takes the place of the images before.
   *
   * @param memories image of each memory
   * @param pages of each memory
   * @param tables elements of each table
   * @param dropped data segments that the initialiser has dropped
   */
  record Snapshot(MemoryImage[] memories, int[] pages, int[][] tables, BitSet dropped) {}

  /**
   * @param memories number of memories the module defines
   * @param tables number of tables the module defines
   * @param dataSegments the module's data segments, in order
   * @param elementSegments number of element segments that the module has
   */
  public ModuleImages(int memories, int tables, DataSegment[] dataSegments, int elementSegments) {
    this.references = new AtomicReferenceArray<>(elementSegments);
    this.memories = new AtomicReferenceArray<>(memories);
    this.tables = new AtomicReferenceArray<>(tables);
    this.segments = new byte[dataSegments.length][];
    for (int i = 0; i < segments.length; i++) {
      // An active segment counts as dropped once the instance stands (core spec 4.5.4).
      segments[i] =
          dataSegments[i] instanceof PassiveDataSegment passive ? passive.data() : new byte[0];
    }
  }

  /** Bytes of the images of all memories, in whole pages. */
  public long imageBytes() {
    long sum = 0;
    for (int i = 0; i < memories.length(); i++) {
      MemoryImage image = memory(i);
      sum += image == null ? 0 : image.bytes();
    }
    return sum;
  }

  /** Whether the images were taken after an initialiser had run. */
  public boolean isSnapshot() {
    return snapshot != null;
  }

  MemoryImage memory(int index, Instance instance, DataSegment[] dataSegments, long size) {
    MemoryImage image = memory(index);
    if (image == null) {
      image = MemoryImage.evaluate(index, instance, dataSegments, size);
      memories.set(index, image);
    }
    return image;
  }

  @Nullable MemoryImage memory(int index) {
    Snapshot taken = snapshot;
    return taken == null ? memories.get(index) : taken.memories[index];
  }

  int @Nullable [] table(int index) {
    Snapshot taken = snapshot;
    return taken == null ? tables.get(index) : taken.tables[index];
  }

  void table(int index, int[] elements) {
    tables.set(index, elements);
  }

  int @Nullable [] references(int elementSegment) {
    return references.get(elementSegment);
  }

  void references(int elementSegment, int[] stored) {
    references.set(elementSegment, stored);
  }

  byte[] segment(int index) {
    return segments[index];
  }

  /** Puts a snapshot in the place of the images; no other lease of the module may be open. */
  void snapshot(Snapshot taken) {
    snapshot = taken;
  }

  @Nullable Snapshot snapshot() {
    return snapshot;
  }

  /** Keeps how many memories the instances of the module have; the same for all of them. */
  void memories(int count) {
    memoryCount = count;
  }

  /** How many memories an instance has, once one has been built. */
  int memories() {
    return memoryCount;
  }

  AtomicInteger warm() {
    return warm;
  }

  /** Index of the smallest class to begin in. */
  int slotClass() {
    return slotClass.get();
  }

  void grewInto(int index) {
    slotClass.accumulateAndGet(index, Math::max);
  }
}
