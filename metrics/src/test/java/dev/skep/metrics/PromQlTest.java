package dev.skep.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.metrics.PromQl.Selector;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PromQlTest {
  @Test
  void findsSelectorsAndGroupings() {
    var query =
        PromQl.parse(
            """
            histogram_quantile(0.99, sum by (le, route) (rate(a_bucket{x=~"$y", z!="b{c=d}"}[5m])))
              / on (instance) group_left b_total{} > 1e9
            or (c unless c offset 10m) == bool 0x1F and sum without (q) (d[$__rate_interval]) or vector(0)
            """);

    assertThat(query.selectors())
        .containsExactly(
            new Selector("a_bucket", Set.of("x", "z")),
            new Selector("b_total", Set.of()),
            new Selector("c", Set.of()),
            new Selector("c", Set.of()),
            new Selector("d", Set.of()));
    assertThat(query.groupings()).containsExactlyInAnyOrder("le", "route", "instance", "q");
  }
}
