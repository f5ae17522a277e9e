package dev.skep.pool;

/**
 * No slot was leased, and nothing has changed.
 *
 * @param reason what there was too little of
 * @param message what was asked, the limit, and what to do
 */
public record TakeRefused(Reason reason, String message) implements TakeOutcome {

  /** What there was too little of. */
  public enum Reason {
    /** Every slot that would do is leased, or kept for another owner's floor. */
    NO_SLOT("no_slot"),
    /** As many instances are live as may be. */
    NO_INSTANCE("no_instance"),
    /** The owner has as many slots as it may have. */
    CEILING("ceiling"),
    /** No slot is large enough. */
    TOO_LARGE("too_large"),
    /** The kernel refused memory or a mapping. */
    KERNEL("kernel");

    private final String word;

    Reason(String word) {
      this.word = word;
    }

    /** Its name in metrics. */
    public String word() {
      return word;
    }
  }
}
