package dev.skep.scheduler;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * The SHA-256 of a module's bytes, which names a version.
 *
 * @param hex 64 lower-case hexadecimal digits
 */
public record ModuleDigest(String hex) {
  private static final Pattern PATTERN = Pattern.compile("[0-9a-f]{64}");

  public ModuleDigest {
    if (!PATTERN.matcher(hex).matches()) {
      throw new IllegalArgumentException("a digest is 64 lower-case hexadecimal digits");
    }
  }

  /** The digest of {@code bytes}. Linear in their length. */
  public static ModuleDigest of(byte[] bytes) {
    try {
      return new ModuleDigest(
          HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  @Override
  public String toString() {
    return "sha256:" + hex;
  }
}
