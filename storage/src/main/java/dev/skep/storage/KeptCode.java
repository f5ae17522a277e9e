package dev.skep.storage;

import dev.skep.scheduler.ModuleDigest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/**
 * What a node keeps of a version in one file: its machine code, and its module's bytes if it had
 * them at hand, so that a first run reads one file and asks nobody.
 *
 * <pre>
 *   with its module:     │ SKEPPAIR │ length of the module, little-endian │ module … │ artifact … │
 *   without:             │ artifact … │
 * </pre>
 *
 * Nothing else than such a pair begins with its mark: artifacts have another.
 *
 * @param module the version's bytes
 * @param artifact their machine code
 */
record KeptCode(Optional<byte[]> module, byte[] artifact) {
  private static final byte[] MARK = "SKEPPAIR".getBytes(StandardCharsets.US_ASCII);
  private static final int HEAD_BYTES = MARK.length + Integer.BYTES;

  /** How many bytes {@link #toBytes} has, or so. */
  long bytes() {
    return (long) HEAD_BYTES + module.map(bytes -> bytes.length).orElse(0) + artifact.length;
  }

  /** Whether the module, if it is there, is the one of this digest. */
  boolean isOf(ModuleDigest digest) {
    return module.isEmpty() || ModuleDigest.of(module.get()).equals(digest);
  }

  byte[] toBytes() {
    if (module.isEmpty()) {
      return artifact;
    }
    byte[] first = module.get();
    return ByteBuffer.allocate(Math.toIntExact(bytes()))
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(MARK)
        .putInt(first.length)
        .put(first)
        .put(artifact)
        .array();
  }

  /**
   * Reads what {@link #toBytes} has made.
   *
   * @param from where it begins in the bytes; it goes to their end
   * @return nothing if it has not
   */
  static Optional<KeptCode> read(byte[] bytes, int from) {
    int length = bytes.length - from;
    if (length < MARK.length
        || !Arrays.equals(bytes, from, from + MARK.length, MARK, 0, MARK.length)) {
      return Optional.of(
          new KeptCode(Optional.empty(), Arrays.copyOfRange(bytes, from, bytes.length)));
    }
    int first =
        length < HEAD_BYTES
            ? -1
            : ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(from + MARK.length);
    if (first < 0 || first > length - HEAD_BYTES) {
      return Optional.empty();
    }
    int module = from + HEAD_BYTES;
    int artifact = module + first;
    return Optional.of(
        new KeptCode(
            Optional.of(Arrays.copyOfRange(bytes, module, artifact)),
            Arrays.copyOfRange(bytes, artifact, bytes.length)));
  }
}
