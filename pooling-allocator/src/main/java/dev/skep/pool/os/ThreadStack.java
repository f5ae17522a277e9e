package dev.skep.pool.os;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Where the calling thread's stack ends (pthread_getattr_np(3)). Thread-safe; never blocks. */
public final class ThreadStack {
  /** Room for a {@code pthread_attr_t}, 56 bytes on x86-64 and 64 on aarch64. */
  private static final long ATTRIBUTES_BYTES = 128;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final MethodHandle SELF =
      handle("pthread_self", FunctionDescriptor.of(ValueLayout.JAVA_LONG));
  private static final MethodHandle GET =
      handle(
          "pthread_getattr_np",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
  private static final MethodHandle STACK =
      handle(
          "pthread_attr_getstack",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
  private static final MethodHandle DESTROY =
      handle(
          "pthread_attr_destroy", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));

  private static final ThreadLocal<Long> END = ThreadLocal.withInitial(ThreadStack::find);

  private ThreadStack() {}

  @SuppressWarnings("restricted")
  private static MethodHandle handle(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type);
  }

  /** The lowest address of the stack that the calling thread runs on, the JVM's guards included. */
  public static long end() {
    // A virtual thread is carried by one thread now and by another later.
    return Thread.currentThread().isVirtual() ? find() : END.get();
  }

  private static long find() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(ATTRIBUTES_BYTES, 16);
      MemorySegment address = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
      int errno = (int) GET.invokeExact((long) SELF.invokeExact(), attributes);
      if (errno != 0) {
        throw new SystemCallException("pthread_getattr_np", errno);
      }
      errno = (int) STACK.invokeExact(attributes, address, size);
      int ignored = (int) DESTROY.invokeExact(attributes);
      if (errno != 0 || ignored != 0) {
        throw new SystemCallException("pthread_attr_getstack", errno);
      }
      return address.get(ValueLayout.JAVA_LONG, 0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }
}
