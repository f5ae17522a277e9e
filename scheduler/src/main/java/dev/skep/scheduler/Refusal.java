package dev.skep.scheduler;

/** Why a run was not admitted. None of them is billed. */
public enum Refusal {
  /** The tenant has as many runs waiting as it may. */
  TENANT_QUEUE_FULL("tenant-queue-full"),
  /** The node has as many runs waiting as it may. */
  QUEUE_FULL("queue-full"),
  /** Every slot of the slab is running. */
  POOL_FULL("pool-full"),
  /** As many modules wait to be compiled as may. */
  COMPILE_QUEUE_FULL("compile-queue-full"),
  /** The node is going down. */
  DRAINING("draining"),
  /** The operator has suspended the tenant. */
  SUSPENDED("suspended");

  private final String word;

  Refusal(String word) {
    this.word = word;
  }

  /** The word that the API and the metrics use. */
  public String word() {
    return word;
  }
}
