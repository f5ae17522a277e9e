package dev.skep.loadtest.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every kind of the corpus on tier 1, and the corpus itself. */
class HostileCorpusTest extends HostileChecks {
  @Override
  HostileNode node(int workers) {
    return new HostileNode(workers);
  }

  @Override
  Stream<HostileKind> kinds() {
    return HostileCorpus.kinds().stream();
  }

  @Test
  void thereAreManyKindsAndEachHasItsOwnName() {
    List<HostileKind> kinds = HostileCorpus.kinds();
    assertThat(kinds).hasSizeGreaterThanOrEqualTo(170);
    assertThat(kinds.stream().map(HostileKind::id)).doesNotHaveDuplicates();
    assertThat(kinds.stream().map(HostileKind::id))
        .allMatch(id -> id.matches("[a-z-]+/[a-z0-9-]+"));
    Set<String> groups = kinds.stream().map(HostileKind::group).collect(Collectors.toSet());
    assertThat(groups).hasSize(14);
  }

  @Test
  void theSameKindHasTheSameBytesEachTime() {
    for (HostileKind kind : HostileCorpus.kinds()) {
      assertThat(kind.module().get()).as(kind.id()).isEqualTo(kind.module().get());
    }
  }
}
