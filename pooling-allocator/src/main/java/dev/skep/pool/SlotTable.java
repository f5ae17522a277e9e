package dev.skep.pool;

import static com.dylibso.chicory.wasm.types.Value.REF_NULL_VALUE;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.Table;
import com.dylibso.chicory.wasm.types.TableLimits;
import com.dylibso.chicory.wasm.types.ValType;
import dev.skep.pool.os.RawMemory;
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

  private final SlotLease lease;
  private final int index;
  private final ValType elementType;
  private final TableLimits limits;
  private final int initialElements;
  private final int capacity;
  private final ImageHolder images;

  private long base;
  private int size;
  private int highWater;
  private boolean dirty;

  SlotTable(
      SlotLease lease,
      int index,
      long base,
      int capacity,
      Table table,
      int initialValue,
      ImageHolder images) {
    // The superclass gets an empty table, so that it allocates nothing.
    super(new Table(table.elementType(), new TableLimits(0, table.limits().max())), REF_NULL_VALUE);
    this.lease = lease;
    this.index = index;
    this.base = base;
    this.capacity = capacity;
    this.elementType = table.elementType();
    // A copy: growing an instance's table must not change the module's.
    this.limits = new TableLimits(table.limits().min(), table.limits().max());
    this.initialElements = (int) table.limits().min();
    this.images = images;
    this.size = initialElements;
    this.highWater = initialElements;
    if (initialValue != REF_NULL_VALUE) {
      for (int i = 0; i < size; i++) {
        put(i, initialValue);
      }
    }
  }

  private static WasmRuntimeException outOfBounds() {
    return new WasmRuntimeException("out of bounds table access");
  }

  private void put(int i, int value) {
    RawMemory.putInt(base + (long) i * ELEMENT_BYTES, value + 1);
  }

  private int get(int i) {
    return RawMemory.getInt(base + (long) i * ELEMENT_BYTES) - 1;
  }

  @Override
  public int size() {
    return size;
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
    size = (int) grown;
    highWater = Math.max(highWater, size);
    dirty = true;
    for (int i = before; i < size; i++) {
      put(i, value);
    }
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
      throw new WasmRuntimeException("uninitialized element " + i);
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
    dirty = true;
    put(i, value);
  }

  /** {@code table.fill}: {@code length} elements from {@code from}, both unsigned. */
  public void fillElements(int from, int value, int length) {
    long n = length & UNSIGNED;
    long start = checked(from, n);
    dirty = true;
    for (long i = start; i < start + n; i++) {
      put((int) i, value);
    }
  }

  /** {@code table.copy} within or between tables of one store; the ranges may overlap. */
  public void copyFrom(SlotTable source, int to, int from, int length) {
    long n = length & UNSIGNED;
    long start = source.checked(from, n);
    long target = checked(to, n);
    dirty = true;
    RawMemory.copy(
        source.base + start * ELEMENT_BYTES, base + target * ELEMENT_BYTES, n * ELEMENT_BYTES);
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

  /** Records what the table holds now as its image, or takes the module's if there is one. */
  void settle() {
    if (images.table(index) == null) {
      int[] elements = new int[size];
      for (int i = 0; i < size; i++) {
        elements[i] = get(i);
      }
      images.table(index, elements);
    }
    dirty = false;
  }

  /** Puts the image in place again. */
  void restore() {
    if (!dirty) {
      return;
    }
    RawMemory.fill(base, (long) highWater * ELEMENT_BYTES, (byte) 0);
    size = initialElements;
    highWater = size;
    int[] elements = images.table(index);
    if (elements != null) {
      for (int i = 0; i < elements.length; i++) {
        if (elements[i] != REF_NULL_VALUE) {
          put(i, elements[i]);
        }
      }
    }
    dirty = false;
  }

  /** Ends all access. */
  void revoke() {
    size = 0;
    base = 0;
  }
}
