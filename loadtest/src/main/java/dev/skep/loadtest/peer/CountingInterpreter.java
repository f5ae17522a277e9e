package dev.skep.loadtest.peer;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.MStack;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.runtime.TrapException;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.Instruction;
import com.dylibso.chicory.wasm.types.OpCode;
import dev.skep.limits.FuelCosts;
import java.math.BigDecimal;

/**
 * A module in Chicory's interpreter, as it was uploaded: no charges are put into it. Fuel is
 * counted beside it, operator by operator as each is run, from the cost table alone. One thread.
 *
 * <p>The interpreter's checks of ranges overflow; so every access is checked here before it is
 * made.
 */
public final class CountingInterpreter {
  private static final long UNSIGNED = 0xFFFF_FFFFL;
  private static final long PAGE_BYTES = 65_536;
  private static final int PREFIXED = 0x100;
  private static final String MEMORY = "out of bounds memory access";
  private static final String TABLE = "out of bounds table access";

  /** Bytes that each load and store touches, from 0x28 on. */
  private static final int[] ACCESS_BYTES = {
    4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4, 4, 8, 4, 8, 1, 2, 1, 2, 4
  };

  private static final int FIRST_ACCESS = 0x28;
  private static final int FIRST_STORE = 0x36;
  private static final long NOTHING_GROWN = -1;

  private final Instance instance;
  private long fuel;
  private long calls;
  private long growing = NOTHING_GROWN;

  /**
   * Makes an instance, and runs its start function.
   *
   * @param bytes a valid module without imports, whose initialisation does not trap
   */
  public CountingInterpreter(byte[] bytes) {
    WasmModule module = Parser.parse(bytes);
    instance =
        Instance.builder(module)
            .withInitialize(false)
            .withStart(false)
            .withUnsafeExecutionListener(this::beforeExecution)
            .build();
    if (module.startSection().isPresent()) {
      fuel = FuelCosts.START + FuelCosts.FUNCTION_ENTRY;
    }
    var _ = instance.initialize(true);
  }

  /** The interpreter has failed by a fault of its own, and says nothing of the program. */
  public static final class FaultException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private FaultException(Throwable cause) {
      super(cause);
    }
  }

  /**
   * Calls an export.
   *
   * @throws FaultException for its known fault: tables that are to grow by about 2^31
   */
  public PeerRun call(String export, long... args) {
    fuel += FuelCosts.FUNCTION_ENTRY;
    growing = NOTHING_GROWN;
    try {
      long[] results = instance.export(export).apply(args);
      return new PeerRun(results == null ? new long[0] : results, null, fuel);
    } catch (ChicoryException e) {
      return new PeerRun(new long[0], String.valueOf(e.getMessage()), fuel);
    } catch (NegativeArraySizeException | OutOfMemoryError e) {
      throw new FaultException(e);
    }
  }

  /** Calls among the guest's functions since the instance was made. */
  public long calls() {
    return calls;
  }

  private void beforeExecution(Instruction instruction, MStack stack) {
    if (growing != NOTHING_GROWN) {
      if ((int) stack.peek() != -1) {
        fuel += growing * FuelCosts.PER_UNIT;
      }
      growing = NOTHING_GROWN;
    }
    OpCode op = instruction.opcode();
    int code = op.opcode();
    fuel += FuelCosts.of(code >= PREFIXED ? code >> 8 : code);
    if (code >= FIRST_ACCESS && code < FIRST_ACCESS + ACCESS_BYTES.length) {
      long address = at(stack, code >= FIRST_STORE ? 1 : 0) + (instruction.operand(1) & UNSIGNED);
      within(address, ACCESS_BYTES[code - FIRST_ACCESS], memoryBytes(), MEMORY);
      return;
    }
    switch (op) {
      case CALL -> entered();
      case CALL_INDIRECT -> {
        within(at(stack, 0), 1, table(instruction, 1).size(), "undefined element");
        entered();
      }
      case MEMORY_GROW, TABLE_GROW -> growing = at(stack, 0);
      case TABLE_GET -> within(at(stack, 0), 1, table(instruction, 0).size(), TABLE);
      case TABLE_SET -> within(at(stack, 1), 1, table(instruction, 0).size(), TABLE);
      case MEMORY_FILL -> {
        moved(stack);
        within(at(stack, 2), at(stack, 0), memoryBytes(), MEMORY);
      }
      case MEMORY_COPY -> {
        moved(stack);
        within(at(stack, 1), at(stack, 0), memoryBytes(), MEMORY);
        within(at(stack, 2), at(stack, 0), memoryBytes(), MEMORY);
      }
      case MEMORY_INIT -> {
        moved(stack);
        within(at(stack, 2), at(stack, 0), memoryBytes(), MEMORY);
      }
      case TABLE_FILL -> {
        moved(stack);
        within(at(stack, 2), at(stack, 0), table(instruction, 0).size(), TABLE);
      }
      case TABLE_COPY -> {
        moved(stack);
        within(at(stack, 1), at(stack, 0), table(instruction, 1).size(), TABLE);
        within(at(stack, 2), at(stack, 0), table(instruction, 0).size(), TABLE);
      }
      case TABLE_INIT -> {
        moved(stack);
        // Its segment comes first, as in the binary format.
        within(at(stack, 2), at(stack, 0), table(instruction, 1).size(), TABLE);
      }
      // It multiplies in 64 bits, and takes a branch by all of them.
      case I32_MUL -> {
        int factor = (int) stack.pop();
        int product = factor * (int) stack.pop();
        stack.push(product);
        stack.push(1);
      }
      // It rounds some of these twice; what a float holds exactly it cannot round.
      case F32_CONVERT_I64_U -> stack.push(Rounded.toFloat(stack.pop()));
      case F64_CONVERT_I64_U -> stack.push(Rounded.toDouble(stack.pop()));
      default -> {}
    }
  }

  /** Integers of 64 bits without sign, rounded to what a floating-point number holds. */
  private static final class Rounded {
    private static long toFloat(long value) {
      return value >= 0
          ? value
          : unsigned(new BigDecimal(Long.toUnsignedString(value)).floatValue());
    }

    private static long toDouble(long value) {
      return value >= 0
          ? value
          : unsigned(new BigDecimal(Long.toUnsignedString(value)).doubleValue());
    }

    /** 2^64 is left as the greatest number, which rounds to it. */
    private static long unsigned(double rounded) {
      return rounded >= 0x1p64 ? -1 : new BigDecimal(rounded).toBigInteger().longValue();
    }
  }

  private void entered() {
    calls++;
    fuel += FuelCosts.FUNCTION_ENTRY;
  }

  private void moved(MStack stack) {
    fuel += at(stack, 0) * FuelCosts.PER_UNIT;
  }

  /** An i32 so far below the top, unsigned. */
  private static long at(MStack stack, int fromTop) {
    return stack.array()[stack.size() - 1 - fromTop] & UNSIGNED;
  }

  private long memoryBytes() {
    return instance.memory().pages() * PAGE_BYTES;
  }

  private TableInstance table(Instruction instruction, int operand) {
    return instance.table((int) instruction.operand(operand));
  }

  private static void within(long from, long count, long size, String message) {
    if (from + count > size) {
      throw new TrapException(message);
    }
  }
}
