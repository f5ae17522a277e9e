package dev.skep.storage;

import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What is kept of a token that somebody presents, while it is looked up and afterwards: enough to
 * look it up again, and not the token. Immutable; equal to another of the same token.
 */
public final class PresentedToken {
  private final @Nullable String tenantTokenId;
  private final byte[] hash;

  private PresentedToken(@Nullable String tenantTokenId, byte[] hash) {
    this.tenantTokenId = tenantTokenId;
    this.hash = hash;
  }

  /**
   * Nothing if the text cannot be a token, by its length or its characters, or because it begins
   * like a tenant's and does not go on like one.
   *
   * @param text as it came from outside, of any length
   */
  public static Optional<PresentedToken> of(String text) {
    Optional<String> id = TokenFormat.tenantTokenId(text);
    return id.isPresent() || TokenFormat.isOperatorForm(text)
        ? Optional.of(new PresentedToken(id.orElse(null), TokenFormat.hash(text)))
        : Optional.empty();
  }

  /** The id that a tenant's token carries; nothing for an operator's. */
  Optional<String> tenantTokenId() {
    return Optional.ofNullable(tenantTokenId);
  }

  /** Whether it is a tenant's token with this id. */
  public boolean carries(String id) {
    return id.equals(tenantTokenId);
  }

  /** SHA-256 of the token, 32 bytes, not to be changed. */
  byte[] hash() {
    return hash;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof PresentedToken token && MessageDigest.isEqual(hash, token.hash);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(hash);
  }
}
