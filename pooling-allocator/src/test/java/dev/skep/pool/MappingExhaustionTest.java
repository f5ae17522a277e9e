package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Where the process has no mapping left, images are copied or slots refused, and the process lives
 * on. In a process of its own, since a JVM without mappings may end at its own wish for one.
 */
class MappingExhaustionTest {
  /** More than a process has is not tried: on such a machine nothing would run out. */
  private static final long MOST_TRIED = 300_000;

  /**
   * The JVM maps too, for its classes for instance, and ends itself when it cannot; it is then
   * tried again, for what is looked at is the pool.
   */
  private static final String JVM_OUT_OF_MAPPINGS =
      "There is insufficient memory for the Java Runtime Environment to continue";

  private static final int ATTEMPTS = 20;

  @Test
  @Timeout(240)
  void imagesAreCopiedWhenNothingCanBeMapped() throws IOException, InterruptedException {
    // Line by line: such a file gives all it has to the first read, however small that is.
    long most =
        Long.parseLong(Files.readAllLines(Path.of("/proc/sys/vm/max_map_count")).getFirst());
    Assumptions.assumeTrue(
        most <= MOST_TRIED,
        () -> {
          String reason = "a process may have " + most + " mappings here: they are not used up";
          System.out.println("MappingExhaustionTest: " + reason);
          return reason;
        });
    String said = child(most);
    for (int more = 1; more < ATTEMPTS && said.contains(JVM_OUT_OF_MAPPINGS); more++) {
      said = child(most);
    }
    assertThat(said).contains("unharmed");
    said.lines().filter(l -> l.startsWith("mapped ")).forEach(System.out::println);
  }

  /** Runs it in a process of its own and answers what that said. */
  private static String child(long most) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("skep-mappings-");
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                // So that the JVM itself maps as little as it can meanwhile.
                "-XX:+UseSerialGC",
                "-Xint",
                "-XX:-UsePerfData",
                "-Xms64m",
                "-Xmx64m",
                "-XX:+AlwaysPreTouch",
                "-XX:ErrorFile=" + folder.resolve("hs_err.log"),
                "-cp",
                System.getProperty("java.class.path"),
                MappingExhaustion.class.getName(),
                Long.toString(most))
            .redirectErrorStream(true)
            .start();
    String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    Files.deleteIfExists(folder.resolve("hs_err.log"));
    Files.delete(folder);
    assertThat(said.contains(JVM_OUT_OF_MAPPINGS) || child.exitValue() == 0).as(said).isTrue();
    return said;
  }
}
