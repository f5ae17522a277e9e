package dev.skep.pool.os;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Has every processor that runs a thread of this process forget what it has fetched of instructions
 * ahead (membarrier(2), "sync core"; Linux 4.16 and up). The kernel sees to the caches when pages
 * become executable; this is for what lies between a processor and its cache.
 */
final class CodeBarrier {
  private static final int SYNC_CORE = 1 << 5;
  private static final int REGISTER_SYNC_CORE = 1 << 6;

  private static final String ARCH = System.getProperty("os.arch", "");

  /** Whether it is needed: x86-64 orders what is fetched behind what was written. */
  static final boolean NEEDED = !ARCH.equals("amd64") && !ARCH.equals("x86_64");

  /** {@code __NR_membarrier}, for which the C library has no function. */
  private static final long NUMBER = NEEDED ? 283 : 324;

  private static final MethodHandle SYSCALL =
      Libc.handle(
          "syscall",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT),
          Linker.Option.firstVariadicArg(1));

  private CodeBarrier() {}

  /**
   * Passes it.
   *
   * @throws SystemCallException if the kernel cannot
   */
  static void pass() {
    // A process says once that it will; saying it again costs little beside mapping code.
    call(REGISTER_SYNC_CORE);
    call(SYNC_CORE);
  }

  private static void call(int command) {
    MemorySegment state = Libc.state();
    long result;
    try {
      result = (long) SYSCALL.invokeExact(state, NUMBER, command, 0, 0);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
    if (result != 0) {
      throw new SystemCallException("membarrier(" + command + ")", Libc.errno(state));
    }
  }
}
