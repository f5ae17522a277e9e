package dev.skep.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.pool.os.RawMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Machine code is bounded, counted, and gone when it is closed. */
class CodeSpaceTest {
  private static final int PAGE = 4_096;
  private static final int CYCLES = 10_000;

  private final CodeSpace space = new CodeSpace(10L * PAGE);

  private CodeMapping map(long bytes) {
    return switch (space.map(bytes, draft -> draft.putInt(0, 7))) {
      case CodeMapping mapping -> mapping;
      case CodeOutcome.Refused refused -> throw new AssertionError(refused.message());
    };
  }

  /** Mappings of the process that can be run: those that this class could leave behind. */
  private static long executable() throws Exception {
    try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains(" r-xp 00000000 00:00 0")).count();
    }
  }

  @Test
  void whatTheWriterWritesDependsOnTheAddress() {
    AtomicReference<Long> seen = new AtomicReference<>(0L);
    CodeOutcome outcome =
        space.map(
            100,
            draft -> {
              seen.set(draft.address());
              draft.putBytes(0, new byte[] {1, 2, 3, 4});
              draft.putLong(8, draft.address());
            });
    assertThat(outcome).isInstanceOf(CodeMapping.class);
    try (CodeMapping mapping = (CodeMapping) outcome) {
      assertThat(mapping.address()).isEqualTo(seen.get());
      assertThat(RawMemory.getInt(mapping.address())).isEqualTo(0x04030201);
      assertThat(RawMemory.getLong(mapping.address() + 8)).isEqualTo(mapping.address());
    }
  }

  @Test
  void aDraftIsOfNoUseOnceTheCodeCanBeRun() {
    AtomicReference<CodeSpace.Draft> kept = new AtomicReference<>();
    CodeOutcome outcome = space.map(1, kept::set);
    assertThatThrownBy(() -> kept.get().putInt(0, 1)).isInstanceOf(IllegalStateException.class);
    ((CodeMapping) outcome).close();
    assertThatThrownBy(() -> kept.get().putInt(0, 1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void bytesOverTheBoundAreRefusedWithTheFigures() {
    CodeMapping six = map(5 * PAGE + 1);
    assertThat(space.stats()).isEqualTo(new CodeStats(1, 6 * PAGE, 10L * PAGE, 0, 1, 0));
    assertThat(space.map(5 * PAGE, _ -> {}))
        .isInstanceOfSatisfying(
            CodeOutcome.Refused.class,
            refused ->
                assertThat(refused.message())
                    .contains(
                        "20480 bytes does not fit beside the 24576 mapped, of at most 40960"));
    CodeMapping four = map(4 * PAGE);
    assertThat(space.map(1, _ -> {})).isInstanceOf(CodeOutcome.Refused.class);
    six.close();
    six.close();
    assertThat(space.stats()).isEqualTo(new CodeStats(1, 4 * PAGE, 10L * PAGE, 0, 2, 2));
    map(PAGE).close();
    four.close();
    assertThat(space.stats()).isEqualTo(new CodeStats(0, 0, 10L * PAGE, 0, 3, 2));
    assertThatThrownBy(() -> new CodeSpace(PAGE - 1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aWriterThatFailsLeavesNothing() throws Exception {
    long before = executable();
    IllegalStateException failure = new IllegalStateException("a relocation out of range");
    assertThatThrownBy(() ->
            space.map(
                PAGE,
                _ -> {
                  throw failure;
                }))
        .isSameAs(failure);
    assertThatThrownBy(() -> space.map(PAGE, draft -> draft.putInt(PAGE - 3, 1)))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(space.stats()).isEqualTo(new CodeStats(0, 0, 10L * PAGE, 0, 0, 0));
    assertThat(executable()).isEqualTo(before);
  }

  @Test
  void cyclesLeaveTheMappingsWhereTheyWere() throws Exception {
    map(PAGE).close();
    long before = executable();
    List<CodeMapping> held = new ArrayList<>();
    for (int i = 0; i < CYCLES; i++) {
      // A few at once, closed in another order than they were mapped.
      held.add(map(1 + i % (2 * PAGE)));
      if (held.size() == 4) {
        held.remove(i % 4).close();
      }
    }
    held.forEach(CodeMapping::close);
    assertThat(space.stats()).isEqualTo(new CodeStats(0, 0, 10L * PAGE, 0, CYCLES + 1L, 0));
    assertThat(executable()).isEqualTo(before);
  }

  @Test
  void theBoundHoldsWhenManyMapAtOnce() throws Exception {
    List<Callable<CodeOutcome>> askers = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      askers.add(() -> space.map(PAGE, draft -> draft.putInt(0, 1)));
    }
    List<CodeMapping> mappings = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (Future<CodeOutcome> each : threads.invokeAll(askers)) {
        if (each.get() instanceof CodeMapping mapping) {
          mappings.add(mapping);
        }
      }
    }
    assertThat(mappings).hasSize(10);
    assertThat(space.stats()).isEqualTo(new CodeStats(10, 10L * PAGE, 10L * PAGE, 0, 10, 30));
    mappings.forEach(CodeMapping::close);
    assertThat(space.stats().bytes()).isZero();
  }

  @Test
  void codeStaysUntilTheLastLeaseEnds() {
    CodeMapping mapping = map(PAGE);
    CodeLease first = Objects.requireNonNull(mapping.lease());
    CodeLease second = Objects.requireNonNull(mapping.lease());
    assertThat(space.stats()).isEqualTo(new CodeStats(1, PAGE, 10L * PAGE, 2, 1, 0));
    mapping.close();
    mapping.close();
    first.close();
    first.close();
    assertThat(RawMemory.getInt(mapping.address())).isEqualTo(7);
    assertThat(mapping.leases()).isEqualTo(1);
    second.close();
    assertThat(mapping.lease()).isNull();
    assertThat(space.stats()).isEqualTo(new CodeStats(0, 0, 10L * PAGE, 0, 1, 0));
    mapping.abandon();
    assertThat(space.stats().mappings()).isZero();
  }

  /** Who gets a lease beside the end of the last can read the code; who does not gets none. */
  @Test
  void aLeaseIsNeverOfWhatIsUnmapped() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      for (int i = 0; i < 2_000; i++) {
        CodeMapping mapping = map(1);
        Callable<Integer> reader =
            () -> {
              int read = 0;
              while (true) {
                try (CodeLease lease = mapping.lease()) {
                  if (lease == null) {
                    return read;
                  }
                  assertThat(RawMemory.getInt(mapping.address())).isEqualTo(7);
                  read++;
                }
              }
            };
        Future<Integer> one = threads.submit(reader);
        Future<Integer> other = threads.submit(reader);
        mapping.close();
        assertThat(one.get() + other.get()).isNotNegative();
      }
    }
    assertThat(space.stats()).isEqualTo(new CodeStats(0, 0, 10L * PAGE, 0, 2_000, 0));
  }
}
