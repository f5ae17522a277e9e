package dev.skep.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ConfigurationPageTest {
  private static final String HEAD =
      """
      # Configuration

      A node is configured by its environment and by nothing else. A number that is not set, or is
      empty, takes its default; one that is malformed or out of range keeps the node from starting,
      with a message that names the variable. This page is rendered from `NodeConfig`; the build
      fails when they differ.

      | variable | default | what it sets |
      |---|---|---|
      """;

  @Test
  void thePageIsWhatTheCodeSays() throws Exception {
    String root = System.getProperty("skep.root");
    assertThat(root).as("-Dskep.root, the project's folder").isNotNull();
    Path page = Path.of(root).resolve("docs/configuration.md");
    if ("update".equals(System.getProperty("skep.docs"))) {
      Files.writeString(page, render());
    }
    assertThat(page)
        .as(
            "docs/configuration.md is rendered from NodeConfig. To update it: mvn -pl tenant-api"
                + " -am test -Dtest=ConfigurationPageTest -Dsurefire.failIfNoSpecifiedTests=false"
                + " -Dskep.docs=update")
        .hasContent(render());
  }

  private static String render() {
    StringBuilder page = new StringBuilder(HEAD);
    for (NodeConfig.Variable variable : NodeConfig.VARIABLES) {
      page.append("| `")
          .append(variable.name())
          .append("` | ")
          .append(variable.fallback())
          .append(" | ")
          .append(variable.meaning())
          .append(" |\n");
    }
    return page.append(TAIL).toString();
  }

  private static final String TAIL =
      """

      `./skep` itself looks at `SKEP_JAVA_HOME`, the JDK 25 to use, and `SKEP_JAVA_OPTS`, more
      options for the JVM such as `-Xmx8g`.
      """;
}
