package dev.skep.scheduler;

import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Names one run, for ever and on every node: a UUID version 7 (RFC 9562), so that ids sort by time.
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

  @Override
  public String toString() {
    return uuid.toString();
  }
}
