package dev.skep.loadtest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The guests of the repository, which is the current directory, or that of a test. */
final class Guests {
  static final String TRANSFORM = "wasm/json_transform_small.wasm";
  static final String THREE_PAGES = "wasm/three_pages.wasm";
  static final String KERNELS = "wasm/kernels.wasm";
  static final String PAGES = "wasm/pages.wasm";
  static final String TRAP = "wasm/trap.wasm";
  static final String ORDER = "data/order.json";
  static final String ANSWER = "data/order.expected.json";

  private Guests() {}

  static byte[] bytes(String path) {
    Path file = Path.of(System.getProperty("skep.root", "."), "guests").resolve(path);
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + "; run from the repository's root", e);
    }
  }
}
