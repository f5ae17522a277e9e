package dev.skep.engine;

/**
 * Compiles modules to machine code ahead of time. Belongs to the one thread that uses it, which it
 * may keep warm data for; blocks for as long as the compiling takes.
 */
public interface NativeCompiler extends AutoCloseable {
  /** Of the code that it makes; the same for as long as the process lives. */
  CompilerKey key();

  /**
   * Compiles a module.
   *
   * @param module bytes that the engine has checked and accepted
   * @return the code or why there is none; nothing that the bytes can bring about is thrown
   */
  NativeOutcome compile(byte[] module, NativeBudget budget);

  /** Gives back what it keeps. */
  @Override
  void close();
}
