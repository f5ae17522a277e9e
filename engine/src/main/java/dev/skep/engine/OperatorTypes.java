package dev.skep.engine;

import org.jspecify.annotations.Nullable;

/** Operands and results of the operators that have nothing else to them (core spec 5.4, 3.3). */
final class OperatorTypes {
  private static final byte I32 = 0x7F;
  private static final byte I64 = 0x7E;
  private static final byte F32 = 0x7D;
  private static final byte F64 = 0x7C;

  private static final byte[] @Nullable [] NUMERIC = numeric();
  private static final byte[][] SATURATING = {
    {F32, I32}, {F32, I32}, {F64, I32}, {F64, I32}, {F32, I64}, {F32, I64}, {F64, I64}, {F64, I64}
  };

  /** From 0x28 on: the value of each load and store, and the exponent of its natural alignment. */
  private static final byte[] ACCESSED = {
    I32, I64, F32, F64, I32, I32, I32, I32, I64, I64, I64, I64, I64, I64, I32, I64, F32, F64, I32,
    I32, I64, I64, I64
  };

  private static final byte[] ALIGNMENT = {
    2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 3, 2, 3, 0, 1, 0, 1, 2
  };

  private static final int FIRST_ACCESS = 0x28;

  private OperatorTypes() {}

  private static byte[] @Nullable [] numeric() {
    byte[] @Nullable [] all = new byte[256][];
    range(all, 0x45, 0x45, I32, I32);
    range(all, 0x46, 0x4F, I32, I32, I32);
    range(all, 0x50, 0x50, I64, I32);
    range(all, 0x51, 0x5A, I64, I64, I32);
    range(all, 0x5B, 0x60, F32, F32, I32);
    range(all, 0x61, 0x66, F64, F64, I32);
    range(all, 0x67, 0x69, I32, I32);
    range(all, 0x6A, 0x78, I32, I32, I32);
    range(all, 0x79, 0x7B, I64, I64);
    range(all, 0x7C, 0x8A, I64, I64, I64);
    range(all, 0x8B, 0x91, F32, F32);
    range(all, 0x92, 0x98, F32, F32, F32);
    range(all, 0x99, 0x9F, F64, F64);
    range(all, 0xA0, 0xA6, F64, F64, F64);
    range(all, 0xA7, 0xA7, I64, I32);
    range(all, 0xA8, 0xA9, F32, I32);
    range(all, 0xAA, 0xAB, F64, I32);
    range(all, 0xAC, 0xAD, I32, I64);
    range(all, 0xAE, 0xAF, F32, I64);
    range(all, 0xB0, 0xB1, F64, I64);
    range(all, 0xB2, 0xB3, I32, F32);
    range(all, 0xB4, 0xB5, I64, F32);
    range(all, 0xB6, 0xB6, F64, F32);
    range(all, 0xB7, 0xB8, I32, F64);
    range(all, 0xB9, 0xBA, I64, F64);
    range(all, 0xBB, 0xBB, F32, F64);
    range(all, 0xBC, 0xBC, F32, I32);
    range(all, 0xBD, 0xBD, F64, I64);
    range(all, 0xBE, 0xBE, I32, F32);
    range(all, 0xBF, 0xBF, I64, F64);
    range(all, 0xC0, 0xC1, I32, I32);
    range(all, 0xC2, 0xC4, I64, I64);
    return all;
  }

  private static void range(byte[] @Nullable [] all, int from, int to, byte... signature) {
    for (int op = from; op <= to; op++) {
      all[op] = signature;
    }
  }

  /** The operands' types and, last, the result's; null if it is no such operator. */
  static byte @Nullable [] of(int op) {
    return NUMERIC[op];
  }

  /** Those of the saturating truncations, 0xFC 0 to 7. */
  static byte[] saturating(int op) {
    return SATURATING[op];
  }

  /** The type that a load answers or a store takes, 0x28 to 0x3E. */
  static byte accessed(int op) {
    return ACCESSED[op - FIRST_ACCESS];
  }

  /** Exponent of the most alignment that a load or store may claim. */
  static int alignment(int op) {
    return ALIGNMENT[op - FIRST_ACCESS];
  }
}
