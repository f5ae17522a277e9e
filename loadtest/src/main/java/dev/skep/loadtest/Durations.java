package dev.skep.loadtest;

import org.HdrHistogram.Histogram;

/** Histograms of durations. */
final class Durations {
  /** Longer ones count as this long. */
  private static final long MOST_NANOS = 60_000_000_000L;

  /** To within 0.1 %. */
  private static final int DIGITS = 3;

  private Durations() {}

  static Histogram create() {
    return new Histogram(MOST_NANOS, DIGITS);
  }

  static void record(Histogram nanos, long value) {
    nanos.recordValue(Math.min(Math.max(0, value), MOST_NANOS));
  }
}
