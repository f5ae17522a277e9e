package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Calls machine code, and lets machine code call back. Everything that is said passes through
 * memory that both sides know, so one way in and one way out do for all functions, and nothing is
 * boxed on the way. Thread-safe. It checks nothing: an address that is no such function ends the
 * process.
 */
public final class MachineCalls {
  /** What machine code calls. */
  @FunctionalInterface
  public interface Upcall {
    /**
     * Must not throw: there is nobody to catch it, and the JVM would end.
     *
     * @param context as machine code was entered with
     * @param what and
     * @param extra mean what both sides have agreed on
     */
    void call(long context, int what, int extra);
  }

  private static final Linker LINKER = Linker.nativeLinker();

  @SuppressWarnings("restricted") // the one place that calls machine code
  private static final MethodHandle ENTER =
      LINKER.downcallHandle(
          FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));

  private MachineCalls() {}

  /** Calls {@code entry(context, function)}, all addresses. */
  public static void enter(long entry, long context, long function) {
    try {
      ENTER.invokeExact(MemorySegment.ofAddress(entry), context, function);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }

  /** An address that machine code can call {@code target} at, for as long as the process lives. */
  @SuppressWarnings("restricted")
  public static long addressOf(Upcall target) {
    try {
      MethodHandle call =
          MethodHandles.lookup()
              .findVirtual(
                  Upcall.class,
                  "call",
                  MethodType.methodType(void.class, long.class, int.class, int.class))
              .bindTo(target);
      return LINKER
          .upcallStub(
              call,
              FunctionDescriptor.ofVoid(
                  ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
              Arena.global())
          .address();
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("the JVM does not know its own interface", e);
    }
  }
}
