package dev.skep.engine;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** Why a guest trapped, in the standard's terms. */
public enum TrapKind {
  UNREACHABLE("unreachable"),
  INTEGER_DIVIDE_BY_ZERO("integer divide by zero"),
  INTEGER_OVERFLOW("integer overflow"),
  INVALID_CONVERSION("invalid conversion to integer"),
  OUT_OF_BOUNDS_MEMORY("out of bounds memory access"),
  OUT_OF_BOUNDS_TABLE("out of bounds table access"),
  UNDEFINED_ELEMENT("undefined element"),
  UNINITIALIZED_ELEMENT("uninitialized element"),
  INDIRECT_CALL_TYPE_MISMATCH("indirect call type mismatch"),
  NULL_REFERENCE("null reference"),
  CALL_STACK_EXHAUSTED("call stack exhausted"),
  /** The guest's answer does not keep to the calling convention it was called by. */
  BAD_ANSWER("bad answer"),
  /** The module asks to be kept after its initialiser, which did what cannot be kept. */
  NO_SNAPSHOT("no snapshot"),
  OTHER("trap");

  /** Those that the engine itself raises. */
  private static final Set<TrapKind> OF_THE_STANDARD =
      EnumSet.complementOf(EnumSet.of(BAD_ANSWER, NO_SNAPSHOT, OTHER));

  private final String phrase;

  TrapKind(String phrase) {
    this.phrase = phrase;
  }

  /** The word for it in the API: lower case with hyphens. */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The standard's phrase. */
  public String phrase() {
    return phrase;
  }

  /** The kind that an engine's message speaks of. */
  static TrapKind ofMessage(String message) {
    if (message.contains("unreachable")) {
      return UNREACHABLE;
    }
    if (message.contains("null") && message.contains("reference")) {
      return NULL_REFERENCE;
    }
    for (TrapKind kind : OF_THE_STANDARD) {
      if (message.startsWith(kind.phrase)) {
        return kind;
      }
    }
    return OTHER;
  }
}
