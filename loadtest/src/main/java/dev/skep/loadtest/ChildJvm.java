package dev.skep.loadtest;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs a main class in a JVM of its own, with this one's class path and flags. */
final class ChildJvm {
  /** A heap that is resident from the start, so that garbage in it is no growth. */
  static final List<String> TOUCHED_HEAP = List.of("-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch");

  private ChildJvm() {}

  /**
   * Waits for it to end.
   *
   * @return what it printed, one JSON object
   * @throws IOException if it failed; what it said is on this process's stderr
   */
  static JsonObject run(Class<?> main, List<String> arguments)
      throws IOException, InterruptedException {
    return run(main, List.of(), arguments);
  }

  /** The same with more flags for the JVM, which win over those of this one. */
  static JsonObject run(Class<?> main, List<String> flags, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(arguments);
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String printed;
    try (var out = process.getInputStream()) {
      printed = new String(out.readAllBytes(), StandardCharsets.UTF_8);
    }
    int code = process.waitFor();
    if (code != 0) {
      throw new IOException(main.getSimpleName() + " ended with " + code + ": " + printed);
    }
    return new JsonObject(printed.strip().lines().toList().getLast());
  }
}
