package dev.skep.scheduler;

/**
 * The metered record of one run, or of the compiling of one version. Exactly one exists for each
 * run that began, and one for each version that a tenant has uploaded.
 *
 * @param kind what was done
 * @param run names the run, or the compiling; with the tenant the key of the ledger
 * @param tenant who pays
 * @param function what ran; of compiling, the function that the version was first uploaded to
 * @param version which bytes ran
 * @param startedEpochMillis when the guest began, or the module was uploaded, milliseconds since
 *     1970
 * @param fuel units consumed
 * @param costTableVersion of the fuel table
 * @param priceVersion of the price table
 * @param nanoDollars price at that version
 * @param memoryPeakBytes most linear memory held at once; 0 of compiling
 * @param durationNanos wall-clock time of the guest, queue not counted; 0 of compiling, which is
 *     charged by the module's size
 * @param outcome how it ended, one of {@link Outcome}
 * @param tier on which it ran, or for which it was compiled: {@link #TIER_1} or {@link #TIER_2}
 */
public record Receipt(
    Kind kind,
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
    Outcome outcome,
    int tier) {

  /** Classes of the JVM. */
  public static final int TIER_1 = 1;

  /** Machine code. */
  public static final int TIER_2 = 2;

  public Receipt {
    if (tier != TIER_1 && tier != TIER_2) {
      throw new IllegalArgumentException("tier is " + tier + "; it must be 1 or 2");
    }
  }

  /** What a receipt is for, by the word that the API and the ledger use. */
  public enum Kind {
    RUN("run"),
    COMPILE("compile");

    private final String word;

    Kind(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }

    /**
     * The kind with this word.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Kind of(String word) {
      for (Kind kind : values()) {
        if (kind.word.equals(word)) {
          return kind;
        }
      }
      throw new IllegalArgumentException("no kind of receipt is called " + word);
    }
  }

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
