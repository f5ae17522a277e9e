package dev.skep.engine;

/** An instance's code on one tier. Confined to the thread that runs the guest. */
interface GuestCode {
  /**
   * Calls a function of the module.
   *
   * @param args one a parameter, as raw bits
   * @return one a result, as raw bits; those of 32 bits are extended somehow
   */
  long[] call(int function, long... args);

  /** Returns what is not in the slot's memories and tables to what it was before the first run. */
  void reset();

  /** Says that nothing is called any more. Idempotent. */
  void close();
}
