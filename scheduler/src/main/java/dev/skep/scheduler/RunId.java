package dev.skep.scheduler;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Names one run, for ever and on every node: a UUID version 7 (RFC 9562), so that ids sort by time.
 * The receipts for compiling have ids of their own kind: {@link #ofCompiling}.
 *
 * @param uuid the id
 */
public record RunId(UUID uuid) {

  /**
   * A new id at this time. 74 random bits a millisecond make a collision as good as impossible; ids
   * are names and not secrets, so a fast generator does.
   *
   * @param epochMillis milliseconds since 1970, 0 to 2^48 − 1
   */
  public static RunId at(long epochMillis) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    long high = epochMillis << 16 | 0x7000L | random.nextInt(1 << 12);
    long low = 0x8000_0000_0000_0000L | random.nextLong() >>> 2;
    return new RunId(new UUID(high, low));
  }

  /**
   * The id of the one receipt for compiling a version for a tenant, the same whoever asks: so it is
   * in the ledger once, however often and through however many nodes the version is uploaded. A
   * UUID version 8 (RFC 9562) with 74 bits of a SHA-256; its first 48 bits are zero, so that these
   * ids stand apart from those of runs, which are times.
   */
  public static RunId ofCompiling(TenantId tenant, ModuleDigest version) {
    return ofWork("compile", tenant, version);
  }

  /** The same for compiling a version to machine code. */
  public static RunId ofCompilingNatively(TenantId tenant, ModuleDigest version) {
    return ofWork("compile-native", tenant, version);
  }

  private static RunId ofWork(String what, TenantId tenant, ModuleDigest version) {
    ByteBuffer hash;
    try {
      hash =
          ByteBuffer.wrap(
              MessageDigest.getInstance("SHA-256")
                  .digest(
                      (what + " " + tenant.value() + " " + version.hex())
                          .getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    long high = 0x8000L | hash.getLong() >>> 52;
    long low = 0x8000_0000_0000_0000L | hash.getLong() >>> 2;
    return new RunId(new UUID(high, low));
  }

  @Override
  public String toString() {
    return uuid.toString();
  }
}
