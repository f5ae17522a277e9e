package dev.skep.scheduler;

/**
 * The metered record of one run. Exactly one exists for each run that began.
 *
 * @param run names the run; with the tenant the key of the ledger
 * @param tenant who pays
 * @param function what ran
 * @param version which bytes ran
 * @param startedEpochMillis when the guest began, milliseconds since 1970
 * @param fuel units consumed
 * @param costTableVersion of the fuel table
 * @param priceVersion of the price table
 * @param nanoDollars price at that version
 * @param memoryPeakBytes most linear memory held at once
 * @param durationNanos wall-clock time of the guest, queue not counted
 * @param outcome how it ended, one of {@link Outcome}
 */
public record Receipt(
    RunId run,
    TenantId tenant,
    FunctionName function,
    ModuleDigest version,
    long startedEpochMillis,
    long fuel,
    int costTableVersion,
    int priceVersion,
    long nanoDollars,
    long memoryPeakBytes,
    long durationNanos,
    Outcome outcome) {

  /** How a run ended, by the word that the API, the ledger and the metrics use. */
  public enum Outcome {
    COMPLETED("completed"),
    REFUSED("refused"),
    EXITED("exited"),
    TRAPPED("trapped"),
    OUT_OF_FUEL("out-of-fuel"),
    DEADLINE("deadline"),
    LIMIT("limit"),
    CANCELLED("cancelled"),
    HOST_FAILURE("host-failure");

    private final String word;

    Outcome(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }

    /**
     * The outcome with this word.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Outcome of(String word) {
      for (Outcome outcome : values()) {
        if (outcome.word.equals(word)) {
          return outcome;
        }
      }
      throw new IllegalArgumentException("no outcome is called " + word);
    }
  }
}
