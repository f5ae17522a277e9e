package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BackstageTest {
  /** Field 19 of proc_pid_stat(5), counted from behind the name, which may hold anything. */
  private static int niceness(Path task) throws IOException {
    String stat = Files.readString(task.resolve("stat"));
    return Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[16]);
  }

  @Test
  void aThreadEntersAlone() throws IOException {
    int before = niceness(Path.of("/proc/thread-self"));
    for (Backstage place : Backstage.values()) {
      CompletableFuture<Integer> seen = new CompletableFuture<>();
      Thread.ofPlatform()
          .start(() -> {
            place.enter();
            try {
              seen.complete(niceness(Path.of("/proc/thread-self")));
            } catch (IOException e) {
              seen.completeExceptionally(e);
            }
          });
      assertThat(seen.join()).isEqualTo(Math.max(before, place.nice()));
    }
    assertThat(niceness(Path.of("/proc/thread-self"))).isEqualTo(before);
  }

  /** A thread that wakes up interrupts one with a longer slice, whatever their niceness. */
  @Test
  void thoseThatAnswerInterruptAllOthersAndGuestsThoseBehind() {
    assumeTrue(slice().isPresent(), "this kernel does not show the slices of threads");
    long answers = sliceAt(Backstage.ANSWERS);
    assumeTrue(answers == 100_000, "this kernel does not take slices of threads");
    long guests = sliceAt(Backstage.GUESTS);
    assertThat(guests).isGreaterThan(answers);
    for (Backstage behind : EnumSet.range(Backstage.DATABASE, Backstage.COMPILES)) {
      assertThat(sliceAt(behind)).as("%s", behind).isGreaterThan(guests);
    }
  }

  private static long sliceAt(Backstage place) {
    CompletableFuture<Long> seen = new CompletableFuture<>();
    Thread.ofPlatform()
        .start(() -> {
          place.enter();
          seen.complete(slice().orElse(0));
        });
    return seen.join();
  }

  /** What the kernel shows of the calling thread, in nanoseconds. */
  private static OptionalLong slice() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/thread-self/sched"))) {
      return lines
          .filter(line -> line.startsWith("se.slice "))
          .mapToLong(line -> Long.parseLong(line.substring(line.indexOf(':') + 1).strip()))
          .findFirst();
    } catch (IOException | UncheckedIOException e) {
      return OptionalLong.empty();
    }
  }

  @Test
  void theCompilersOfTheJvmEnter() throws IOException {
    Backstage.enterCompilers();
    List<Integer> seen = new ArrayList<>();
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      for (Path task : tasks.toList()) {
        try {
          if (Files.readString(task.resolve("comm")).startsWith("C2 ")) {
            seen.add(niceness(task));
          }
        } catch (IOException e) {
          // Other threads end while the list is read.
          assertThat(task).as("%s", e).doesNotExist();
        }
      }
    }
    assertThat(seen).isNotEmpty().allMatch(nice -> nice >= Backstage.JIT.nice());
  }
}
