package dev.skep.loadtest;

import java.util.Locale;

/** Says on stderr, once a second at most, how far a phase has come. Confined to one thread. */
final class Progress {
  private static final long EVERY_NANOS = 1_000_000_000L;

  private final String what;
  private final int count;
  private final long startNanos = System.nanoTime();
  private long saidNanos = startNanos;
  private int done;

  Progress(String what, int count) {
    this.what = what;
    this.count = count;
  }

  void step() {
    at(done + 1);
  }

  /** Says how far it has come, if others count. */
  void at(int reached) {
    done = reached;
    long nowNanos = System.nanoTime();
    if (nowNanos - saidNanos >= EVERY_NANOS || done == count) {
      saidNanos = nowNanos;
      say(
          String.format(
              Locale.ROOT,
              "%s %,d of %,d, %.0f s",
              what,
              done,
              count,
              (nowNanos - startNanos) / 1e9));
    }
  }

  static void say(String line) {
    System.err.println("  … " + line);
  }
}
