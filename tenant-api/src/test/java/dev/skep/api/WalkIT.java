package dev.skep.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The README's walk, run as it is printed. */
class WalkIT {
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(sh|text)\\n(.*?)^```$");
  private static final String MARK = "@@@ block ";

  /** A block of commands, and what it is said to print, or null. */
  private record Step(String commands, String output) {}

  private static List<Step> steps() throws Exception {
    String readme = Files.readString(Http.root().resolve("README.md"));
    int from = readme.indexOf("\n## A walk\n");
    String walk = readme.substring(from, readme.indexOf("\n## ", from + 1));
    List<Step> steps = new ArrayList<>();
    Matcher block = BLOCK.matcher(walk);
    while (block.find()) {
      if (block.group(1).equals("sh")) {
        steps.add(new Step(block.group(2), ""));
      } else {
        Step last = steps.removeLast();
        steps.add(new Step(last.commands, block.group(2)));
      }
    }
    return steps;
  }

  private static boolean hasCurl() throws Exception {
    return new ProcessBuilder("bash", "-c", "command -v curl").start().waitFor() == 0;
  }

  @Test
  void everyStepPrintsWhatTheReadmeSays() throws Exception {
    Assumptions.assumeTrue(hasCurl(), "not run: this machine has no curl, which the walk uses");
    List<Step> steps = steps();
    assertThat(steps).hasSizeGreaterThan(8);
    StringBuilder script = new StringBuilder("set -e\n");
    for (int i = 0; i < steps.size(); i++) {
      script.append("echo; echo '").append(MARK).append(i).append("'\n");
      script.append(steps.get(i).commands);
    }
    ProcessBuilder builder = new ProcessBuilder("bash", "-c", script.toString());
    builder.directory(Http.root().toFile()).redirectErrorStream(true);
    builder.environment().put("SKEP", TestNode.node().url());
    builder.environment().put("OPERATOR", TestNode.OPERATOR);
    Process bash = builder.start();
    String output = new String(bash.getInputStream().readAllBytes(), UTF_8);
    assertThat(bash.waitFor(3, TimeUnit.MINUTES)).isTrue();
    assertThat(bash.exitValue()).as(output).isZero();

    String[] printed = output.split("\n" + MARK + "\\d+\n", -1);
    assertThat(printed).hasSize(steps.size() + 1);
    for (int i = 0; i < steps.size(); i++) {
      if (!steps.get(i).output.isEmpty()) {
        assertThat(printed[i + 1].strip())
            .as(steps.get(i).commands)
            .matches(pattern(steps.get(i).output.strip()));
      }
    }
  }

  /** The text, in which … stands for anything. */
  private static Pattern pattern(String text) {
    return Pattern.compile(
        Arrays.stream(text.split("…", -1)).map(Pattern::quote).collect(Collectors.joining(".*")),
        Pattern.DOTALL);
  }
}
