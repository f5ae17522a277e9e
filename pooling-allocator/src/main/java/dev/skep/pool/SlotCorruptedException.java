package dev.skep.pool;

/**
 * The audit found a slot that does not hold its image after a reset. The slot is not used again.
 */
public final class SlotCorruptedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  SlotCorruptedException(int slot, String what) {
    super("slot " + slot + " does not hold its image after a reset: " + what);
  }
}
