package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/**
 * In the place of the class of this name, for {@code emulate.sh}: machine code is not called, but
 * emulated by Unicorn as an aarch64 processor would run it, on the memory of this process, where it
 * lies. What the code calls of the host is called in Java.
 */
public final class MachineCalls {
  @FunctionalInterface
  public interface Upcall {
    void call(long context, int what, int extra);
  }

  private static final int ARM64 = 2;
  private static final int PROT_ALL = 7;
  private static final int HOOK_UNMAPPED = 112;

  // Registers, as the library numbers them.
  private static final int X0 = 199;
  private static final int LR = 2;
  private static final int SP = 4;
  private static final int PC = 260;

  /** Memory becomes the emulator's by pieces of this many bytes. */
  private static final long PIECE = 1L << 28;

  private static final long STACK_BYTES = 64L << 20;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup UNICORN =
      SymbolLookup.libraryLookup("libunicorn.so.2", Arena.global());
  private static final MethodHandle OPEN = handle("uc_open", "iiil");
  private static final MethodHandle READ = handle("uc_reg_read", "ilil");
  private static final MethodHandle WRITE = handle("uc_reg_write", "ilil");
  private static final MethodHandle START = handle("uc_emu_start", "illlll");
  private static final MethodHandle MAP = handle("uc_mem_map_ptr", "illlil");
  private static final MethodHandle HOOK = handle("uc_hook_add", "illilllll");

  /** Where machine code "is" when it calls the host, or has come back to it. */
  private static final long HOST = Libc.mapPrivate(1 << 16) + 4_096;

  private static final List<Upcall> UPCALLS = new CopyOnWriteArrayList<>();

  /** How often code was entered, and the host called. */
  private static final AtomicLong ENTERED = new AtomicLong();

  private static final AtomicLong CALLED = new AtomicLong();

  static {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() ->
                System.out.println(
                    "emulated: entered " + ENTERED + " times, called the host " + CALLED)));
  }

  private MachineCalls() {}

  private static MethodHandle handle(String name, String types) {
    ValueLayout[] parameters = new ValueLayout[types.length() - 1];
    for (int i = 0; i < parameters.length; i++) {
      parameters[i] = types.charAt(i + 1) == 'i' ? ValueLayout.JAVA_INT : ValueLayout.JAVA_LONG;
    }
    return LINKER.downcallHandle(
        UNICORN.findOrThrow(name), FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
  }

  /** The processors of a thread: one for each call that is open, and their stack. */
  private static final class Processors {
    final List<Processor> all = new ArrayList<>();
    final long stack = Libc.mapPrivate(STACK_BYTES);
    long top = stack + STACK_BYTES - 4_096;
    int open;
  }

  private static final ThreadLocal<Processors> PROCESSORS =
      ThreadLocal.withInitial(Processors::new);

  /** For the class that asks for the stack's end. */
  static long stackEnd() {
    return PROCESSORS.get().stack;
  }

  private static final class Processor {
    final long engine;
    final MemorySegment cell = Arena.ofAuto().allocate(8);

    Processor() throws Throwable {
      check((int) OPEN.invokeExact(ARM64, 0, cell.address()));
      engine = cell.get(ValueLayout.JAVA_LONG, 0);
      MethodHandle missing =
          MethodHandles.lookup()
              .bind(
                  this,
                  "missing",
                  MethodType.methodType(
                      boolean.class,
                      long.class,
                      int.class,
                      long.class,
                      int.class,
                      long.class,
                      long.class));
      long stub =
          LINKER
              .upcallStub(
                  missing,
                  FunctionDescriptor.of(
                      ValueLayout.JAVA_BOOLEAN,
                      ValueLayout.JAVA_LONG,
                      ValueLayout.JAVA_INT,
                      ValueLayout.JAVA_LONG,
                      ValueLayout.JAVA_INT,
                      ValueLayout.JAVA_LONG,
                      ValueLayout.JAVA_LONG),
                  Arena.global())
              .address();
      check((int) HOOK.invokeExact(engine, cell.address(), HOOK_UNMAPPED, stub, 0L, 1L, 0L, 0L));
    }

    /** Memory that the code has not come to before. */
    boolean missing(long uc, int type, long address, int size, long value, long data) {
      try {
        long piece = address / PIECE * PIECE;
        // Nothing of the JVM's is below.
        return address > 1 << 16
            && (int) MAP.invokeExact(engine, piece, PIECE, PROT_ALL, piece) == 0;
      } catch (Throwable e) {
        return false;
      }
    }

    void check(int error) {
      if (error != 0) {
        throw new AssertionError("the emulator fails with " + error);
      }
    }

    long get(int register) throws Throwable {
      check((int) READ.invokeExact(engine, register, cell.address()));
      return cell.get(ValueLayout.JAVA_LONG, 0);
    }

    void set(int register, long value) throws Throwable {
      cell.set(ValueLayout.JAVA_LONG, 0, value);
      check((int) WRITE.invokeExact(engine, register, cell.address()));
    }

    void run(Processors thread, long entry, long context, long function) throws Throwable {
      long before = thread.top;
      set(X0, context);
      set(X0 + 1, function);
      set(SP, before);
      set(LR, HOST);
      long at = entry;
      while (true) {
        int error = (int) START.invokeExact(engine, at, HOST, 0L, 0L);
        if (error != 0 || get(PC) != HOST) {
          throw new AssertionError(
              "the emulator stops with "
                  + error
                  + " at 0x"
                  + Long.toHexString(get(PC))
                  + ", from 0x"
                  + Long.toHexString(get(LR)));
        }
        long back = get(LR);
        if (back == HOST) {
          if (get(SP) != before) {
            throw new AssertionError("the stack pointer is another");
          }
          return;
        }
        CALLED.incrementAndGet();
        // As deep as the frames of the code, and no less aligned.
        thread.top = get(SP) - 4_096 & -16;
        UPCALLS.getFirst().call(get(X0), (int) get(X0 + 1), (int) get(X0 + 2));
        thread.top = before;
        // The host preserves no more than it has to.
        for (int i = 0; i <= 17; i++) {
          set(X0 + i, 0xDEAD_BEEF_0000_0000L | i);
        }
        at = back;
      }
    }
  }

  public static void enter(long entry, long context, long function) {
    ENTERED.incrementAndGet();
    Processors thread = PROCESSORS.get();
    try {
      if (thread.open == thread.all.size()) {
        thread.all.add(new Processor());
      }
      thread.all.get(thread.open++).run(thread, entry, context, function);
    } catch (Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    } finally {
      thread.open--;
    }
  }

  /** There is one. */
  public static synchronized long addressOf(Upcall target) {
    if (!UPCALLS.isEmpty()) {
      throw new AssertionError("the host is called by one address");
    }
    UPCALLS.add(target);
    return HOST;
  }
}
