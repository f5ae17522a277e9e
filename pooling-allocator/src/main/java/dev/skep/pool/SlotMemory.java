package dev.skep.pool;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.types.DataSegment;
import dev.skep.limits.StoreMeter;
import dev.skep.pool.os.Libc;
import dev.skep.pool.os.RawMemory;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A linear memory in a slot, and, for an instance's first memory, the meter of its store.
 *
 * <p>Every access checks {@code address + width <= size} in long arithmetic, with the address taken
 * as unsigned, before it touches the slab; past it the guest traps with the standard's "out of
 * bounds memory access". That is the isolation: nothing else stands between a guest and the
 * process. When the lease is given back, size and base become 0 and every late access traps.
 *
 * <p>It is the meter as well because generated code receives the memory in every function: a charge
 * is then one field of an object in a register.
 *
 * <p>Confined to the thread that runs the guest. Never blocks but in the kernel.
 */
public final class SlotMemory extends StoreMeter implements Memory {
  private static final long UNSIGNED = 0xFFFF_FFFFL;
  private static final byte[] DROPPED = {};

  /**
   * What a bulk operation moves between two looks at the clock: some 0.3 ms where every page is
   * touched for the first time, and the JVM's collector, which waits for it, waits no longer.
   */
  private static final long PIECE_BYTES = 1 << 20;

  private final SlotLease lease;
  private final int index;
  private final ModuleImages images;
  private int initialPages;
  private final int maximumPages;

  /** What its share of the slot holds. */
  private long capacityBytes;

  /** The most that has been accessible since the slot was zero; nothing beyond can be written. */
  private long highBytes;

  /** The pages that the last reset left written, from and to in turn; null if not known. */
  private long @Nullable [] writtenPages;

  /** Whether the image is mapped rather than copied. */
  private boolean mapped;

  /** Address of byte 0; 0 once the lease has ended. */
  private long base;

  /** Accessible bytes, a multiple of the Wasm page; 0 once the lease has ended. */
  private long size;

  private @Nullable Object hostContext;

  /** Whether a function of the host is at work, on numbers that the guest gave it. */
  private boolean inHost;

  /** A memory without a place yet: nothing is accessible. */
  SlotMemory(SlotLease lease, int index, int initialPages, int maximumPages, ModuleImages images) {
    this.lease = lease;
    this.index = index;
    this.initialPages = initialPages;
    this.maximumPages = maximumPages;
    this.images = images;
    this.size = (long) initialPages * PAGE_SIZE;
  }

  /** Puts the memory where its bytes are, or are to be. */
  void place(long address, long capacity) {
    base = address;
    writtenPages = null;
    capacityBytes = capacity;
    // A slot that was leased warm may hold zeroed pages up to its end.
    highBytes = lease.wasWarm() ? capacity : Math.max(highBytes, size);
  }

  /** Makes the present size the one that a reset returns to. */
  void startsWith(int pages) {
    initialPages = pages;
    writtenPages = null;
  }

  boolean isPlaced() {
    return base != 0;
  }

  int index() {
    return index;
  }

  long capacityBytes() {
    return capacityBytes;
  }

  boolean isMapped() {
    return mapped;
  }

  void setMapped(boolean value) {
    mapped = value;
  }

  /** What the engine gave {@link #attach} for this run. */
  public @Nullable Object hostContext() {
    return hostContext;
  }

  /** Keeps what host functions need to know of the run, which reach it by the memory. */
  public void attach(@Nullable Object context) {
    hostContext = context;
  }

  /** Tells when a function of the host begins and ends. */
  public void inHost(boolean value) {
    inHost = value;
  }

  // ── Addresses ─────────────────────────────────────────────────────────────────────────────

  /** The absolute address of {@code width} bytes at {@code address}, or a trap. */
  private long at(long address, long width) {
    if (address > size - width) {
      throw inHost ? new StrayPointerException() : outOfBounds();
    }
    return base + address;
  }

  private static WasmRuntimeException outOfBounds() {
    return new WasmRuntimeException("out of bounds memory access");
  }

  // ── What generated code calls ─────────────────────────────────────────────────────────────
  // An address and a constant offset of the guest, both unsigned; then baseAddress() and
  // sizeBytes(), which generated code keeps in locals: the JIT then need not read them again after
  // every call that it cannot see through.

  private static long at(int address, int offset, int width, long base, long size) {
    long at = (address & UNSIGNED) + (offset & UNSIGNED);
    if (at > size - width) {
      throw outOfBounds();
    }
    return base + at;
  }

  public static byte load8(int address, int offset, long base, long size) {
    return RawMemory.getByte(at(address, offset, 1, base, size));
  }

  public static short load16(int address, int offset, long base, long size) {
    return RawMemory.getShort(at(address, offset, 2, base, size));
  }

  public static int load32(int address, int offset, long base, long size) {
    return RawMemory.getInt(at(address, offset, 4, base, size));
  }

  public static long load64(int address, int offset, long base, long size) {
    return RawMemory.getLong(at(address, offset, 8, base, size));
  }

  public static float loadFloat(int address, int offset, long base, long size) {
    return RawMemory.getFloat(at(address, offset, 4, base, size));
  }

  public static double loadDouble(int address, int offset, long base, long size) {
    return RawMemory.getDouble(at(address, offset, 8, base, size));
  }

  public static void store8(int address, byte value, int offset, long base, long size) {
    RawMemory.putByte(at(address, offset, 1, base, size), value);
  }

  public static void store16(int address, short value, int offset, long base, long size) {
    RawMemory.putShort(at(address, offset, 2, base, size), value);
  }

  public static void store32(int address, int value, int offset, long base, long size) {
    RawMemory.putInt(at(address, offset, 4, base, size), value);
  }

  public static void store64(int address, long value, int offset, long base, long size) {
    RawMemory.putLong(at(address, offset, 8, base, size), value);
  }

  public static void storeFloat(int address, float value, int offset, long base, long size) {
    RawMemory.putFloat(at(address, offset, 4, base, size), value);
  }

  public static void storeDouble(int address, double value, int offset, long base, long size) {
    RawMemory.putDouble(at(address, offset, 8, base, size), value);
  }

  // The same for memories whose address is not at hand: a module's second, and tests.

  public byte load8(int address, int offset) {
    return load8(address, offset, base, size);
  }

  public short load16(int address, int offset) {
    return load16(address, offset, base, size);
  }

  public int load32(int address, int offset) {
    return load32(address, offset, base, size);
  }

  public long load64(int address, int offset) {
    return load64(address, offset, base, size);
  }

  public float loadFloat(int address, int offset) {
    return loadFloat(address, offset, base, size);
  }

  public double loadDouble(int address, int offset) {
    return loadDouble(address, offset, base, size);
  }

  public void store8(int address, int offset, byte value) {
    store8(address, value, offset, base, size);
  }

  public void store16(int address, int offset, short value) {
    store16(address, value, offset, base, size);
  }

  public void store32(int address, int offset, int value) {
    store32(address, value, offset, base, size);
  }

  public void store64(int address, int offset, long value) {
    store64(address, value, offset, base, size);
  }

  public void storeFloat(int address, int offset, float value) {
    storeFloat(address, value, offset, base, size);
  }

  public void storeDouble(int address, int offset, double value) {
    storeDouble(address, value, offset, base, size);
  }

  /** {@code memory.fill}: {@code length} bytes from {@code address}, both unsigned. */
  public void fillBytes(int address, byte value, int length) {
    long n = length & UNSIGNED;
    long to = at(address & UNSIGNED, n);
    for (long done = 0; done < n; done += PIECE_BYTES) {
      if (done > 0) {
        lease.look();
      }
      RawMemory.fill(to + done, Math.min(PIECE_BYTES, n - done), value);
    }
  }

  /** {@code memory.copy} within or between memories of one store; the ranges may overlap. */
  public void copyFrom(SlotMemory source, int to, int from, int length) {
    long n = length & UNSIGNED;
    long source0 = source.at(from & UNSIGNED, n);
    long target = at(to & UNSIGNED, n);
    // From the end if the target begins within the source, so that no piece is overwritten before
    // it has been copied; within a piece the ranges may overlap as they like.
    boolean backwards = source0 < target && target < source0 + n;
    for (long done = 0; done < n; done += PIECE_BYTES) {
      if (done > 0) {
        lease.look();
      }
      long piece = Math.min(PIECE_BYTES, n - done);
      long from0 = backwards ? n - done - piece : done;
      RawMemory.copy(source0 + from0, target + from0, piece);
    }
  }

  // ── Size ──────────────────────────────────────────────────────────────────────────────────

  @Override
  public int pages() {
    return (int) (size / PAGE_SIZE);
  }

  /** Address of byte 0, 0 once the lease has ended; of use only as long as nothing grows. */
  public long baseAddress() {
    return base;
  }

  /** Accessible bytes. */
  public long sizeBytes() {
    return size;
  }

  /**
   * Grows by {@code pages}, unsigned.
   *
   * @return the pages before, or −1 past the declared maximum, the store's or its owner's limit
   * @throws dev.skep.limits.LimitExceededException if that needs a larger slot and none is free
   */
  @Override
  public int grow(int pages) {
    if (pages == 0) {
      return pages();
    }
    long delta = (pages & UNSIGNED) * PAGE_SIZE;
    long grown = size + delta;
    if (grown > maximumPages * (long) PAGE_SIZE || !lease.reserveGrowth(this, delta, grown)) {
      return -1;
    }
    int before = pages();
    size = grown;
    highBytes = Math.max(highBytes, grown);
    return before;
  }

  @Override
  public int initialPages() {
    return initialPages;
  }

  @Override
  public int maximumPages() {
    return maximumPages;
  }

  @Override
  public boolean shared() {
    return false;
  }

  // ── Images and segments ───────────────────────────────────────────────────────────────────

  /** Puts the module's image in place; called by the engine when it builds an instance. */
  @Override
  public void initialize(Instance instance, DataSegment[] segments) {
    initialize(instance, segments, 0);
  }

  @Override
  public void initialize(Instance instance, DataSegment[] segments, int memoryIndex) {
    lease.placeImage(this, images.memory(index, instance, segments, size));
  }

  /** Puts the image in place, which an earlier instance of the module has made. */
  void placeImage() {
    MemoryImage image = images.memory(index);
    if (image == null) {
      throw new IllegalStateException("the module has no image yet");
    }
    lease.placeImage(this, image);
  }

  /**
   * Returns to the image and the initial size.
   *
   * @param faulted whether the run may have written pages that it had not before
   */
  void reset(MemoryReset reset, boolean faulted, ResetFigures figures) {
    long[] known = faulted ? null : writtenPages;
    writtenPages = reset.reset(base, highBytes, images.memory(index), mapped, known, figures);
    size = (long) initialPages * PAGE_SIZE;
  }

  /** Offset of the first page that is not as the image has it, or −1. */
  long difference() {
    MemoryImage image = images.memory(index);
    if (image != null) {
      return image.difference(base, 0, highBytes);
    }
    return RawMemory.isZero(base, highBytes) ? -1 : 0;
  }

  /** Copies what is not zero, or not to stay zero, to zeroed memory elsewhere. */
  void copyTo(long address) {
    MemoryImage image = images.memory(index);
    for (long at = 0; at < size; at += Libc.PAGE_BYTES) {
      // A page that the guest has zeroed over its image must be written there as well, or a reset
      // would take it for one that nobody has touched and that holds its image.
      if ((image != null && image.covers(at)) || !RawMemory.isZero(base + at, Libc.PAGE_BYTES)) {
        RawMemory.copy(base + at, address + at, Libc.PAGE_BYTES);
      }
    }
  }

  /** Ends all access; the lease gives the pages back. */
  void revoke() {
    end();
    size = 0;
    base = 0;
  }

  @Override
  public void initPassiveSegment(int segment, int to, int from, int length) {
    long n = length & UNSIGNED;
    long start = from & UNSIGNED;
    byte[] data = lease.isDropped(segment) ? DROPPED : images.segment(segment);
    if (start + n > data.length) {
      throw outOfBounds();
    }
    long target = at(to & UNSIGNED, n);
    for (long done = 0; done < n; done += PIECE_BYTES) {
      if (done > 0) {
        lease.look();
      }
      int piece = (int) Math.min(PIECE_BYTES, n - done);
      RawMemory.copyIn(data, (int) (start + done), target + done, piece);
    }
  }

  @Override
  public void drop(int segment) {
    lease.drop(segment);
  }

  // ── Chicory's interface, used by host functions and by code it interprets ─────────────────

  @Override
  public byte read(int address) {
    return RawMemory.getByte(at(address & UNSIGNED, 1));
  }

  /**
   * {@inheritDoc}
   *
   * <p>Checks the range before it allocates, so that a guest's length never becomes the host's
   * memory.
   */
  @Override
  public byte[] readBytes(int address, int length) {
    long from = at(address & UNSIGNED, length & UNSIGNED);
    if (length < 0) {
      throw outOfBounds();
    }
    byte[] bytes = new byte[length];
    RawMemory.copyOut(from, bytes, 0, length);
    return bytes;
  }

  @Override
  public void write(int address, byte[] data, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, data.length);
    RawMemory.copyIn(data, offset, at(address & UNSIGNED, length), length);
  }

  @Override
  public void writeI32(int address, int value) {
    RawMemory.putInt(at(address & UNSIGNED, 4), value);
  }

  @Override
  public int readInt(int address) {
    return RawMemory.getInt(at(address & UNSIGNED, 4));
  }

  @Override
  public void writeLong(int address, long value) {
    RawMemory.putLong(at(address & UNSIGNED, 8), value);
  }

  @Override
  public long readLong(int address) {
    return RawMemory.getLong(at(address & UNSIGNED, 8));
  }

  @Override
  public void writeShort(int address, short value) {
    RawMemory.putShort(at(address & UNSIGNED, 2), value);
  }

  @Override
  public short readShort(int address) {
    return RawMemory.getShort(at(address & UNSIGNED, 2));
  }

  @Override
  public long readU16(int address) {
    return readShort(address) & 0xFFFFL;
  }

  @Override
  public void writeByte(int address, byte value) {
    RawMemory.putByte(at(address & UNSIGNED, 1), value);
  }

  @Override
  public void writeF32(int address, float value) {
    RawMemory.putFloat(at(address & UNSIGNED, 4), value);
  }

  @Override
  public long readF32(int address) {
    return readInt(address);
  }

  @Override
  public float readFloat(int address) {
    return RawMemory.getFloat(at(address & UNSIGNED, 4));
  }

  @Override
  public void writeF64(int address, double value) {
    RawMemory.putDouble(at(address & UNSIGNED, 8), value);
  }

  @Override
  public double readDouble(int address) {
    return RawMemory.getDouble(at(address & UNSIGNED, 8));
  }

  @Override
  public long readF64(int address) {
    return readLong(address);
  }

  /** Does nothing: a slot that is leased is zero already. */
  @Override
  public void zero() {}

  @Override
  public void fill(byte value, int fromIndex, int toIndex) {
    long from = fromIndex & UNSIGNED;
    long to = toIndex & UNSIGNED;
    if (to < from) {
      throw outOfBounds();
    }
    long start = at(from, to - from);
    RawMemory.fill(start, to - from, value);
  }

  @Override
  public void copy(int to, int from, int length) {
    copyFrom(this, to, from, length);
  }

  // ── Threads: shared memories are refused when a module is uploaded ────────────────────────

  @Override
  @SuppressWarnings("removal")
  public Object lock(int address) {
    throw unshared();
  }

  @Override
  @SuppressWarnings("removal")
  public int waitOn(int address, int expected, long timeout) {
    throw unshared();
  }

  @Override
  @SuppressWarnings("removal")
  public int waitOn(int address, long expected, long timeout) {
    throw unshared();
  }

  @Override
  @SuppressWarnings("removal")
  public int notify(int address, int maxThreads) {
    throw unshared();
  }

  private static WasmRuntimeException unshared() {
    return new WasmRuntimeException("expected shared memory");
  }
}
