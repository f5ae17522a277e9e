package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
