package dev.skep.engine;

/**
 * A bulk operator with its immediates, for which the instrumented module has one function.
 *
 * @param kind which operator
 * @param first its first immediate, as the binary format orders them
 * @param second its second immediate, 0 if it has one only
 */
record BulkOperation(Kind kind, int first, int second) {

  /** The operators that cost by what they move, and the one that makes another move nothing. */
  enum Kind {
    DATA_DROP,
    MEMORY_GROW,
    MEMORY_INIT,
    MEMORY_COPY,
    MEMORY_FILL,
    TABLE_INIT,
    TABLE_COPY,
    TABLE_GROW,
    TABLE_FILL
  }

  /** Which of the operands says how much is moved, from 0. */
  int lengthOperand() {
    return switch (kind) {
      case MEMORY_GROW -> 0;
      case TABLE_GROW -> 1;
      default -> 2;
    };
  }

  int operands() {
    return switch (kind) {
      case DATA_DROP -> 0;
      case MEMORY_GROW -> 1;
      case TABLE_GROW -> 2;
      default -> 3;
    };
  }

  /** Writes the operator itself (core spec 5.4). */
  void writeOperator(WasmBuffer out) {
    if (kind == Kind.MEMORY_GROW) {
      out.u8(0x40);
      out.u32(first);
      return;
    }
    out.u8(0xFC);
    out.u32(
        switch (kind) {
          case MEMORY_GROW -> throw new AssertionError();
          case MEMORY_INIT -> 8;
          case DATA_DROP -> 9;
          case MEMORY_COPY -> 10;
          case MEMORY_FILL -> 11;
          case TABLE_INIT -> 12;
          case TABLE_COPY -> 14;
          case TABLE_GROW -> 15;
          case TABLE_FILL -> 17;
        });
    out.u32(first);
    if (kind == Kind.MEMORY_INIT
        || kind == Kind.MEMORY_COPY
        || kind == Kind.TABLE_INIT
        || kind == Kind.TABLE_COPY) {
      out.u32(second);
    }
  }
}
