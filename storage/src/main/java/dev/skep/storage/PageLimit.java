package dev.skep.storage;

/** Bounds every page, so that no answer grows with the table. */
final class PageLimit {
  /** A page of receipts at this bound is some 300 KB. */
  static final int MOST = 1_000;

  private PageLimit() {}

  /**
   * @throws IllegalArgumentException if {@code limit} is not from 1 to {@link #MOST}
   */
  static int check(int limit) {
    if (limit < 1 || limit > MOST) {
      throw new IllegalArgumentException("limit is " + limit + "; it must be from 1 to " + MOST);
    }
    return limit;
  }
}
