package dev.skep.storage;

/** How {@link TokenStore#issue} ended. */
public sealed interface IssueTokenResult {

  /**
   * A new token.
   *
   * @param tokenId names it
   * @param plaintext the token itself, to be shown to its owner now: it cannot be had again. Not in
   *     {@link #toString}
   */
  record Issued(String tokenId, String plaintext) implements IssueTokenResult {
    @Override
    public String toString() {
      return "Issued[tokenId=" + tokenId + ", plaintext=…]";
    }
  }

  /** There is no such tenant. */
  record NoSuchTenant() implements IssueTokenResult {}

  /**
   * The tenant has as many good tokens as it may; revoking one makes room.
   *
   * @param limit that many
   */
  record LimitReached(int limit) implements IssueTokenResult {}
}
