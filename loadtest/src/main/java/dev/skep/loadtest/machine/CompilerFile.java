package dev.skep.loadtest.machine;

import dev.skep.engine.CompilerKey;
import dev.skep.engine.CompilerShelf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The compiler's own machine code in a file, because making it takes minutes. Whoever names the
 * file answers for it: what is in it is run, if it is whole and of this version of the compiler.
 */
final class CompilerFile implements CompilerShelf {
  private final Path file;

  CompilerFile(Path file) {
    this.file = file;
  }

  @Override
  public Optional<byte[]> load(String compiler, CompilerKey key) {
    try {
      if (Files.exists(file)) {
        return Optional.of(Files.readAllBytes(file));
      }
      System.err.println("  … compiling the compiler, some minutes, once: " + file);
      return Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void keep(String compiler, CompilerKey key, byte[] artifact) {
    try {
      Files.write(file, artifact);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
