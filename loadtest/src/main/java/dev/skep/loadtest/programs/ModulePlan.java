package dev.skep.loadtest.programs;

import dev.skep.loadtest.wasm.ModuleWriter;
import java.util.List;

/**
 * What the bodies of a program can count on.
 *
 * @param writer that makes the module; bodies add the types of their blocks to it
 * @param signatures of the functions, by index: parameters, a colon, results
 * @param stable what the first elements of {@link #STABLE_TABLE} are, −1 for null; the first {@link
 *     #ALIKE} are of one type
 * @param globals their types; the first two are kept for bounding
 * @param pages that the memory begins with, 1 or 2
 * @param wildness how often something may trap that could be kept from it, 0 to 1
 */
record ModulePlan(
    ModuleWriter writer,
    List<String> signatures,
    int[] stable,
    String globals,
    int pages,
    double wildness) {

  /** Calls that the program still may make. */
  static final int CALLS_GLOBAL = 0;

  /** Turns of loops that it still may take. */
  static final int TURNS_GLOBAL = 1;

  /** The first global that is the program's own. */
  static final int FREE_GLOBALS = 2;

  /** A table of functions that nothing writes to. */
  static final int STABLE_TABLE = 0;

  /** A table of functions that may change. */
  static final int FUNCTION_TABLE = 1;

  /** A table of references to the host, all null. */
  static final int EXTERN_TABLE = 2;

  /** Elements that each table has at least; a power of two. */
  static final int ELEMENTS = 8;

  /** First elements of the stable table that are of one type; a power of two. */
  static final int ALIKE = 4;

  /** The segments that are never dropped: data of so many bytes, elements of so many. */
  static final int KEPT_SEGMENT = 0;

  /** The segments that may be dropped. */
  static final int DROPPED_SEGMENT = 1;

  static final int SEGMENT_BYTES = 64;
  static final int SEGMENT_ELEMENTS = 8;

  String params(int function) {
    String signature = signatures.get(function);
    return signature.substring(0, signature.indexOf(':'));
  }

  String results(int function) {
    String signature = signatures.get(function);
    return signature.substring(signature.indexOf(':') + 1);
  }

  char tableType(int table) {
    return table == EXTERN_TABLE ? 'e' : 'r';
  }
}
