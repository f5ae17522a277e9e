package dev.skep.loadtest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Finds Wasmtime's shared library where {@code pip install wasmtime} puts it. */
final class PeerLibrary {
  private static final String NAME = "_libwasmtime.so";

  /** Of a virtual environment: lib/python3.x/site-packages/wasmtime/linux-x86_64. */
  private static final int DEPTH = 6;

  private PeerLibrary() {}

  /**
   * @param given a file, or a folder to look in, or null for the virtual environment that is active
   */
  static Optional<Path> find(@Nullable Path given) {
    String active = System.getenv("VIRTUAL_ENV");
    List<Path> roots =
        given != null ? List.of(given) : active == null ? List.of() : List.of(Path.of(active));
    for (Path root : roots) {
      if (Files.isRegularFile(root)) {
        return Optional.of(root);
      }
      try (Stream<Path> files = Files.find(root, DEPTH, (path, _) -> path.endsWith(NAME))) {
        Optional<Path> found = files.findFirst();
        if (found.isPresent()) {
          return found;
        }
      } catch (IOException e) {
        // Not there: the comparison is left out, and the table says so.
      }
    }
    return Optional.empty();
  }
}
