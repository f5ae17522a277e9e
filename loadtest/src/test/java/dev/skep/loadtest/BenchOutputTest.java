package dev.skep.loadtest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a bench prints is its result, though there is a node in its process that logs. */
class BenchOutputTest {
  @TempDir Path temp;

  @Test
  void theHostileBenchPrintsItsResultAndLogsNoCompiles() throws IOException, InterruptedException {
    Path out = temp.resolve("out");
    Path err = temp.resolve("err");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), Bench.class.getName(), "hostile"));
    command.addAll(List.of("--times", "1", "--only", "trap/i32-div", "--json"));
    Process bench =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    boolean ended = bench.waitFor(2, TimeUnit.MINUTES);
    bench.destroyForcibly();
    String said = Files.readString(err, UTF_8);

    assertThat(ended).as(said).isTrue();
    assertThat(bench.exitValue()).as(said).isZero();
    assertThat(said).doesNotContain("INFO").doesNotContain("compiled");
    JsonObject result = new JsonObject(Files.readString(out, UTF_8));
    assertThat(result.getJsonObject("figures").getDouble("kinds")).isEqualTo(2);
    assertThat(result.getJsonObject("figures").getDouble("attacks")).isEqualTo(2);
  }
}
