package dev.skep.loadtest.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.loadtest.hostile.HostileOutcome.Refused;
import java.util.List;
import java.util.stream.Stream;

/**
 * Kinds of the corpus as machine code. Those that are refused before they run have no tier; of the
 * rest, those are left out whose module is so large that the compiler, which the JVM runs here,
 * takes seconds for each; {@code ./skep bench hostile --tier 2} runs them all.
 */
class HostileMachineCodeTest extends HostileChecks {
  /** Compiling these takes some 20 s in all; {@code -Dskep.hostileBytes} for larger ones. */
  private static final int MOST_BYTES = Integer.getInteger("skep.hostileBytes", 8_192);

  private static boolean isTried(HostileKind kind) {
    return kind.module().get().length <= MOST_BYTES;
  }

  private static List<HostileKind> candidates() {
    return HostileCorpus.kinds().stream()
        .filter(kind -> !(kind.outcome() instanceof Refused))
        .toList();
  }

  @Override
  HostileNode node(int workers) {
    List<String> leftOut =
        candidates().stream().filter(kind -> !isTried(kind)).map(HostileKind::id).toList();
    System.out.println(
        "HostileMachineCodeTest leaves out "
            + leftOut.size()
            + " of "
            + candidates().size()
            + " kinds, above "
            + MOST_BYTES
            + " bytes: "
            + leftOut);
    return HostileNode.ofMachineCode(workers, null);
  }

  @Override
  Stream<HostileKind> kinds() {
    return candidates().stream().filter(HostileMachineCodeTest::isTried);
  }

  @Override
  void allWereTried(HostileNode tried) {
    System.out.println(
        "HostileMachineCodeTest: "
            + tried.onMachineCode().size()
            + " kinds as machine code; on tier 1: "
            + tried.onTierOne());
    long kinds = kinds().count();
    // Tail calls and several memories.
    assertThat(tried.onMachineCode().size()).isGreaterThan((int) (kinds * 9 / 10));
  }
}
