package dev.skep.engine.cranelift;

/** Looks at a compile as it goes on, on the thread that compiles. */
@FunctionalInterface
public interface CompileWatch {
  /** Lets everything go on. */
  CompileWatch NONE = (_, _, _) -> {};

  /**
   * Called before each function.
   *
   * @param done functions that are done
   * @param functions that there are
   * @param codeBytes of those that are done
   * @throws CompileStoppedException to stop here
   */
  void next(int done, int functions, long codeBytes);
}
