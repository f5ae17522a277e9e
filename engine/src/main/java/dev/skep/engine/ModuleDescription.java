package dev.skep.engine;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a module offers and needs, as read from its bytes.
 *
 * @param bytes size of the module
 * @param functions functions defined, imports not counted
 * @param memoryMinBytes sum of its memories' minima
 * @param tableMinElements sum of its tables' minima
 * @param hasStart whether a start function runs before every call
 * @param exports in the module's order
 * @param imports in the module's order
 * @param oversizedFunctions those that become JVM methods too large to be compiled like others, the
 *     largest first, {@link #MOST_OVERSIZED} at most
 * @param oversizedCount how many there are in all
 */
public record ModuleDescription(
    int bytes,
    int functions,
    long memoryMinBytes,
    long tableMinElements,
    boolean hasStart,
    List<Export> exports,
    List<Import> imports,
    List<OversizedFunction> oversizedFunctions,
    int oversizedCount) {

  /** Most functions that {@link #oversizedFunctions} names. */
  public static final int MOST_OVERSIZED = 100;

  public ModuleDescription {
    exports = List.copyOf(exports);
    imports = List.copyOf(imports);
    oversizedFunctions = List.copyOf(oversizedFunctions);
  }

  /** The same with what is known of its functions' sizes. */
  ModuleDescription withOversized(List<OversizedFunction> largest, int count) {
    return new ModuleDescription(
        bytes,
        functions,
        memoryMinBytes,
        tableMinElements,
        hasStart,
        exports,
        imports,
        largest,
        count);
  }

  /**
   * A function that becomes a large JVM method.
   *
   * @param index in the module, imports first
   * @param name from the name section, printable, else {@code func[index]}
   * @param estimatedMethodBytes of the method
   * @param tier how it will run
   */
  public record OversizedFunction(int index, String name, long estimatedMethodBytes, Tier tier) {}

  /** How a function runs. */
  public enum Tier {
    /** Compiled, but later than others and only because the JVM is told to compile such methods. */
    COMPILED_LATE("compiled-late", 1),
    /** Too large for a JVM method: interpreted. */
    INTERPRETED("interpreted", 100);

    private final String word;
    private final int slowdown;

    Tier(String word, int slowdown) {
      this.word = word;
      this.slowdown = slowdown;
    }

    /**
     * About how many times slower its code runs than the same in small functions, once both are
     * warm. Measured by {@code ./skep bench oversized}.
     */
    public int slowdown() {
      return slowdown;
    }

    public String word() {
      return word;
    }
  }

  /**
   * @param name as exported
   * @param kind function, table, memory or global
   * @param index in the index space of its kind
   * @param signature of a function, else null
   */
  public record Export(String name, ExternKind kind, int index, @Nullable Signature signature) {}

  /**
   * @param module first name of the import
   * @param name second name
   * @param signature of the function
   */
  public record Import(String module, String name, Signature signature) {}

  /** What can be exported. */
  public enum ExternKind {
    FUNCTION,
    TABLE,
    MEMORY,
    GLOBAL
  }

  /** The exported function of this name. */
  public Optional<Export> function(String name) {
    return exports.stream()
        .filter(e -> e.kind() == ExternKind.FUNCTION && e.name().equals(name))
        .findFirst();
  }

  /** Whether it is a WASI command: it exports {@code _start} without parameters and its memory. */
  public boolean isCommand() {
    return function("_start").map(Export::signature).filter(NO_ARGUMENTS::equals).isPresent();
  }

  /**
   * The initialiser after which the module asks to be kept: an export {@code wizer-initialize} or
   * {@code wizer.initialize} without parameters and results, as Wizer has it. Every instance then
   * begins where it has left memory, globals and tables.
   */
  public Optional<Export> initializer() {
    return function("wizer-initialize")
        .or(() -> function("wizer.initialize"))
        .filter(export -> NO_ARGUMENTS.equals(export.signature()));
  }

  /** Whether it exports a memory as {@code memory}. */
  public boolean exportsMemory() {
    return exports.stream()
        .anyMatch(e -> e.kind() == ExternKind.MEMORY && e.name().equals("memory"));
  }

  private static final Signature NO_ARGUMENTS = new Signature(List.of(), List.of());
}
