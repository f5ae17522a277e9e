package dev.skep.pool;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.wasm.types.ActiveDataSegment;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.Instruction;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.OpCode;
import com.dylibso.chicory.wasm.types.PassiveDataSegment;
import com.dylibso.chicory.wasm.types.Table;
import com.dylibso.chicory.wasm.types.TableLimits;
import com.dylibso.chicory.wasm.types.ValType;
import com.dylibso.chicory.wasm.types.Value;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.os.RawMemory;
import java.util.List;

/** A small pool, and what stands in for a module in it. */
final class Slots implements AutoCloseable {
  static final int PAGE = 65_536;
  static final int NULL = Value.REF_NULL_VALUE;
  static final StoreLimits WIDE =
      StoreLimits.DEFAULTS.withMemoryBytes(1L << 32).withTableElements(10_000_000);

  final PoolingAllocator pool;
  final SlotOwner owner;

  Slots(PoolConfig config) {
    this(config, SlotKernel.LINUX);
  }

  Slots(PoolConfig config, SlotKernel kernel) {
    pool = new PoolingAllocator(config, kernel);
    owner = pool.newOwner();
  }

  /** A pool of one class that clears each slot as it comes back. */
  static PoolConfig config(int slots, long memoryBytes, int tableElements, long guardBytes) {
    return PoolConfig.of(slots, memoryBytes, tableElements, guardBytes)
        .with()
        .decommitBatch(0)
        .build();
  }

  /** A slot for a module that nobody else is an instance of. */
  SlotLease take() {
    return take(images());
  }

  SlotLease take(ModuleImages images) {
    return take(pool, owner, images, 0);
  }

  static SlotLease take(
      InstanceAllocator pool, SlotOwner owner, ModuleImages images, long memoryBytes) {
    return switch (pool.take(new SlotRequest(owner, images, memoryBytes))) {
      case SlotLease lease -> lease;
      case TakeRefused refused -> throw new AssertionError(refused.toString());
    };
  }

  /** Why a slot was refused. */
  TakeRefused refused() {
    return switch (pool.take(new SlotRequest(owner, images(), 0))) {
      case SlotLease lease -> throw new AssertionError("slot " + lease.slot() + " was leased");
      case TakeRefused refused -> refused;
    };
  }

  static ModuleImages images(DataSegment... segments) {
    return new ModuleImages(8, 16, segments, 0);
  }

  static DataSegment passive(byte... data) {
    return new PassiveDataSegment(data);
  }

  static DataSegment active(int memory, int offset, byte... data) {
    Instruction at = new Instruction(0, OpCode.I32_CONST, new long[] {offset});
    return new ActiveDataSegment(memory, List.of(at), data);
  }

  static Table table(long min, long max) {
    return new Table(ValType.FuncRef, new TableLimits(min, max));
  }

  static SlotMemory memory(SlotLease lease, int pages, int maximum) {
    return lease.newMemory(new MemoryLimits(pages, maximum), 0, 1);
  }

  /** Constant offsets ask nothing of an instance. */
  @SuppressWarnings("NullAway")
  static Instance noInstance() {
    return null;
  }

  /** Address of a slot's first byte, tables included. */
  long slotAddress(SlotLease lease, SlotMemory first) {
    return first.baseAddress()
        - pool.layout().memoryOffset(lease.slot())
        + pool.layout().tableOffset(lease.slot());
  }

  /**
   * Whether every byte of a slot's tables and memory is zero, used or not; in a pool of one class.
   */
  boolean isZero(long slotAddress) {
    return RawMemory.isZero(slotAddress, pool.layout().usableBytes(0));
  }

  @Override
  public void close() {
    pool.close();
  }
}
