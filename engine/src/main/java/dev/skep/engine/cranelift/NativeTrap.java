package dev.skep.engine.cranelift;

/** Why machine code came back without a result; its number is the ordinal. */
public enum NativeTrap {
  NONE,
  UNREACHABLE,
  INTEGER_DIVIDE_BY_ZERO,
  INTEGER_OVERFLOW,
  INVALID_CONVERSION,
  OUT_OF_BOUNDS_MEMORY,
  OUT_OF_BOUNDS_TABLE,
  UNDEFINED_ELEMENT,
  UNINITIALIZED_ELEMENT,
  INDIRECT_CALL_TYPE_MISMATCH,
  /** The call depth was used up. */
  DEPTH,
  /** What the code called of the host failed, which the host remembers. */
  HOST
}
