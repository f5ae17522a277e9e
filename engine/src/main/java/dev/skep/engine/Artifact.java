package dev.skep.engine;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * A module compiled to machine code, to be kept and to be mapped by any node whose {@link
 * CompilerKey} is the same. Immutable, but for the array of the code, which must not be changed.
 *
 * <p>Whatever is made or read is checked: every number that says a place says one that is there.
 * What the code itself does is not checked and cannot be; it is run only if it comes from where
 * nobody but nodes can write.
 *
 * <p>In bytes, all numbers little-endian of 4 bytes, sections without gaps:
 *
 * <pre>
 *   0        8        12      16               48                 84
 *   │SKEPCODE│ format │ bytes │ module SHA-256 │ 9 section lengths │ sections … │ SHA-256 │
 *
 *   sections: key │ code │ one for each Table, in their order │ names
 *   names:    function │ length │ UTF-8 ┄ ascending
 * </pre>
 *
 * The last 32 bytes are the SHA-256 of all before them.
 */
public final class Artifact implements ArtifactReading {
  /** Version of the format. A new number whenever the meaning of a byte changes. */
  public static final int FORMAT = 1;

  /** Most bytes of an artifact: four times the largest module, which such code takes about. */
  public static final int MOST_BYTES = 64 << 20;

  /** Longest name of a function that is kept, in bytes of UTF-8; longer ones are left out. */
  public static final int MOST_NAME_BYTES = 512;

  /** Numbers that go with the code. */
  public enum Table {
    /** By function: where it begins in the code, and the number of its signature. */
    FUNCTIONS(2, 2, 1_000_000),
    /** By signature, ascending: where the code is that calls a function of it from outside. */
    ENTRIES(3, 2, 100_000),
    /** What the code asks of the host, by number: which operator, and its two immediates. */
    OPERATIONS(4, 3, 100_000),
    /** Numbers that only the compiler knows the meaning of. */
    FIGURES(5, 1, 64),
    /**
     * Places that depend on where the code is, ascending and apart: where, {@link #RELATIVE_32} or
     * {@link #ABSOLUTE_64}, of which function, and what to add.
     */
    RELOCATIONS(6, 4, 4_000_000),
    /**
     * Where the code can trap, ascending: where, why (0 to 255), in which function, and where in
     * the module's bytes.
     */
    TRAPS(7, 4, 4_000_000);

    private final int section;
    private final int columns;
    private final int mostRows;

    Table(int section, int columns, int mostRows) {
      this.section = section;
      this.columns = columns;
      this.mostRows = mostRows;
    }

    public int columns() {
      return columns;
    }

    /** Which of the sections it is, from 0. */
    int section() {
      return section;
    }

    int mostRows() {
      return mostRows;
    }
  }

  /** A relocation of 4 bytes: how far the function is from the place. */
  public static final int RELATIVE_32 = 0;

  /** A relocation of 8 bytes: the function's address. */
  public static final int ABSOLUTE_64 = 1;

  private static final int BYTE_VALUES = 256;

  private final String module;
  private final CompilerKey compiler;
  private final byte[] code;
  private final EnumMap<Table, IntTable> tables;
  private final NavigableMap<Integer, String> names;

  /**
   * Makes an artifact of what a compiler has made.
   *
   * @param module SHA-256 of the module's bytes, 64 lower-case hexadecimal digits
   * @param code 1 byte or more; not copied
   * @param tables those that are not empty
   * @param names of functions, by index; those that are too long are left out
   * @throws IllegalArgumentException if a number is out of its range, or it is too large
   */
  public Artifact(
      String module,
      CompilerKey compiler,
      byte[] code,
      Map<Table, IntTable> tables,
      Map<Integer, String> names) {
    this.module = module;
    this.compiler = compiler;
    this.code = code;
    this.tables = new EnumMap<>(Table.class);
    for (Table table : Table.values()) {
      this.tables.put(table, tables.getOrDefault(table, IntTable.empty(table.columns)));
    }
    TreeMap<Integer, String> kept = new TreeMap<>();
    names.forEach((function, name) -> {
      if (ArtifactFormat.isKept(name)) {
        kept.put(function, name);
      }
    });
    this.names = Collections.unmodifiableNavigableMap(kept);
    check();
  }

  /**
   * Reads an artifact.
   *
   * @param bytes whatever is there; nothing is allocated that they do not hold
   * @param module the module that it has to be of, as in the constructor
   * @param compiler the key that it has to have
   * @return it, or why it must not be run
   */
  public static ArtifactReading read(byte[] bytes, String module, CompilerKey compiler) {
    return ArtifactFormat.read(bytes, module, compiler);
  }

  /** Its bytes, as {@link #read} takes them. The same artifact gives the same bytes. */
  public byte[] toBytes() {
    return ArtifactFormat.write(this);
  }

  private void check() {
    if (!module.matches("[0-9a-f]{64}")) {
      throw new IllegalArgumentException("a module's SHA-256 is 64 hexadecimal digits");
    }
    if (code.length < 1) {
      throw new IllegalArgumentException("there is no code");
    }
    for (Table table : Table.values()) {
      IntTable rows = table(table);
      if (rows.columns() != table.columns || rows.rows() > table.mostRows) {
        throw new IllegalArgumentException(
            table
                + " has "
                + rows.rows()
                + " rows of "
                + rows.columns()
                + ", of at most "
                + table.mostRows
                + " of "
                + table.columns);
      }
    }
    long bytes = ArtifactFormat.bytes(this);
    if (bytes > MOST_BYTES) {
      throw new IllegalArgumentException("it has " + bytes + " bytes, of at most " + MOST_BYTES);
    }
    IntTable functions = table(Table.FUNCTIONS);
    for (int i = 0; i < functions.rows(); i++) {
      checkBelow("the place of function", i, functions.at(i, 0), code.length);
      checkBelow("the signature of function", i, functions.at(i, 1), Integer.MAX_VALUE);
    }
    checkEntries();
    IntTable operations = table(Table.OPERATIONS);
    for (int i = 0; i < operations.rows(); i++) {
      checkBelow("the operator of operation", i, operations.at(i, 0), BYTE_VALUES);
    }
    checkRelocations(functions.rows());
    checkTraps(functions.rows());
    if (!names.isEmpty()) {
      checkBelow("the function of name", 0, names.firstKey(), functions.rows());
      checkBelow("the function of name", names.size() - 1, names.lastKey(), functions.rows());
    }
  }

  private void checkEntries() {
    IntTable entries = table(Table.ENTRIES);
    int before = -1;
    for (int i = 0; i < entries.rows(); i++) {
      checkAbove("the signature of entry", i, entries.at(i, 0), before);
      checkBelow("the place of entry", i, entries.at(i, 1), code.length);
      before = entries.at(i, 0);
    }
  }

  private void checkRelocations(int functions) {
    IntTable relocations = table(Table.RELOCATIONS);
    long end = 0;
    for (int i = 0; i < relocations.rows(); i++) {
      checkBelow("the kind of relocation", i, relocations.at(i, 1), 2);
      checkAbove("the place of relocation", i, relocations.at(i, 0), end - 1);
      end = (long) relocations.at(i, 0) + (relocations.at(i, 1) == ABSOLUTE_64 ? 8 : 4);
      checkBelow("the end of relocation", i, end - 1, code.length);
      checkBelow("the function of relocation", i, relocations.at(i, 2), functions);
    }
  }

  private void checkTraps(int functions) {
    IntTable traps = table(Table.TRAPS);
    int before = -1;
    for (int i = 0; i < traps.rows(); i++) {
      checkAbove("the place of trap", i, traps.at(i, 0), before);
      checkBelow("the place of trap", i, traps.at(i, 0), code.length);
      checkBelow("the reason of trap", i, traps.at(i, 1), BYTE_VALUES);
      checkBelow("the function of trap", i, traps.at(i, 2), functions);
      checkBelow("the place in the module of trap", i, traps.at(i, 3), Integer.MAX_VALUE);
      before = traps.at(i, 0);
    }
  }

  private static void checkBelow(String what, int index, long value, long bound) {
    if (value < 0 || value >= bound) {
      throw new IllegalArgumentException(
          what + " " + index + " is " + value + "; it must be from 0 to " + (bound - 1));
    }
  }

  private static void checkAbove(String what, int index, long value, long before) {
    if (value <= before) {
      throw new IllegalArgumentException(
          what + " " + index + " is " + value + "; it must be above " + before);
    }
  }

  /** SHA-256 of the module's bytes, 64 lower-case hexadecimal digits. */
  public String module() {
    return module;
  }

  public CompilerKey compiler() {
    return compiler;
  }

  /** The code itself, not a copy. */
  public byte[] code() {
    return code;
  }

  /** A table, perhaps without rows. */
  public IntTable table(Table table) {
    IntTable rows = tables.get(table);
    return rows == null ? IntTable.empty(table.columns) : rows;
  }

  /** Names of functions by index, as the module has them: not to be shown as they are. */
  public NavigableMap<Integer, String> names() {
    return names;
  }
}
