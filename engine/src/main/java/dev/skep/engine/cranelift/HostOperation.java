package dev.skep.engine.cranelift;

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
    MEMORY_GROW("i", "i"),
    MEMORY_INIT("iii", ""),
    MEMORY_COPY("iii", ""),
    MEMORY_FILL("iii", ""),
    DATA_DROP("", ""),
    TABLE_SET("ii", ""),
    TABLE_INIT("iii", ""),
    TABLE_COPY("iii", ""),
    TABLE_GROW("ii", "i"),
    TABLE_FILL("iii", ""),
    ELEM_DROP("", "");

    private final String params;
    private final String results;

    Kind(String params, String results) {
      this.params = params;
      this.results = results;
    }

    FunctionShape shape() {
      return new FunctionShape(params, results);
    }
  }
}
