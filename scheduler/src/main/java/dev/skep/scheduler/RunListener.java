package dev.skep.scheduler;

/** Hears of runs as they end, for metrics. Called on the invoke path: must not block or throw. */
public interface RunListener {
  /** Hears nothing. */
  RunListener NONE =
      new RunListener() {
        @Override
        public void started(TenantId tenant, long waitedNanos) {}

        @Override
        public void ended(Receipt receipt) {}

        @Override
        public void refused(TenantId tenant, Refusal refusal) {}
      };

  /** A run has left its queue after this long. */
  void started(TenantId tenant, long waitedNanos);

  /** A long run has given up its worker and waits for its next turn. */
  default void yielded(TenantId tenant) {}

  /** It has a worker again. */
  default void resumed(TenantId tenant) {}

  /** A run has ended. */
  void ended(Receipt receipt);

  /** An ended run's receipt is on the disk, or was refused, this long after the run's end. */
  default void recorded(long nanos) {}

  /** A run was refused. */
  void refused(TenantId tenant, Refusal refusal);
}
