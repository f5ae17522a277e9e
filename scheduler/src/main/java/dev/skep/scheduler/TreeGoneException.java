package dev.skep.scheduler;

/** A tree was replaced or deleted after its function was looked up. */
public final class TreeGoneException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  TreeGoneException(TreeDigest digest) {
    super("the tree " + digest + " is gone");
  }
}
