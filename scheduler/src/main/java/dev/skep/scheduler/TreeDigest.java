package dev.skep.scheduler;

/**
 * The SHA-256 of an uploaded archive, which names the tree in it.
 *
 * @param hex 64 lower-case hexadecimal digits
 */
public record TreeDigest(String hex) {

  public TreeDigest {
    // The same form as a module's, and its check.
    hex = new ModuleDigest(hex).hex();
  }

  /** The digest of an archive. Linear in its length. */
  public static TreeDigest of(byte[] archive) {
    return new TreeDigest(ModuleDigest.of(archive).hex());
  }

  @Override
  public String toString() {
    return "sha256:" + hex;
  }
}
