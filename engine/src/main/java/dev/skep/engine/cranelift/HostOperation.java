package dev.skep.engine.cranelift;

import org.jspecify.annotations.Nullable;

/**
 * An operator with its immediates that the host carries out.
 *
 * @param kind which operator
 * @param first its first immediate, as the binary format orders them
 * @param second its second immediate, 0 if it has one only
 */
public record HostOperation(Kind kind, int first, int second) {

  /** Which operator, and its operands and results. */
  public enum Kind {
    MEMORY_GROW(0x40, "i", "i"),
    MEMORY_INIT(8, "iii", ""),
    MEMORY_COPY(10, "iii", ""),
    MEMORY_FILL(11, "iii", ""),
    DATA_DROP(9, "", ""),
    TABLE_SET(0x26, "ii", ""),
    TABLE_INIT(12, "iii", ""),
    TABLE_COPY(14, "iii", ""),
    TABLE_GROW(15, "ii", "i"),
    TABLE_FILL(17, "iii", ""),
    ELEM_DROP(13, "", "");

    private static final Kind[] BY_NUMBER = new Kind[256];

    static {
      for (Kind kind : values()) {
        BY_NUMBER[kind.number] = kind;
      }
    }

    private final int number;
    private final String params;
    private final String results;

    Kind(int number, String params, String results) {
      this.number = number;
      this.params = params;
      this.results = results;
    }

    /** The operator's byte, or the number behind its prefix; 0 to 255. */
    public int number() {
      return number;
    }

    /**
     * The operator with this number, or null if the host carries out none such.
     *
     * @param number 0 to 255
     */
    public static @Nullable Kind of(int number) {
      return BY_NUMBER[number];
    }

    FunctionShape shape() {
      return new FunctionShape(params, results);
    }
  }
}
