package dev.skep.storage;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;

/**
 * What tokens look like.
 *
 * <pre>
 *   skep_   0123456789abcdef01234567 _ dWfR…43 characters…     a tenant's
 *   skepop_ 0123456789abcdef01234567 _ dWfR…43 characters…     an operator's, issued
 *           id, 96 bits                secret, 256 bits, base64url
 *   any other 16 to 256 printable ASCII characters             an operator's, configured
 * </pre>
 */
final class TokenFormat {
  static final String TENANT_PREFIX = "skep_";
  static final String OPERATOR_PREFIX = "skepop_";

  private static final int MIN_CHARS = 16;
  private static final int MAX_CHARS = 256;
  private static final int ID_BYTES = 12;
  private static final int SECRET_BYTES = 32;

  /** Of the id, in hexadecimal, and of the secret, in base64url without padding. */
  private static final int ID_CHARS = 2 * ID_BYTES;

  private static final int SECRET_CHARS = 43;

  private TokenFormat() {}

  /** A fresh id: unique by chance, so that no index across tenants has to see to it. */
  static String newId(SecureRandom random) {
    byte[] bytes = new byte[ID_BYTES];
    random.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /** A fresh token with this id. */
  static String newToken(String prefix, String id, SecureRandom random) {
    byte[] bytes = new byte[SECRET_BYTES];
    random.nextBytes(bytes);
    return prefix + id + "_" + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  /** The id in a token of a tenant's form. For every request: no regular expression. */
  static Optional<String> tenantTokenId(String token) {
    int secret = TENANT_PREFIX.length() + ID_CHARS + 1;
    boolean matches =
        token.length() == secret + SECRET_CHARS
            && token.startsWith(TENANT_PREFIX)
            && token.charAt(secret - 1) == '_';
    for (int i = TENANT_PREFIX.length(); matches && i < secret - 1; i++) {
      matches = isHex(token.charAt(i));
    }
    for (int i = secret; matches && i < token.length(); i++) {
      matches = isBase64Url(token.charAt(i));
    }
    return matches
        ? Optional.of(token.substring(TENANT_PREFIX.length(), secret - 1))
        : Optional.empty();
  }

  private static boolean isHex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  }

  private static boolean isBase64Url(char c) {
    return (c >= '0' && c <= '9')
        || (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || c == '-'
        || c == '_';
  }

  /** Whether this may be an operator's token: printable, 16 to 256 long, not of a tenant's form. */
  static boolean isOperatorForm(String token) {
    if (token.length() < MIN_CHARS
        || token.length() > MAX_CHARS
        || token.startsWith(TENANT_PREFIX)) {
      return false;
    }
    for (int i = 0; i < token.length(); i++) {
      if (token.charAt(i) < ' ' || token.charAt(i) > '~') {
        return false;
      }
    }
    return true;
  }

  /** SHA-256 of the whole token, 32 bytes. */
  static byte[] hash(String token) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
