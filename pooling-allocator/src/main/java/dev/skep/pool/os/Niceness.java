package dev.skep.pool.os;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * How much a thread of this process steps back when processors are short (setpriority(2), which on
 * Linux is of a thread). Raising it needs no privilege; nobody here lowers it again.
 */
public final class Niceness {
  private static final int PRIO_PROCESS = 0;
  private static final Path TASKS = Path.of("/proc/self/task");

  private static final MethodHandle GETTID =
      Libc.handle("gettid", FunctionDescriptor.of(ValueLayout.JAVA_INT));
  private static final MethodHandle SETPRIORITY =
      Libc.handle(
          "setpriority",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT));

  private Niceness() {}

  /**
   * Sets the calling thread's niceness, and that of the threads which it begins from now on.
   *
   * @param nice 0, as any other, to 19, only what is left over
   * @return whether the system let it
   */
  public static boolean set(int nice) {
    try {
      return set((int) GETTID.invokeExact(Libc.state()), nice);
    } catch (Throwable e) {
      throw Libc.unexpected(e);
    }
  }

  /**
   * Sets the niceness of the threads with such a name, as the system has it: its first 15 bytes.
   *
   * @return of how many
   */
  public static int setOf(Predicate<String> named, int nice) {
    int count = 0;
    for (Path task : tasks()) {
      try {
        if (named.test(Files.readString(task.resolve("comm")).strip())
            && set(Integer.parseInt(task.getFileName().toString()), nice)) {
          count++;
        }
      } catch (IOException e) {
        // It has ended since.
      }
    }
    return count;
  }

  private static List<Path> tasks() {
    try (Stream<Path> tasks = Files.list(TASKS)) {
      return tasks.toList();
    } catch (IOException e) {
      return List.of();
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
