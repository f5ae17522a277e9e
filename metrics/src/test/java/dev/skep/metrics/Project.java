package dev.skep.metrics;

import java.nio.file.Path;

/** Where the project's files are: the build sets the property {@code skep.root}. */
final class Project {
  private Project() {}

  static Path file(String path) {
    String root = System.getProperty("skep.root");
    if (root == null) {
      throw new IllegalStateException("set -Dskep.root to the project's folder");
    }
    return Path.of(root).resolve(path);
  }
}
