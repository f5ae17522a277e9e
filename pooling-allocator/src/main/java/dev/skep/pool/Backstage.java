package dev.skep.pool;

import dev.skep.pool.os.Niceness;

/**
 * Which threads step back when processors are short. Those that answer come first: they are awake
 * for microseconds, and everybody waits for them. Guests come behind them, and then work that
 * nobody waits for but who has asked for it. Without this a node that is busy with one tenant's
 * uploads and loops would keep another's answer waiting for its turn of a processor, several times
 * on its way.
 *
 * <p>Niceness alone shares processors in the long run, and lets who is running go on for some
 * milliseconds when one that answers wakes up. So who is further behind has the longer slice, which
 * is what makes the kernel interrupt it at once; and those behind guests interrupt nobody when they
 * wake up themselves.
 *
 * <p>Java's own priorities do nothing on Linux by default. Where the system refuses, threads are as
 * all others.
 */
public enum Backstage {
  /** Threads that answer: event loops, and the one that writes receipts. */
  ANSWERS(0, false, 100),
  /** Threads that execute guests. */
  GUESTS(2, false, 200),
  /** A database server of the node's own: no run waits for it, but it must keep up. */
  DATABASE(5, true, 3_000),
  /** Threads with guests that have had their turn. */
  LONG_RUNS(10, true, 3_000),
  /** The JVM's compilers: as much as long runs, which have use for their work. */
  JIT(10, true, 3_000),
  /** What the node itself does with uploads. */
  CHECKS(12, true, 3_000),
  /** Compiles of modules, and the process that checks and compiles them. */
  COMPILES(15, true, 3_000);

  private final int nice;
  private final boolean behind;
  private final long sliceNanos;

  Backstage(int nice, boolean behind, int sliceMicros) {
    this.nice = nice;
    this.behind = behind;
    this.sliceNanos = sliceMicros * 1_000L;
  }

  /** Puts the calling thread here, for good. */
  public void enter() {
    var _ = Niceness.set(nice, behind, sliceNanos);
  }

  /** Puts the JVM's compiler threads where they belong, and those that they begin later. */
  public static void enterCompilers() {
    var _ =
        Niceness.setBehindOf(
            name -> name.startsWith("C1 ") || name.startsWith("C2 "), JIT.nice, JIT.sliceNanos);
  }

  /**
   * Puts all threads of this process here, and those that they begin later, in a session of their
   * own. For a process that serves another.
   */
  public void enterWhole() {
    Niceness.ownSession(nice);
    var _ = Niceness.setBehindOf(_ -> true, nice, sliceNanos);
  }

  /** The niceness, as setpriority(2) has it. */
  public int nice() {
    return nice;
  }
}
