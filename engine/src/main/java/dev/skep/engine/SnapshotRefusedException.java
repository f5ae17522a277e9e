package dev.skep.engine;

/** An initialiser did what a snapshot cannot hold. */
final class SnapshotRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  SnapshotRefusedException(String message) {
    super(message);
  }
}
