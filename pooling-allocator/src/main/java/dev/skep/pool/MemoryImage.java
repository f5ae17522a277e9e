package dev.skep.pool;

import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.ActiveDataSegment;
import com.dylibso.chicory.wasm.types.DataSegment;
import dev.skep.pool.os.ImageFile;
import dev.skep.pool.os.Libc;
import dev.skep.pool.os.RawMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a memory holds before its module's code runs. Shared by all instances of a module; immutable
 * and thread-safe.
 *
 * <p>It is kept as extents of whole pages, ascending and apart; every page of the memory is either
 * in one extent or zero, so that any range of pages can be restored by itself:
 *
 * <pre>
 *  memory  0 ────────────────────────────────────────────────────────▶ size
 *          │ 0 │ 0 │ extent 0 ────── │ 0 │ 0 │ 0 │ extent 1 ── │ 0 …
 * </pre>
 */
final class MemoryImage {
  private static final int PAGE = (int) Libc.PAGE_BYTES;

  /** Fewer zero pages than this between two pieces are kept as part of one extent. */
  private static final int GAP_PAGES = 4;

  /** A mapping may be so many times the size of what is in it. */
  private static final int SPARSENESS = 4;

  /** One segment at its place. */
  private record Piece(long offset, byte[] bytes) {
    private long end() {
      return offset + bytes.length;
    }
  }

  private final long[] offsets;
  private final byte[][] extents;
  private final long bytes;
  private volatile @Nullable ImageFile file;

  private MemoryImage(long[] offsets, byte[][] extents) {
    this.offsets = offsets;
    this.extents = extents;
    long sum = 0;
    for (byte[] extent : extents) {
      sum += extent.length;
    }
    this.bytes = sum;
  }

  /**
   * Evaluates the active segments for memory {@code index} of {@code size} bytes.
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
    return of(pieces);
  }

  /**
   * The image of {@code size} bytes of memory as they are now; once it is of more than {@code
   * mostBytes} it is cut short.
   */
  static MemoryImage capture(long base, long size, long mostBytes) {
    List<Piece> pieces = new ArrayList<>();
    for (long at = 0; at < size && pieces.size() <= mostBytes / PAGE; at += PAGE) {
      if (!RawMemory.isZero(base + at, PAGE)) {
        byte[] page = new byte[PAGE];
        RawMemory.copyOut(base + at, page, 0, PAGE);
        pieces.add(new Piece(at, page));
      }
    }
    return of(pieces);
  }

  /** Lays the pieces over zeroes in their order; later ones win. */
  private static MemoryImage of(List<Piece> pieces) {
    List<Piece> sorted = new ArrayList<>(pieces);
    sorted.sort(Comparator.comparingLong(Piece::offset));
    List<long[]> ranges = new ArrayList<>();
    for (Piece piece : sorted) {
      long from = piece.offset / PAGE * PAGE;
      long to = (piece.end() + PAGE - 1) / PAGE * PAGE;
      if (!ranges.isEmpty() && from <= ranges.getLast()[1] + (long) GAP_PAGES * PAGE) {
        ranges.getLast()[1] = Math.max(ranges.getLast()[1], to);
      } else {
        ranges.add(new long[] {from, to});
      }
    }
    long[] offsets = new long[ranges.size()];
    byte[][] extents = new byte[ranges.size()][];
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = ranges.get(i)[0];
      extents[i] = new byte[Math.toIntExact(ranges.get(i)[1] - ranges.get(i)[0])];
    }
    for (Piece piece : pieces) {
      int i = extentAt(offsets, piece.offset);
      System.arraycopy(
          piece.bytes, 0, extents[i], (int) (piece.offset - offsets[i]), piece.bytes.length);
    }
    return new MemoryImage(offsets, extents);
  }

  /** The last extent that begins at or before {@code offset}, or −1. */
  private static int extentAt(long[] offsets, long offset) {
    int found = Arrays.binarySearch(offsets, offset);
    return found >= 0 ? found : -found - 2;
  }

  /** Whether the page at {@code offset} is in an extent. */
  boolean covers(long offset) {
    int i = extentAt(offsets, offset);
    return i >= 0 && offset < offsets[i] + extents[i].length;
  }

  /** Bytes of its extents: what restoring all of it writes. */
  long bytes() {
    return bytes;
  }

  /** Where the first extent begins. */
  long start() {
    return offsets.length == 0 ? 0 : offsets[0];
  }

  /** From the first extent to the end of the last. */
  long spanBytes() {
    int last = offsets.length - 1;
    return last < 0 ? 0 : offsets[last] + extents[last].length - offsets[0];
  }

  /** Whether a mapping of it would not be mostly holes. */
  boolean isDense() {
    return bytes > 0 && spanBytes() <= bytes * SPARSENESS;
  }

  /**
   * The span as a file, to be mapped at {@link #start}; made when first asked for.
   *
   * @throws dev.skep.pool.os.SystemCallException if the kernel refuses
   */
  ImageFile file() {
    ImageFile known = file;
    if (known == null) {
      synchronized (this) {
        known = file;
        if (known == null) {
          long[] places = new long[offsets.length];
          for (int i = 0; i < places.length; i++) {
            places[i] = offsets[i] - offsets[0];
          }
          known = ImageFile.of(spanBytes(), places, extents);
          file = known;
        }
      }
    }
    return known;
  }

  /** Whether its file exists. */
  boolean hasFile() {
    return file != null;
  }

  /** Writes the part of the image from {@code from} to {@code to} into zeroed memory. */
  void copyTo(long base, long from, long to) {
    for (int i = Math.max(0, extentAt(offsets, from)); i < offsets.length; i++) {
      long start = Math.max(from, offsets[i]);
      long end = Math.min(to, offsets[i] + extents[i].length);
      if (offsets[i] >= to) {
        break;
      }
      if (start < end) {
        RawMemory.copyIn(extents[i], (int) (start - offsets[i]), base + start, (int) (end - start));
      }
    }
  }

  /** Makes the memory from {@code from} to {@code to}, in pages, the image, whatever it holds. */
  void restore(long base, long from, long to) {
    long at = from;
    for (int i = Math.max(0, extentAt(offsets, from)); i < offsets.length; i++) {
      long start = Math.max(from, offsets[i]);
      long end = Math.min(to, offsets[i] + extents[i].length);
      if (offsets[i] >= to) {
        break;
      }
      if (start < end) {
        if (start > at) {
          RawMemory.fill(base + at, start - at, (byte) 0);
        }
        RawMemory.copyIn(extents[i], (int) (start - offsets[i]), base + start, (int) (end - start));
        at = end;
      }
    }
    if (at < to) {
      RawMemory.fill(base + at, to - at, (byte) 0);
    }
  }

  /**
   * Where the memory from {@code from} to {@code to} differs from the image; for audits.
   *
   * @return offset of the first page with a difference, or −1
   */
  long difference(long base, long from, long to) {
    byte[] page = new byte[PAGE];
    for (long at = from; at < to; at += PAGE) {
      int i = extentAt(offsets, at);
      if (i >= 0 && at < offsets[i] + extents[i].length) {
        RawMemory.copyOut(base + at, page, 0, PAGE);
        int place = (int) (at - offsets[i]);
        if (!Arrays.equals(page, 0, PAGE, extents[i], place, place + PAGE)) {
          return at;
        }
      } else if (!RawMemory.isZero(base + at, PAGE)) {
        return at;
      }
    }
    return -1;
  }
}
