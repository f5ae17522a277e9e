package dev.skep.engine;

import java.util.Optional;

/**
 * Where the compiler's own machine code is kept from one start to the next, and for other nodes.
 * Thread-safe; both methods may block, and may throw an unchecked exception, which only means that
 * the code is made again.
 */
public interface CompilerShelf {
  /** Keeps nothing. */
  CompilerShelf NONE =
      new CompilerShelf() {
        @Override
        public Optional<byte[]> load(String compiler, CompilerKey key) {
          return Optional.empty();
        }

        @Override
        public void keep(String compiler, CompilerKey key, byte[] artifact) {}
      };

  /**
   * What was kept last, if anything: it is checked before it is used.
   *
   * @param compiler SHA-256 that names the compiler, 64 lower-case hexadecimal digits
   * @param key of the nodes that can run it
   */
  Optional<byte[]> load(String compiler, CompilerKey key);

  /** Keeps an artifact, of some 9 MB, in the place of what was kept before. */
  void keep(String compiler, CompilerKey key, byte[] artifact);
}
