package dev.skep.pool;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.PassiveDataSegment;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The images of one module, made when its first instance is and shared by all later ones.
 * Thread-safe: two threads that race make the same image, and either stays.
 */
public final class ImageHolder {
  private final AtomicReferenceArray<@Nullable MemoryImage> memories;
  private final AtomicReferenceArray<int @Nullable []> tables;
  private final byte[][] segments;

  /**
   * @param memories number of memories the module defines
   * @param tables number of tables the module defines
   * @param dataSegments the module's data segments, in order
   */
  public ImageHolder(int memories, int tables, DataSegment[] dataSegments) {
    this.memories = new AtomicReferenceArray<>(memories);
    this.tables = new AtomicReferenceArray<>(tables);
    this.segments = new byte[dataSegments.length][];
    for (int i = 0; i < segments.length; i++) {
      // An active segment counts as dropped once the instance stands (core spec 4.5.4).
      segments[i] =
          dataSegments[i] instanceof PassiveDataSegment passive ? passive.data() : new byte[0];
    }
  }

  /** Bytes that the images of all memories write at each restore. */
  public long imageBytes() {
    long sum = 0;
    for (int i = 0; i < memories.length(); i++) {
      MemoryImage image = memories.get(i);
      sum += image == null ? 0 : image.bytes();
    }
    return sum;
  }

  MemoryImage memory(int index, Instance instance, DataSegment[] dataSegments, long size) {
    MemoryImage image = memories.get(index);
    if (image == null) {
      image = MemoryImage.evaluate(index, instance, dataSegments, size);
      memories.set(index, image);
    }
    return image;
  }

  @Nullable MemoryImage memory(int index) {
    return memories.get(index);
  }

  int @Nullable [] table(int index) {
    return tables.get(index);
  }

  void table(int index, int[] elements) {
    tables.set(index, elements);
  }

  byte[] segment(int index) {
    return segments[index];
  }
}
