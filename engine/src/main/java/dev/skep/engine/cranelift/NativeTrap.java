package dev.skep.engine.cranelift;

/** Why machine code came back without a result. */
public enum NativeTrap {
  NONE(0),
  UNREACHABLE(1),
  INTEGER_DIVIDE_BY_ZERO(2),
  INTEGER_OVERFLOW(3),
  INVALID_CONVERSION(4),
  OUT_OF_BOUNDS_MEMORY(5),
  OUT_OF_BOUNDS_TABLE(6),
  UNDEFINED_ELEMENT(7),
  UNINITIALIZED_ELEMENT(8),
  INDIRECT_CALL_TYPE_MISMATCH(9),
  /** The call depth was used up. */
  DEPTH(10),
  /** What the code called of the host failed, which the host remembers. */
  HOST(11);

  private static final NativeTrap[] ALL = values();

  private final int number;

  NativeTrap(int number) {
    this.number = number;
  }

  /** How the context says it. */
  public int number() {
    return number;
  }

  /** The trap with this number. */
  public static NativeTrap of(int number) {
    return ALL[number];
  }
}
