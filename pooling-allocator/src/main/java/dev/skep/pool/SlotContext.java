package dev.skep.pool;

import dev.skep.pool.os.MachineCalls;
import dev.skep.pool.os.RawMemory;
import dev.skep.pool.os.ThreadStack;
import java.util.Objects;

/**
 * The part of a slot that machine code keeps an instance's state in, besides its tables and
 * memories. It lies at the head of the slot and is zero when the slot is taken. Confined to the
 * thread that runs the guest.
 *
 * <p>It stays where it is while a run goes on, even if the store moves into a larger slot, because
 * machine code holds its address; see {@link SlotLease#context}.
 */
public final class SlotContext {
  /** Stack that is kept for what the guest calls of the host. */
  private static final long HOST_STACK_BYTES = 384 << 10;

  private final int bytes;
  private long address;

  SlotContext(long address, int bytes) {
    this.address = address;
    this.bytes = bytes;
  }

  /** Address of its first byte. */
  public long address() {
    return address;
  }

  /** How much of it is used. */
  public int bytes() {
    return bytes;
  }

  void moveTo(long target) {
    RawMemory.copy(address, target, bytes);
    address = target;
  }

  private long at(int offset, int width) {
    return address + Objects.checkFromIndexSize(offset, width, bytes);
  }

  public long getLong(int offset) {
    return RawMemory.getLong(at(offset, 8));
  }

  public int getInt(int offset) {
    return RawMemory.getInt(at(offset, 4));
  }

  public void putLong(int offset, long value) {
    RawMemory.putLong(at(offset, 8), value);
  }

  public void putInt(int offset, int value) {
    RawMemory.putInt(at(offset, 4), value);
  }

  /** Writes all of it. */
  public void fill(byte[] image) {
    RawMemory.copyIn(image, 0, at(0, image.length), image.length);
  }

  /** The lowest address that guest frames may reach on the calling thread's stack. */
  public static long stackLimit() {
    return ThreadStack.end() + HOST_STACK_BYTES;
  }

  /**
   * Calls machine code with this as its context.
   *
   * @param entry what sets up the call of {@code function}; both addresses in a {@link CodeMapping}
   *     that whoever calls has a lease of
   */
  public void enter(long entry, long function) {
    MachineCalls.enter(entry, address, function);
  }

  /** What machine code can call. */
  @FunctionalInterface
  public interface Host {
    /** Must not throw. */
    void call(long context, int what, int extra);
  }

  /** An address that machine code can call {@code host} at, for as long as the process lives. */
  public static long addressOf(Host host) {
    return MachineCalls.addressOf(host::call);
  }
}
