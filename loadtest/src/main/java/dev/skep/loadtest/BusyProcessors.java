package dev.skep.loadtest;

import dev.skep.pool.Backstage;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A process that keeps every processor busy, as far behind as attackers are, and asks nothing of
 * anybody: what a node's latencies are beside it, no node on this machine can do better when its
 * processors are in use. Not thread-safe.
 */
final class BusyProcessors implements AutoCloseable {
  private static final int END_SECONDS = 10;

  private final Process process;

  private BusyProcessors(Process process) {
    this.process = process;
  }

  /** Starts it; returns when it counts. */
  static BusyProcessors start() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), BusyProcessors.class.getName()));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    if (process.getInputStream().read() < 0) {
      throw new IOException("the busy process ended; what it said is above");
    }
    return new BusyProcessors(process);
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor(END_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What {@link #start} starts. */
  public static void main(String[] args) throws IOException {
    Backstage.COMPILES.enterWhole();
    for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
      Thread.ofPlatform()
          .start(() -> {
            while (true) {
              Thread.onSpinWait();
            }
          });
    }
    System.out.println("busy");
    System.out.flush();
    // Ends with whoever started it.
    while (System.in.read() >= 0) {}
    Runtime.getRuntime().halt(0);
  }
}
