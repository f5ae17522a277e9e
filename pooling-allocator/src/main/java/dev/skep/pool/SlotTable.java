package dev.skep.pool;

import static com.dylibso.chicory.wasm.types.Value.REF_NULL_VALUE;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.Table;
import com.dylibso.chicory.wasm.types.TableLimits;
import com.dylibso.chicory.wasm.types.ValType;
import dev.skep.pool.os.RawMemory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A table in a slot: 4 bytes an element, the reference plus one, so that zeroed memory is a table
 * of nulls and untouched elements cost no memory.
 *
 * <p>A reference is an index into the instance's own functions, or a host's number for an
 * externref: a store holds one instance, so no element needs to say whose function it is. Bounds
 * are checked in long arithmetic on every access. Confined to the thread that runs the guest.
 */
public final class SlotTable extends TableInstance {
  /** Bytes of one element. */
  public static final int ELEMENT_BYTES = 4;

  private static final long UNSIGNED = 0xFFFF_FFFFL;

  /** Elements written between two looks at the clock: 2 ms in code that the JVM interprets. */
  private static final int PIECE = 1 << 16;

  private final SlotLease lease;
  private final int index;
  private final ValType elementType;
  private final TableLimits limits;
  private final int capacity;
  private final ModuleImages images;

  /** Where its elements are from the start of the slot's tables, in elements. */
  private final int offset;

  /** The elements, as long as nothing has been written: those of the image, shared by all. */
  private int @Nullable [] shared;

  private int size;

  /** The most elements that have been in the slot since the last reset; 0 if none has. */
  private int highWater;

  /** The elements as the instance is built, if its module has no image yet. */
  private int @Nullable [] building;

  private boolean settled;

  SlotTable(
      SlotLease lease,
      int index,
      int offset,
      int capacity,
      Table table,
      int initialValue,
      ModuleImages images) {
    // The superclass gets an empty table, so that it allocates nothing.
    super(new Table(table.elementType(), new TableLimits(0, table.limits().max())), REF_NULL_VALUE);
    this.lease = lease;
    this.index = index;
    this.offset = offset;
    this.capacity = capacity;
    this.elementType = table.elementType();
    // A copy: growing an instance's table must not change the module's.
    this.limits = new TableLimits(table.limits().min(), table.limits().max());
    this.images = images;
    int[] image = images.table(index);
    if (image == null) {
      building = new int[(int) table.limits().min()];
      Arrays.fill(building, initialValue);
      image = building;
    }
    shared = image;
    size = image.length;
  }

  private static WasmRuntimeException outOfBounds() {
    return new WasmRuntimeException("out of bounds table access");
  }

  private long base() {
    return elementsIn(lease.tableBase());
  }

  /** Where its elements are in the slot that begins at {@code slotBase}. */
  private long elementsIn(long slotBase) {
    return slotBase + SlabLayout.CONTEXT_BYTES + (long) offset * ELEMENT_BYTES;
  }

  private void put(long base, int i, int value) {
    RawMemory.putInt(base + (long) i * ELEMENT_BYTES, value + 1);
  }

  private int get(int i) {
    int[] image = shared;
    return image != null ? image[i] : RawMemory.getInt(base() + (long) i * ELEMENT_BYTES) - 1;
  }

  /** Copies the image into the slot before the first write. */
  private long written() {
    long base = base();
    int[] image = shared;
    if (image != null) {
      for (int i = 0; i < image.length; i++) {
        if (image[i] != REF_NULL_VALUE) {
          put(base, i, image[i]);
        }
      }
      shared = null;
      highWater = Math.max(highWater, size);
    }
    return base;
  }

  @Override
  public int size() {
    return size;
  }

  /**
   * Address of the elements for machine code, which reads them and calls for all else: 4 bytes
   * each, the reference plus one. Copies the image into the slot first.
   */
  public long elementsAddress() {
    return written();
  }

  @Override
  public ValType elementType() {
    return elementType;
  }

  @Override
  public TableLimits limits() {
    return limits;
  }

  @Override
  public int grow(int delta, int value, @Nullable Instance instance) {
    long grown = size + (delta & UNSIGNED);
    if (grown > limits.max() || grown > capacity || !lease.reserveElements(grown - size)) {
      return -1;
    }
    int before = size;
    if (grown == before) {
      return before;
    }
    long base = written();
    size = (int) grown;
    highWater = Math.max(highWater, size);
    putAll(base, before, size, value);
    return before;
  }

  @Override
  public int ref(int i) {
    if (i < 0 || i >= size) {
      throw new WasmRuntimeException("undefined element");
    }
    return get(i);
  }

  @Override
  public int requiredRef(int i) {
    int ref = ref(i);
    if (ref == REF_NULL_VALUE) {
      throw new WasmRuntimeException("uninitialized element");
    }
    return ref;
  }

  /** {@code table.get}, with the standard's message past the end. */
  public int element(int i) {
    if (i < 0 || i >= size) {
      throw outOfBounds();
    }
    return get(i);
  }

  @Override
  public void setRef(int i, int value, @Nullable Instance instance) {
    if (i < 0 || i >= size) {
      throw outOfBounds();
    }
    if (building != null) {
      // As an image is made; later instances find it made and have nothing to write.
      building[i] = value;
    } else if (settled) {
      put(written(), i, value);
    }
  }

  /** {@code table.fill}: {@code length} elements from {@code from}, both unsigned. */
  public void fillElements(int from, int value, int length) {
    long n = length & UNSIGNED;
    long start = checked(from, n);
    if (n > 0) {
      putAll(written(), (int) start, (int) (start + n), value);
    }
  }

  private void putAll(long base, int from, int to, int value) {
    for (int next = from; next < to; ) {
      if (next > from) {
        lease.look();
      }
      int end = (int) Math.min(to, next + (long) PIECE);
      for (int i = next; i < end; i++) {
        put(base, i, value);
      }
      next = end;
    }
  }

  /** {@code table.copy} within or between tables of one store; the ranges may overlap. */
  public void copyFrom(SlotTable source, int to, int from, int length) {
    long n = length & UNSIGNED;
    long start = source.checked(from, n);
    long target = checked(to, n);
    if (n > 0) {
      // The source's too: both are read and written by address.
      long sourceBase = source.written();
      long base = written();
      RawMemory.copy(
          sourceBase + start * ELEMENT_BYTES, base + target * ELEMENT_BYTES, n * ELEMENT_BYTES);
    }
  }

  /**
   * What an element segment of the module holds, for {@link #initElements}; null until {@link
   * #keepReferences} has been told.
   */
  public int @Nullable [] references(int segment) {
    return images.references(segment);
  }

  /**
   * Keeps what an element segment holds, which is the same for all instances of the module.
   *
   * @return what {@link #references} answers from now on
   */
  public int[] keepReferences(int segment, int[] references) {
    int[] stored = new int[references.length];
    for (int i = 0; i < stored.length; i++) {
      stored[i] = stored(references[i]);
    }
    images.references(segment, stored);
    return stored;
  }

  /** A reference as the slot holds it: zeroed memory is full of nulls. */
  public static int stored(int reference) {
    return reference + 1;
  }

  /**
   * {@code table.init}: {@code length} elements from {@code to}, both unsigned.
   *
   * @param source from {@link #references}, or made by {@link #stored}; is not changed
   * @param from where to begin in it, unsigned
   */
  public void initElements(int to, int[] source, int from, int length) {
    long n = length & UNSIGNED;
    long start = from & UNSIGNED;
    if (start + n > source.length) {
      throw outOfBounds();
    }
    long target = checked(to, n);
    if (n == 0) {
      return;
    }
    long base = written();
    for (long done = 0; done < n; done += PIECE) {
      if (done > 0) {
        lease.look();
      }
      RawMemory.copyIn(
          source,
          (int) (start + done),
          base + (target + done) * ELEMENT_BYTES,
          (int) Math.min(PIECE, n - done));
    }
  }

  private long checked(int from, long length) {
    long start = from & UNSIGNED;
    if (start + length > size) {
      throw outOfBounds();
    }
    return start;
  }

  /** Null, which the engine takes as the instance at hand: a store holds one. */
  @Override
  @SuppressWarnings("NullAway") // the interface has no annotations; null is its "same instance"
  public Instance instance(int i) {
    if (i < 0 || i >= size) {
      throw outOfBounds();
    }
    return null;
  }

  @Override
  public void reset() {
    throw new UnsupportedOperationException("a slot's table is reset with its lease");
  }

  /** Makes what was built the image, unless the module has one. */
  void settle() {
    if (building != null) {
      images.table(index, building);
      building = null;
    }
    settled = true;
  }

  /** A copy of what it holds now. */
  int[] elements() {
    int[] now = new int[size];
    for (int i = 0; i < size; i++) {
      now[i] = get(i);
    }
    return now;
  }

  /** Bytes of the slot that are not zero for sure. */
  long writtenBytes() {
    return (long) highWater * ELEMENT_BYTES;
  }

  /**
   * Returns to the image.
   *
   * @param zero whether the slot still holds what was written
   */
  void reset(boolean zero) {
    if (highWater == 0) {
      return;
    }
    if (zero) {
      RawMemory.fill(base(), writtenBytes(), (byte) 0);
    }
    highWater = 0;
    int[] image = images.table(index);
    shared = image;
    size = image == null ? 0 : image.length;
  }

  /** Copies what was written to the zeroed tables of another slot. */
  void copyTo(long tableBase) {
    if (highWater > 0) {
      RawMemory.copy(base(), elementsIn(tableBase), (long) size * ELEMENT_BYTES);
    }
  }

  /** Ends all access. */
  void revoke() {
    size = 0;
  }
}
