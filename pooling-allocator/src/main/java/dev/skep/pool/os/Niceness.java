package dev.skep.pool.os;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * How much a thread of this process steps back when processors are short (sched_setattr(2), or
 * setpriority(2) where that is refused). Raising it needs no privilege; nobody here lowers it
 * again.
 */
public final class Niceness {
  private static final int PRIO_PROCESS = 0;
  private static final Path TASKS = Path.of("/proc/self/task");
  private static final String AUTOGROUP = "/proc/self/autogroup";

  /** From those who have no privileges the kernel takes one change in 0.1 s, of all processes. */
  private static final int GROUP_TRIES = 10;

  private static final long BETWEEN_GROUP_TRIES_NANOS = 130_000_000;

  private static final MethodHandle GETTID =
      Libc.handle("gettid", FunctionDescriptor.of(ValueLayout.JAVA_INT));
  private static final MethodHandle SETSID =
      Libc.handle("setsid", FunctionDescriptor.of(ValueLayout.JAVA_INT));
  private static final MethodHandle SETPRIORITY =
      Libc.handle(
          "setpriority",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT));

  /** {@code struct sched_attr} of its first version; without SCHED_FLAG of any kind. */
  private static final int ATTR_BYTES = 48;

  private static final long ATTR_POLICY = 4;
  private static final long ATTR_NICE = 16;
  private static final long ATTR_RUNTIME = 24;
  private static final int SCHED_OTHER = 0;
  private static final int SCHED_BATCH = 3;

  /** Its number differs by architecture; no wrapper in older C libraries. */
  private static final long SYS_SCHED_SETATTR =
      System.getProperty("os.arch").equals("aarch64") ? 274 : 314;

  private static final MethodHandle SYSCALL =
      Libc.handle(
          "syscall",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_INT),
          Linker.Option.firstVariadicArg(1));

  private Niceness() {}

  /**
   * Sets the calling thread's niceness and slice, and those of the threads which it begins from now
   * on. A thread that wakes up interrupts one with a longer slice at once, as far as its share
   * goes. One whose slice is not longer keeps its processor to the end of it at least, and then to
   * the kernel's next tick, some milliseconds. The share stays what the niceness gives. Kernels
   * before 6.12 know no slices of a thread.
   *
   * @param nice 0, as any other, to 19, only what is left over
   * @param sliceNanos 100,000 to 100,000,000; the kernel's own is a millisecond or some
   * @param behind whether it interrupts nobody when it wakes up itself ({@code SCHED_BATCH},
   *     sched(7))
   * @return whether the system let it
   */
  public static boolean set(int nice, boolean behind, long sliceNanos) {
    try {
      int thread = (int) GETTID.invokeExact(Libc.state());
      return set(thread, behind ? SCHED_BATCH : SCHED_OTHER, nice, sliceNanos);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }

  /**
   * Sets the threads with such a name, as the system has it: its first 15 bytes, as {@link #set}
   * does, behind others.
   *
   * @return of how many
   */
  public static int setBehindOf(Predicate<String> named, int nice, long sliceNanos) {
    int count = 0;
    for (Path task : tasks()) {
      try {
        if (named.test(Files.readString(task.resolve("comm")).strip())
            && set(
                Integer.parseInt(task.getFileName().toString()), SCHED_BATCH, nice, sliceNanos)) {
          count++;
        }
      } catch (IOException e) {
        // It has ended since.
      }
    }
    return count;
  }

  /**
   * Makes this process a session of its own (setsid(2)), and sets back all of it where the kernel
   * shares processors by session (sched(7), autogroup): there a thread's niceness holds within its
   * session only, and a session that always has something to run keeps a full share from all
   * others, the kernel's own threads included. Waits 1.3 s at most for the kernel's leave. Of no
   * effect for a process that leads a group already.
   *
   * @param nice 0 to 19
   */
  public static void ownSession(int nice) {
    int session;
    try {
      session = (int) SETSID.invokeExact(Libc.state());
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
    for (int i = 0; session > 0 && i < GROUP_TRIES && !stepBack(nice); i++) {
      LockSupport.parkNanos(BETWEEN_GROUP_TRIES_NANOS);
    }
  }

  /** Whether this process's group has stepped back, or never will. */
  private static boolean stepBack(int nice) {
    // Not by a channel, which takes the kernel's "not now" for nothing written.
    try (OutputStream group = new FileOutputStream(AUTOGROUP)) {
      return written(group, nice);
    } catch (IOException e) {
      // The kernel has no such groups.
      return true;
    }
  }

  private static boolean written(OutputStream group, int nice) {
    try {
      group.write((nice + "\n").getBytes(StandardCharsets.US_ASCII));
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static List<Path> tasks() {
    try (Stream<Path> tasks = Files.list(TASKS)) {
      return tasks.toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private static boolean set(int thread, int policy, int nice, long sliceNanos) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attr = arena.allocate(ATTR_BYTES, Long.BYTES);
      attr.set(ValueLayout.JAVA_INT, 0, ATTR_BYTES);
      attr.set(ValueLayout.JAVA_INT, ATTR_POLICY, policy);
      attr.set(ValueLayout.JAVA_INT, ATTR_NICE, nice);
      attr.set(ValueLayout.JAVA_LONG, ATTR_RUNTIME, sliceNanos);
      long failed = (long) SYSCALL.invokeExact(Libc.state(), SYS_SCHED_SETATTR, thread, attr, 0);
      return failed == 0 || set(thread, nice);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }

  private static boolean set(int thread, int nice) {
    try {
      return (int) SETPRIORITY.invokeExact(Libc.state(), PRIO_PROCESS, thread, nice) == 0;
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }
}
