package dev.skep.engine;

import com.dylibso.chicory.runtime.ExecutionListener;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.InterpreterMachine;
import com.dylibso.chicory.runtime.MStack;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.runtime.TrapException;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.AnnotatedInstruction;
import com.dylibso.chicory.wasm.types.Instruction;
import com.dylibso.chicory.wasm.types.OpCode;
import dev.skep.engine.ModuleDescription.Import;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.CodeSpace;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotMemory;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.SlotRequest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Runs a module in the engine's interpreter and counts fuel by function, for people who want to
 * know where it goes. Has nothing to do with how runs are metered: it counts operators one by one
 * as they are executed, by {@link FuelCosts}, so what it finds is also a check on that. The sum is
 * the same wherever a run returns. A run that traps has here paid for the operators up to the trap,
 * and elsewhere for the whole of the straight code that it trapped in.
 *
 * <p>Not thread-safe: one run at a time.
 */
public final class FuelProfiler {
  private static final int MEMORY = 5;
  private static final int START = 8;

  private final CompiledModule module;
  private final Counter counter;
  private final List<Import> imports;

  FuelProfiler(
      ScannedModule scanned, WasmModule parsed, ImportValues imported, EngineConfig config) {
    this.imports = scanned.description().imports();
    this.counter = new Counter(parsed, imports.size());
    this.module =
        new CompiledModule(
            scanned.description(),
            scanned,
            parsed,
            new LoadedClasses(counter::machine, 0, Map.of()),
            0,
            imported,
            config,
            new ScratchBudget(0, 0),
            new CompileReport(0, 0, List.of()),
            new CodeSpace(CodeSpace.DEFAULT_BYTES),
            counter);
  }

  /** The wish for a slot that {@link #run} can use. */
  public SlotRequest slotFor(SlotOwner owner) {
    return module.slotFor(owner);
  }

  /**
   * Runs once in a new instance, and closes the lease.
   *
   * @param world what it is granted
   * @param limits as of any run, but for the deadline, which wants to be some hundred times longer
   */
  public FuelProfile run(
      SlotLease lease, Invocation invocation, WasiWorld world, StoreLimits limits) {
    counter.begin();
    return switch (module.instantiate(lease, limits)) {
      case Instantiation.Failed failed -> {
        RunReport report = new RunReport(failed.result(), failed.fuel(), 0, 0, new byte[0]);
        yield new FuelProfile(report, lines(failed.fuel()));
      }
      case GuestInstance instance -> {
        try (instance) {
          // What a module's initialiser used is not this run's.
          counter.begin();
          RunReport report = instance.run(invocation, world, limits);
          yield new FuelProfile(report, lines(report.fuel()));
        }
      }
    };
  }

  private List<FuelProfile.Line> lines(long fuel) {
    long[] used = counter.settle(fuel);
    List<FuelProfile.Line> lines = new ArrayList<>();
    for (int i = 0; i < used.length; i++) {
      if (used[i] > 0) {
        int function = i == used.length - 1 ? FuelProfile.HOST : i;
        lines.add(new FuelProfile.Line(function, name(function), used[i]));
      }
    }
    lines.sort(
        Comparator.comparingLong(FuelProfile.Line::fuel)
            .reversed()
            .thenComparingInt(FuelProfile.Line::function));
    return lines;
  }

  private String name(int function) {
    if (function == FuelProfile.HOST) {
      return "(host)";
    }
    if (function < imports.size()) {
      Import imported = imports.get(function);
      return Printable.of(imported.module()) + "." + Printable.of(imported.name());
    }
    return module.nameOf(function);
  }

  /**
   * The module as the interpreter takes it: without custom sections, whose faults the standard
   * ignores; without its start function, which is called as a part of the run; and with a memory of
   * no pages if it has none, because the meter is the memory object.
   */
  static byte[] runnable(ScannedModule module) {
    WasmBuffer out = new WasmBuffer(module.bytes().length + 16);
    out.raw(module.bytes(), 0, 8);
    boolean memory = module.memories() > 0;
    for (ScannedModule.Section section : module.sections()) {
      if (!memory && section.id() > MEMORY) {
        memory(out);
        memory = true;
      }
      boolean kept = section.id() == MEMORY ? module.memories() > 0 : section.id() != START;
      if (kept) {
        out.u8(section.id());
        out.u32(section.to() - section.from());
        out.raw(module.bytes(), section.from(), section.to());
      }
    }
    if (!memory) {
      memory(out);
    }
    return out.toBytes();
  }

  private static void memory(WasmBuffer out) {
    out.raw(new byte[] {MEMORY, 3, 1, 0, 0}, 0, 5);
  }

  /** Pays for every operator before it is executed, and notes whose it was. */
  private static final class Counter implements ExecutionListener {
    private final int imports;

    /** By defined function: where its operators begin, rising. */
    private final int[] first;

    /** By function; the last is the host's own. */
    private final long[] used;

    private @Nullable Instance instance;
    private long paid;
    private int function;
    private int callee;
    private @Nullable OpCode before;
    private long grows;

    Counter(WasmModule module, int imports) {
      this.imports = imports;
      int count = module.codeSection().functionBodyCount();
      this.first = new int[count];
      for (int i = 0; i < count; i++) {
        List<AnnotatedInstruction> body = module.codeSection().getFunctionBody(i).instructions();
        first[i] = body.getFirst().address();
      }
      this.used = new long[imports + count + 1];
    }

    Machine machine(Instance of) {
      instance = of;
      return new InterpreterMachine(of);
    }

    void begin() {
      Arrays.fill(used, 0);
      paid = 0;
      function = -1;
      callee = used.length - 1;
      before = null;
      grows = -1;
    }

    @Override
    public void onExecution(Instruction instruction, MStack stack) {
      if (!(instruction instanceof AnnotatedInstruction)) {
        // Of a constant expression, which nothing is charged for.
        return;
      }
      SlotMemory memory = (SlotMemory) Objects.requireNonNull(instance).memory();
      host(memory.fuelConsumed());
      if (grows >= 0) {
        // Growth is paid for once it has been granted.
        long moved = grows;
        grows = -1;
        if ((int) stack.peek() != -1) {
          pay(memory, function, moved * FuelCosts.PER_UNIT);
        }
      }
      OpCode op = instruction.opcode();
      int at = functionAt(instruction.address());
      long cost = FuelCosts.of(op.opcode());
      if (instruction.address() == first[at] && enters(op, at)) {
        cost += FuelCosts.FUNCTION_ENTRY;
      }
      function = at;
      before = op;
      switch (op) {
        case MEMORY_FILL, MEMORY_COPY, MEMORY_INIT, TABLE_FILL, TABLE_COPY, TABLE_INIT ->
            cost += Integer.toUnsignedLong((int) stack.peek()) * FuelCosts.PER_UNIT;
        case MEMORY_GROW, TABLE_GROW -> grows = Integer.toUnsignedLong((int) stack.peek());
        case CALL, RETURN_CALL -> {
          int called = (int) instruction.operand(0);
          callee = called < imports ? called : used.length - 1;
        }
        case CALL_INDIRECT, RETURN_CALL_INDIRECT -> callee = used.length - 1;
        // The interpreter's own would drop it where {@code memory.init} does not look.
        case DATA_DROP -> memory.drop((int) instruction.operand(0));
        // It would wrap these addresses at 2^32.
        case I32_STORE8, I64_STORE8 -> within(memory, stack, instruction, 1);
        case I64_STORE32 -> within(memory, stack, instruction, 4);
        case I32_MUL -> {
          // It would leave a product of 64 bits, which {@code if} would take for more than it is.
          int factor = (int) stack.pop();
          int product = factor * (int) stack.pop();
          stack.push(product);
          stack.push(1);
        }
        // It would round some of these twice; what a float holds exactly it cannot round.
        case F32_CONVERT_I64_U -> {
          float rounded = QuietFloats.F32_CONVERT_I64_U(stack.pop());
          stack.push(QuietFloats.I64_TRUNC_SAT_F32_U(rounded));
        }
        case F64_CONVERT_I64_U -> {
          double rounded = QuietFloats.F64_CONVERT_I64_U(stack.pop());
          stack.push(QuietFloats.I64_TRUNC_SAT_F64_U(rounded));
        }
        default -> {}
      }
      pay(memory, at, cost);
    }

    /** Traps if a store, whose value is on top of its address, is not within the memory. */
    private static void within(SlotMemory memory, MStack stack, Instruction store, int width) {
      long base = stack.array()[stack.size() - 2] & 0xFFFF_FFFFL;
      if (base + store.operand(1) + width > memory.pages() * 65_536L) {
        throw new TrapException("out of bounds memory access");
      }
    }

    /**
     * Whether the first operator of a function is reached by a call. A branch back to a loop that
     * the function begins with is the other way.
     */
    private boolean enters(OpCode op, int at) {
      boolean branched = before == OpCode.BR || before == OpCode.BR_IF || before == OpCode.BR_TABLE;
      return !(branched && op == OpCode.LOOP && at == function);
    }

    private void pay(SlotMemory memory, int of, long cost) {
      if (cost > 0) {
        memory.charge(cost);
        paid += cost;
        used[imports + of] += cost;
      }
    }

    /** Notes what has been charged and not by us: by the host function called last. */
    private void host(long consumed) {
      if (consumed > paid) {
        used[callee] += consumed - paid;
        paid = consumed;
      }
    }

    private int functionAt(int address) {
      if (function >= 0
          && address >= first[function]
          && (function + 1 == first.length || address < first[function + 1])) {
        return function;
      }
      int found = Arrays.binarySearch(first, address);
      return found >= 0 ? found : -found - 2;
    }

    long[] settle(long consumed) {
      host(consumed);
      return used;
    }
  }
}
