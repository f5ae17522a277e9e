package dev.skep.engine;

import com.dylibso.chicory.runtime.WasmRuntimeException;
import dev.skep.engine.cranelift.ContextLayout;
import dev.skep.engine.cranelift.HostOperation;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.NativeTrap;
import dev.skep.limits.FuelCosts;
import dev.skep.pool.CodeLease;
import dev.skep.pool.SlotContext;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotMemory;
import dev.skep.pool.SlotTable;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Tier 2: an instance that runs as machine code. What the code reads and writes is in the slot:
 * memory, tables, and the context with all else. What it asks the host for comes through one upcall
 * for the process, which finds the instance by the thread that runs it.
 *
 * <p>While machine code runs, the fuel of the slice is in its hands; at each call of the host it is
 * given back to the meter, and taken again after.
 */
final class MachineInstance implements GuestCode {
  private static final long UNSIGNED = 0xFFFF_FFFFL;
  private static final int[] NO_ELEMENTS = {};
  private static final long[] NOTHING = {};

  /** The instance whose code the thread runs. */
  private static final ThreadLocal<@Nullable MachineInstance> CURRENT = new ThreadLocal<>();

  /** What machine code calls; for as long as the process lives. */
  static final long UPCALL = SlotContext.addressOf(MachineInstance::upcall);

  private final CompiledModule module;
  private final MachineModule machine;
  private final CodeLease codeLease;
  private final MachineModule.Start start;
  private final ContextLayout layout;
  private final SlotLease lease;
  private final SlotMemory memory;
  private final SlotContext context;
  private final byte[] image;
  private final BitSet droppedElements = new BitSet();

  /** Whether nothing has been called since it was built or reset. */
  private boolean fresh = true;

  /** What the host failed with. */
  private @Nullable Throwable failure;

  /** The imported function that it failed in; −1 if it was not in one. */
  private int failedImport;

  /**
   * @param codeLease of the machine code; ends with the instance
   */
  MachineInstance(
      CompiledModule module,
      MachineModule machine,
      CodeLease codeLease,
      MachineModule.Start start,
      SlotLease lease,
      SlotMemory memory) {
    this.module = module;
    this.machine = machine;
    this.codeLease = codeLease;
    this.start = start;
    this.layout = machine.layout();
    this.lease = lease;
    this.memory = memory;
    this.context = lease.context(layout.bytes());
    this.image = machine.context(start);
  }

  /** The standard's word for what code finds itself. */
  private static TrapKind kindOf(NativeTrap trap) {
    return switch (trap) {
      case NONE, HOST -> TrapKind.OTHER;
      case DEPTH -> TrapKind.CALL_STACK_EXHAUSTED;
      case UNREACHABLE -> TrapKind.UNREACHABLE;
      case INTEGER_DIVIDE_BY_ZERO -> TrapKind.INTEGER_DIVIDE_BY_ZERO;
      case INTEGER_OVERFLOW -> TrapKind.INTEGER_OVERFLOW;
      case INVALID_CONVERSION -> TrapKind.INVALID_CONVERSION;
      case OUT_OF_BOUNDS_MEMORY -> TrapKind.OUT_OF_BOUNDS_MEMORY;
      case OUT_OF_BOUNDS_TABLE -> TrapKind.OUT_OF_BOUNDS_TABLE;
      case UNDEFINED_ELEMENT -> TrapKind.UNDEFINED_ELEMENT;
      case UNINITIALIZED_ELEMENT -> TrapKind.UNINITIALIZED_ELEMENT;
      case INDIRECT_CALL_TYPE_MISMATCH -> TrapKind.INDIRECT_CALL_TYPE_MISMATCH;
    };
  }

  private void begin() {
    context.fill(image);
    droppedElements.clear();
    showSizes();
  }

  /** The next call fills the slot: an idle one holds nothing of this instance. */
  @Override
  public void reset() {
    fresh = true;
  }

  @Override
  public void close() {
    codeLease.close();
  }

  /** Tells the code where memory and tables are, and how large. */
  private void showSizes() {
    context.putLong(ContextLayout.MEMORY_BASE, memory.baseAddress());
    context.putLong(ContextLayout.MEMORY_SIZE, memory.sizeBytes());
    for (int i = 0; i < layout.tables(); i++) {
      SlotTable table = lease.table(i);
      context.putLong(layout.table(i), table.elementsAddress());
      context.putLong(layout.tableSize(i), table.size());
    }
  }

  // ── Calls of the guest ────────────────────────────────────────────────────────────────────

  @Override
  public long[] call(int function, long... args) {
    if (fresh) {
      fresh = false;
      begin();
    }
    for (int i = 0; i < args.length; i++) {
      context.putLong(layout.value(i), args[i]);
    }
    int asked = memory.depthLeft();
    context.putLong(ContextLayout.STATE, ContextLayout.state(memory.openSlice(), asked));
    context.putLong(ContextLayout.STACK_LIMIT, SlotContext.stackLimit());
    context.putInt(ContextLayout.TRAP, NativeTrap.NONE.number());
    context.putInt(ContextLayout.FRAMES, 0);
    failure = null;
    failedImport = -1;
    MachineInstance before = CURRENT.get();
    CURRENT.set(this);
    try {
      context.enter(machine.entryOf(function), machine.addressOf(function));
    } finally {
      CURRENT.set(before);
    }
    NativeTrap trap = NativeTrap.of(context.getInt(ContextLayout.TRAP));
    if (trap != NativeTrap.NONE) {
      throw trapped(trap, asked);
    }
    memory.closeSlice((int) ContextLayout.fuel(context.getLong(ContextLayout.STATE)));
    return results(module.signatureOf(function));
  }

  private long[] results(Signature signature) {
    int count = signature.results().size();
    if (count == 0) {
      return NOTHING;
    }
    long[] results = new long[count];
    for (int i = 0; i < count; i++) {
      results[i] = value(i, signature.results().get(i));
    }
    return results;
  }

  private long value(int i, ValueKind kind) {
    return kind == ValueKind.I64 || kind == ValueKind.F64
        ? context.getLong(layout.value(i))
        : context.getInt(layout.value(i));
  }

  private RuntimeException trapped(NativeTrap trap, int asked) {
    Throwable thrown = failure;
    failure = null;
    if (thrown instanceof GuestExitException exit) {
      return exit;
    }
    if (thrown == null) {
      memory.closeSlice((int) ContextLayout.fuel(context.getLong(ContextLayout.TRAP_STATE)));
      boolean limited =
          trap == NativeTrap.DEPTH && context.getLong(ContextLayout.DEPTH_GIVEN) == asked;
      thrown = limited ? memory.tooDeep() : new WasmRuntimeException(kindOf(trap).phrase());
    }
    return new MachineTrapException(thrown, frames());
  }

  private List<WasmFrame> frames() {
    int count = Math.min(context.getInt(ContextLayout.FRAMES), ContextLayout.MOST_FRAMES);
    List<WasmFrame> frames = new ArrayList<>(count + 1);
    if (failedImport >= 0) {
      frames.add(new WasmFrame(failedImport, module.nameOf(failedImport)));
    }
    for (int i = 0; i < count && frames.size() < ContextLayout.MOST_FRAMES; i++) {
      int function = context.getInt(ContextLayout.FRAME + 4 * i);
      frames.add(new WasmFrame(function, module.nameOf(function)));
    }
    return frames;
  }

  // ── Calls of the host ─────────────────────────────────────────────────────────────────────

  private static void upcall(long address, int what, int extra) {
    MachineInstance instance = CURRENT.get();
    if (instance == null) {
      // Whoever calls has been entered through call().
      throw new AssertionError("machine code runs outside a call, in context " + address);
    }
    instance.serve(what, extra);
  }

  private void serve(int what, int extra) {
    long state = context.getLong(ContextLayout.STATE);
    int depth = ContextLayout.depth(state);
    int before = memory.depthLeft();
    try {
      memory.leave(depth);
      int fuel = (int) ContextLayout.fuel(state);
      if (what == MachineCode.REFILL) {
        fuel = memory.refill(fuel - extra, extra);
      } else {
        memory.closeSlice(fuel);
        if (what < machine.firstOperation()) {
          host(what);
        } else {
          operate(machine.operation(what));
        }
        fuel = memory.openSlice();
      }
      context.putLong(ContextLayout.STATE, ContextLayout.state(fuel, depth));
    } catch (Throwable e) {
      failure = e;
      failedImport = what >= 0 && what < machine.firstOperation() ? what : -1;
      context.putInt(ContextLayout.TRAP, NativeTrap.HOST.number());
      context.putLong(ContextLayout.STATE, 1);
    } finally {
      memory.leave(before);
    }
  }

  private void host(int function) {
    Signature type = machine.importType(function);
    long[] args = new long[type.params().size()];
    for (int i = 0; i < args.length; i++) {
      args[i] = value(i, type.params().get(i));
    }
    long[] results = machine.imported(function).call(memory, args);
    for (int i = 0; i < type.results().size(); i++) {
      context.putLong(layout.value(i), results[i]);
    }
  }

  private int argument(int i) {
    return context.getInt(layout.value(i));
  }

  private void operate(HostOperation operation) {
    int first = operation.first();
    int second = operation.second();
    switch (operation.kind()) {
      case MEMORY_GROW -> {
        int pages = argument(0);
        grown(memory.grow(pages), pages);
      }
      case MEMORY_INIT -> {
        charge(argument(2));
        memory.initPassiveSegment(first, argument(0), argument(1), argument(2));
      }
      case MEMORY_COPY -> {
        charge(argument(2));
        memory.copyFrom(memory, argument(0), argument(1), argument(2));
      }
      case MEMORY_FILL -> {
        charge(argument(2));
        memory.fillBytes(argument(0), (byte) argument(1), argument(2));
      }
      case DATA_DROP -> memory.drop(first);
      case TABLE_SET -> lease.table(first).setRef(argument(0), argument(1), null);
      case TABLE_INIT -> {
        charge(argument(2));
        int[] source = droppedElements.get(first) ? NO_ELEMENTS : start.elements()[first];
        lease.table(second).initElements(argument(0), source, argument(1), argument(2));
      }
      case TABLE_COPY -> {
        charge(argument(2));
        lease.table(first).copyFrom(lease.table(second), argument(0), argument(1), argument(2));
      }
      case TABLE_GROW -> {
        int delta = argument(1);
        grown(lease.table(first).grow(delta, argument(0), null), delta);
      }
      case TABLE_FILL -> {
        charge(argument(2));
        lease.table(first).fillElements(argument(0), argument(1), argument(2));
      }
      case ELEM_DROP -> droppedElements.set(first);
    }
  }

  private void charge(int units) {
    memory.charge((units & UNSIGNED) * FuelCosts.PER_UNIT);
  }

  /** Growth is paid for when it has succeeded. */
  private void grown(int answer, int units) {
    if (answer != -1) {
      charge(units);
      showSizes();
    }
    context.putInt(layout.value(0), answer);
  }
}
