package dev.skep.pool;

import dev.skep.pool.os.Niceness;

/**
 * Which threads step back when processors are short. Those that answer come first: they are awake
 * for microseconds, and everybody waits for them. Guests come behind them, and then work that
 * nobody waits for but who has asked for it. Without this a node that is busy with one tenant's
 * uploads and loops would keep another's answer waiting for its turn of a processor, several times
 * on its way. From long runs on, threads also take short slices: niceness alone shares processors
 * in the long run, and lets who is running finish some milliseconds when one that answers wakes up.
 *
 * <p>Java's own priorities do nothing on Linux by default. Where the system refuses, threads are as
 * all others.
 */
public enum Backstage {
  /** Threads that answer: event loops, and the one that writes receipts. */
  ANSWERS(0),
  /** Threads that execute guests. */
  GUESTS(2),
  /** A database server of the node's own: no run waits for it, but it must keep up. */
  DATABASE(5),
  /** Threads with guests that have had their turn. */
  LONG_RUNS(10),
  /** The JVM's compilers: as much as long runs, which have use for their work. */
  JIT(10),
  /** Checks of uploads. */
  CHECKS(12),
  /** Compiles of modules. */
  COMPILES(15);

  private final int nice;

  Backstage(int nice) {
    this.nice = nice;
  }

  /** Puts the calling thread here, for good. */
  public void enter() {
    var _ = compareTo(GUESTS) <= 0 ? Niceness.setShort(nice) : Niceness.setBehind(nice);
  }

  /** Puts the JVM's compiler threads where they belong, and those that they begin later. */
  public static void enterCompilers() {
    var _ =
        Niceness.setBehindOf(name -> name.startsWith("C1 ") || name.startsWith("C2 "), JIT.nice);
  }

  /** Puts all threads of this process here, and those that they begin later. */
  public void enterWhole() {
    var _ = Niceness.setBehindOf(_ -> true, nice);
  }

  /** The niceness, as setpriority(2) has it. */
  public int nice() {
    return nice;
  }
}
