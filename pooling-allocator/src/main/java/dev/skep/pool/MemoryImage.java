package dev.skep.pool;

import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.ActiveDataSegment;
import com.dylibso.chicory.wasm.types.DataSegment;
import dev.skep.pool.os.RawMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * What a memory holds before its module's code runs: the active data segments at their offsets, in
 * their order, over zeroes. Shared by all instances of a module; immutable.
 */
final class MemoryImage {
  /** One segment at its place. */
  private record Piece(long offset, byte[] bytes) {}

  private final List<Piece> pieces;

  private MemoryImage(List<Piece> pieces) {
    this.pieces = pieces;
  }

  /**
   * Evaluates the segments for memory {@code index} of {@code size} bytes.
   *
   * @throws WasmRuntimeException if a segment lies outside the memory, as the standard's
   *     instantiation says
   */
  static MemoryImage evaluate(int index, Instance instance, DataSegment[] segments, long size) {
    List<Piece> pieces = new ArrayList<>();
    for (DataSegment segment : segments) {
      if (segment instanceof ActiveDataSegment active && active.index() == index) {
        long offset =
            ConstantEvaluators.computeConstantValue(instance, active.offsetInstructions())[0]
                & 0xFFFF_FFFFL;
        if (offset + active.data().length > size) {
          throw new WasmRuntimeException("out of bounds memory access");
        }
        if (active.data().length > 0) {
          pieces.add(new Piece(offset, active.data()));
        }
      }
    }
    return new MemoryImage(List.copyOf(pieces));
  }

  /** Writes the image into zeroed memory at {@code base}, which holds the size it was made for. */
  void copyTo(long base) {
    for (Piece piece : pieces) {
      RawMemory.copyIn(piece.bytes, 0, base + piece.offset, piece.bytes.length);
    }
  }

  /** Bytes the image writes. */
  long bytes() {
    long sum = 0;
    for (Piece piece : pieces) {
      sum += piece.bytes.length;
    }
    return sum;
  }
}
