package dev.skep.loadtest.programs;

import java.util.ArrayList;
import java.util.List;

/**
 * An operator that maps numbers to a number (core spec 5.4.5).
 *
 * @param code its byte, or 0xFC00 and the number behind the prefix
 * @param inputs a letter each: i32 {@code i}, i64 {@code I}, f32 {@code f}, f64 {@code F}
 * @param output a letter
 * @param care what a generator has to see to
 */
record NumericOperator(int code, String inputs, char output, Care care) {

  /** What is special about an operator. */
  enum Care {
    NONE,
    /** Traps if the second operand is 0, or −1 with the least number. */
    DIVIDES,
    /** Traps on a NaN and on what the integer cannot hold. */
    TRUNCATES,
    /** May answer a NaN whose bits the standard leaves open. */
    MAKES_NAN,
    /** Hands a NaN of its operand on. */
    KEEPS_NAN,
    /** Shows a NaN's bits. */
    SHOWS_BITS
  }

  /** All of core 2.0. */
  static final List<NumericOperator> ALL = all();

  private static List<NumericOperator> all() {
    List<NumericOperator> list = new ArrayList<>();
    add(list, 0x45, 0x45, "i", 'i', Care.NONE);
    add(list, 0x46, 0x4F, "ii", 'i', Care.NONE);
    add(list, 0x50, 0x50, "I", 'i', Care.NONE);
    add(list, 0x51, 0x5A, "II", 'i', Care.NONE);
    add(list, 0x5B, 0x60, "ff", 'i', Care.NONE);
    add(list, 0x61, 0x66, "FF", 'i', Care.NONE);
    integers(list, 0x67, 'i');
    integers(list, 0x79, 'I');
    floats(list, 0x8B, 'f');
    floats(list, 0x99, 'F');
    add(list, 0xA7, 0xA7, "I", 'i', Care.NONE);
    add(list, 0xA8, 0xA9, "f", 'i', Care.TRUNCATES);
    add(list, 0xAA, 0xAB, "F", 'i', Care.TRUNCATES);
    add(list, 0xAC, 0xAD, "i", 'I', Care.NONE);
    add(list, 0xAE, 0xAF, "f", 'I', Care.TRUNCATES);
    add(list, 0xB0, 0xB1, "F", 'I', Care.TRUNCATES);
    add(list, 0xB2, 0xB3, "i", 'f', Care.NONE);
    add(list, 0xB4, 0xB5, "I", 'f', Care.NONE);
    add(list, 0xB6, 0xB6, "F", 'f', Care.MAKES_NAN);
    add(list, 0xB7, 0xB8, "i", 'F', Care.NONE);
    add(list, 0xB9, 0xBA, "I", 'F', Care.NONE);
    add(list, 0xBB, 0xBB, "f", 'F', Care.MAKES_NAN);
    add(list, 0xBC, 0xBC, "f", 'i', Care.SHOWS_BITS);
    add(list, 0xBD, 0xBD, "F", 'I', Care.SHOWS_BITS);
    add(list, 0xBE, 0xBE, "i", 'f', Care.NONE);
    add(list, 0xBF, 0xBF, "I", 'F', Care.NONE);
    add(list, 0xC0, 0xC1, "i", 'i', Care.NONE);
    add(list, 0xC2, 0xC4, "I", 'I', Care.NONE);
    add(list, 0xFC00, 0xFC01, "f", 'i', Care.NONE);
    add(list, 0xFC02, 0xFC03, "F", 'i', Care.NONE);
    add(list, 0xFC04, 0xFC05, "f", 'I', Care.NONE);
    add(list, 0xFC06, 0xFC07, "F", 'I', Care.NONE);
    return List.copyOf(list);
  }

  /** clz, ctz, popcnt; add, sub, mul; div, rem by sign; and to rotr. */
  private static void integers(List<NumericOperator> list, int first, char type) {
    String two = "" + type + type;
    add(list, first, first + 2, "" + type, type, Care.NONE);
    add(list, first + 3, first + 5, two, type, Care.NONE);
    add(list, first + 6, first + 9, two, type, Care.DIVIDES);
    add(list, first + 10, first + 17, two, type, Care.NONE);
  }

  /** abs, neg; ceil to sqrt; add to max; copysign. */
  private static void floats(List<NumericOperator> list, int first, char type) {
    String two = "" + type + type;
    add(list, first, first + 1, "" + type, type, Care.KEEPS_NAN);
    add(list, first + 2, first + 6, "" + type, type, Care.MAKES_NAN);
    add(list, first + 7, first + 12, two, type, Care.MAKES_NAN);
    add(list, first + 13, first + 13, two, type, Care.SHOWS_BITS);
  }

  private static void add(
      List<NumericOperator> list, int first, int last, String inputs, char output, Care care) {
    for (int code = first; code <= last; code++) {
      list.add(new NumericOperator(code, inputs, output, care));
    }
  }
}
