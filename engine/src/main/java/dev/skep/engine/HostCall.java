package dev.skep.engine;

import dev.skep.pool.SlotMemory;

/** A function of the host, which finds its run by the memory that it is called with. */
interface HostCall {
  /**
   * @param args one a parameter, as raw bits
   * @return one a result, as raw bits
   */
  long[] call(SlotMemory memory, long[] args);
}
