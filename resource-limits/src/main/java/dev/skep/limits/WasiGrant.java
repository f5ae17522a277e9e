package dev.skep.limits;

/** One thing of the host that a guest can be granted. Nothing is granted by default. */
public enum WasiGrant {
  /** The arguments of a command. */
  ARGUMENTS("arguments"),
  /** The environment of a command. */
  ENVIRONMENT("environment"),
  /** File descriptor 0. */
  STDIN("stdin"),
  /** File descriptor 1. */
  STDOUT("stdout"),
  /** File descriptor 2. */
  STDERR("stderr"),
  /** The real clock. */
  CLOCK("clock"),
  /** The monotonic clock, which begins with the run; the clocks of CPU time are this one too. */
  MONOTONIC_CLOCK("monotonicClock"),
  /** Random bytes. */
  RANDOM("random"),
  /** A read-only tree of files. */
  TREE("tree"),
  /** A writable tree of files that is empty when a run begins and forgotten when it ends. */
  SCRATCH("scratch");

  private final String word;

  WasiGrant(String word) {
    this.word = word;
  }

  /** The word that the API uses. */
  public String word() {
    return word;
  }
}
