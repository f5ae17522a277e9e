package dev.skep.pool;

import static dev.skep.pool.Slots.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * The guard behind a slot faults. Touching it would end the JVM, so the kernel is asked to: {@code
 * access(2)} reads a path at an address and answers {@code EFAULT} where the process would fault.
 */
class SlotGuardTest {
  private static final int EFAULT = 14;
  private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final MethodHandle ACCESS = handle();

  @SuppressWarnings("restricted")
  private static MethodHandle handle() {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("access"),
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT),
        CAPTURE);
  }

  private static boolean faults(long address) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      int result = (int) ACCESS.invokeExact(state, address, 0);
      int errno =
          (int) STATE.varHandle(MemoryLayout.PathElement.groupElement("errno")).get(state, 0L);
      return result == -1 && errno == EFAULT;
    }
  }

  @Test
  void theGuardFaultsFromItsFirstToItsLastByteThroughResetAndReuse() throws Throwable {
    try (Slots slots = new Slots(Slots.config(2, 4L * PAGE, 1_024, PAGE))) {
      SlotLease lease = slots.take();
      SlotMemory memory = Slots.memory(lease, 4, 4);
      long guard = memory.baseAddress() + 4L * PAGE;
      Assumptions.assumeTrue(
          faults(guard),
          () -> {
            String reason = "this kernel has no MADV_GUARD_INSTALL: guards are not tested";
            System.out.println("SlotGuardTest: " + reason);
            return reason;
          });
      memory.fillBytes(0, (byte) 1, 4 * PAGE);
      lease.reset();
      holds(guard);
      lease.close();
      holds(guard);
      SlotLease again = slots.take();
      assertThat(again.slot()).isEqualTo(lease.slot());
      holds(guard);
      again.close();
    }
  }

  private static void holds(long guard) throws Throwable {
    assertThat(faults(guard - 1)).isFalse();
    assertThat(faults(guard)).isTrue();
    assertThat(faults(guard + PAGE / 2)).isTrue();
    assertThat(faults(guard + PAGE - 1)).isTrue();
    // The next slot's tables begin there; it has not been taken yet.
    assertThat(faults(guard + PAGE)).isFalse();
  }
}
