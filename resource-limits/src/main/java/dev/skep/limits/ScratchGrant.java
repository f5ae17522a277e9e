package dev.skep.limits;

/**
 * A grant of scratch space.
 *
 * @param path where the guest sees it: see {@link WasiGrants#checkPath}
 * @param bytes most bytes of file contents, counted in blocks of 4,096; 4,096 to {@value
 *     #MOST_BYTES}
 * @param entries most files and directories at once, 1 to {@value #MOST_ENTRIES}
 */
public record ScratchGrant(String path, long bytes, int entries) {
  /** A run's files live in the host's heap, beside those of all other runs. */
  public static final long MOST_BYTES = 16L << 20;

  /** In which contents are counted. */
  public static final int BLOCK_BYTES = 4_096;

  public static final int MOST_ENTRIES = 10_000;

  public static final long DEFAULT_BYTES = 1L << 20;
  public static final int DEFAULT_ENTRIES = 1_000;

  public ScratchGrant {
    WasiGrants.checkPath("scratch.path", path);
    check("scratch.bytes", bytes, BLOCK_BYTES, MOST_BYTES);
    check("scratch.entries", entries, 1, MOST_ENTRIES);
  }

  private static void check(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be from " + min + " to " + max);
    }
  }
}
