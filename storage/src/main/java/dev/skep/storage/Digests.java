package dev.skep.storage;

import dev.skep.scheduler.ModuleDigest;
import java.util.HexFormat;

/** Digests as their 32 bytes, half of what their text takes in every row and index. */
final class Digests {
  static final int BYTES = 32;

  private Digests() {}

  static byte[] toBytes(ModuleDigest digest) {
    return HexFormat.of().parseHex(digest.hex());
  }

  static ModuleDigest fromBytes(byte[] bytes) {
    return new ModuleDigest(HexFormat.of().formatHex(bytes));
  }
}
