package dev.skep.limits;

/**
 * Ends a run whose store has reached a limit. Thrown through the guest's frames, so its stack trace
 * says where the guest was.
 */
public final class LimitExceededException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final LimitKind kind;
  private final long limit;

  public LimitExceededException(LimitKind kind, long limit, String message) {
    super(message);
    this.kind = kind;
    this.limit = limit;
  }

  public LimitKind kind() {
    return kind;
  }

  /** The limit that held, in the unit of {@link LimitKind#field()}. */
  public long limit() {
    return limit;
  }
}
