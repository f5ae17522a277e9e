package dev.skep.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MetricsReferenceTest {
  @Test
  void thePageIsWhatTheCodeSays() throws Exception {
    Path page = Project.file("docs/metrics.md");
    if ("update".equals(System.getProperty("skep.docs"))) {
      Files.createDirectories(page.getParent());
      Files.writeString(page, MetricsReference.render());
    }
    assertThat(page)
        .as(
            "docs/metrics.md is rendered from MetricName. To update it: mvn -pl metrics -am test"
                + " -Dtest=MetricsReferenceTest -Dsurefire.failIfNoSpecifiedTests=false"
                + " -Dskep.docs=update")
        .hasContent(MetricsReference.render());
  }
}
