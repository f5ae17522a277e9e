package dev.skep.engine;

/**
 * How fast this node compiles to machine code, and what is being done about it.
 *
 * @param phase where it stands
 * @param done functions of the compiler that have been compiled; 0 but while it is made
 * @param functions that it has
 * @param detail why it is so, for an operator; empty if there is nothing to say
 */
public record CompilerState(Phase phase, int done, int functions, String detail) {

  /** What compiles. */
  public enum Phase {
    /** Nothing: this node makes and runs no machine code. */
    UNAVAILABLE("unavailable"),
    /** The compiler as the JVM runs it, a tenth as fast. */
    JVM("jvm"),
    /** The same, while its own machine code is being made. */
    MAKING("making"),
    /** The compiler as its own machine code. */
    MACHINE_CODE("machine-code"),
    /** The compiler as the JVM runs it, because making its machine code has failed. */
    FAILED("failed");

    private final String word;

    Phase(String word) {
      this.word = word;
    }

    /** As the API and the metrics say it. */
    public String word() {
      return word;
    }
  }
}
