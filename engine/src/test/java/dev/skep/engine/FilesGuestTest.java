package dev.skep.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.LimitKind;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** An ordinary C program, {@code guests/src/files.c}, on what it is granted. */
class FilesGuestTest {
  private static Guests guests;
  private static CompiledModule module;
  private static WasiTree tree;

  @BeforeAll
  static void open() {
    guests = new Guests();
    module = guests.guest("files");
    WasiTree.Builder builder = new WasiTree.Builder();
    builder.addFile(List.of("etc", "greeting"), "good morning\n".getBytes(UTF_8));
    builder.addFile(List.of("big"), new byte[100_000]);
    tree = builder.build();
  }

  @AfterAll
  static void close() {
    assertThat(guests.pool.stats().leased()).isZero();
    assertThat(guests.engine.scratch().usedBytes()).isZero();
    guests.close();
  }

  private static final WasiGrants TREE = WasiGrants.NONE.withTree("/data");
  private static final WasiGrants SCRATCH =
      WasiGrants.NONE.withScratch(new ScratchGrant("/tmp", 1 << 20, 100));

  private static RunReport run(WasiGrants grants, String... args) {
    return guests.command(module, "files", new WasiWorld(grants, tree), args);
  }

  private static String output(WasiGrants grants, String... args) {
    RunReport report = run(grants, args);
    assertThat(report.result())
        .as(new String(report.stderr(), UTF_8))
        .isInstanceOfSatisfying(
            RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isZero());
    return new String(((RunResult.Exited) report.result()).stdout(), UTF_8);
  }

  private static RunReport failure(WasiGrants grants, String... args) {
    RunReport report = run(grants, args);
    assertThat(report.result())
        .isInstanceOfSatisfying(
            RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isEqualTo(1));
    return report;
  }

  @Test
  void readsAndListsItsTree() {
    assertThat(output(TREE, "read", "/data/etc/greeting")).isEqualTo("good morning\n");
    assertThat(output(TREE, "read", "/data/etc/../etc/greeting")).isEqualTo("good morning\n");
    assertThat(output(TREE, "list", "/data")).isEqualTo("big\netc/\n");
    assertThat(output(TREE, "stat", "/data/big")).isEqualTo("100000\n");
    assertThat(output(TREE, "stat", "/data/etc")).isEqualTo("directory\n");
    assertThat(output(WasiGrants.NONE.withTree("/"), "read", "/etc/greeting"))
        .isEqualTo("good morning\n");
  }

  @Test
  void findsNothingWithoutAGrantAndNothingOutside() {
    RunReport none = failure(WasiGrants.NONE, "read", "/data/etc/greeting");
    assertThat(none.refused()).contains(new RefusedCall("fd_prestat_get", WasiGrant.TREE));
    for (String path :
        List.of(
            "/data/../etc/passwd",
            "/data/etc/../../big",
            "/etc/passwd",
            "/data/etc/greeting/",
            "/data/none",
            "..",
            "/proc/self/environ")) {
      failure(TREE, "read", path);
    }
    RunReport written = failure(TREE, "write", "/data/new", "text");
    assertThat(written.refused()).containsExactly(new RefusedCall("path_open", WasiGrant.SCRATCH));
  }

  @Test
  void worksInItsScratchSpaceAndFindsItEmptyEachTime() {
    for (int i = 0; i < 3; i++) {
      assertThat(output(SCRATCH, "list", "/tmp")).isEmpty();
      assertThat(output(SCRATCH, "write", "/tmp/file", "hello, scratch"))
          .isEqualTo("hello, scratch\n");
      assertThat(output(SCRATCH, "work", "/tmp")).isEqualTo("8895\nb\ninner/\nline \ndone\n");
    }
    // In one instance too: a run leaves nothing to the next.
    try (GuestInstance instance = guests.instance(module)) {
      for (int i = 0; i < 3; i++) {
        RunReport report =
            instance.run(
                new Invocation.CommandRun(List.of("files", "work", "/tmp"), Map.of(), new byte[0]),
                new WasiWorld(SCRATCH, WasiTree.EMPTY),
                Guests.PLENTY);
        assertThat(report.result())
            .isInstanceOfSatisfying(
                RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isZero());
        instance.reset();
      }
    }
  }

  @Test
  void aGuestThatTriesEveryTrickGetsNowhere() {
    WasiTree.Builder builder = new WasiTree.Builder();
    builder.addFile(List.of("file"), new byte[1]);
    builder.addDirectory(List.of("dir"));
    try (GuestInstance instance = guests.instance(guests.compile(Wat.bytes("escape")))) {
      RunReport report =
          instance.run(
              new Invocation.CommandRun(List.of("escape"), Map.of(), new byte[0]),
              new WasiWorld(
                  TREE.withScratch(new ScratchGrant("/tmp", 1 << 20, 100)), builder.build()),
              Guests.PLENTY);
      assertThat(report.result())
          .isInstanceOfSatisfying(
              RunResult.Exited.class,
              exited -> assertThat(exited.exitCode()).as("function and path").isZero());
    }
  }

  @Test
  void fuelIsTheSameOnEveryRun() {
    assertThat(run(SCRATCH, "work", "/tmp").fuel()).isEqualTo(run(SCRATCH, "work", "/tmp").fuel());
    assertThat(run(TREE, "list", "/data").fuel()).isEqualTo(run(TREE, "list", "/data").fuel());
  }

  @Test
  void clocksAndRandomnessAreGrantedEachForItself() {
    WasiGrants clocks = WasiGrants.NONE.with(WasiGrant.CLOCK).with(WasiGrant.MONOTONIC_CLOCK);
    assertThat(output(clocks, "time")).endsWith("moves\n");
    assertThat(failure(WasiGrants.NONE.with(WasiGrant.CLOCK), "time").refused())
        .contains(new RefusedCall("clock_time_get", WasiGrant.MONOTONIC_CLOCK));
    assertThat(output(WasiGrants.NONE.with(WasiGrant.RANDOM), "random")).hasSize(17);
    assertThat(failure(WasiGrants.NONE, "random").refused())
        .contains(new RefusedCall("random_get", WasiGrant.RANDOM));
  }

  @Test
  void aSleepHoldsNothingUpAndIsCountedToTheDeadline() {
    WasiGrants clock = WasiGrants.NONE.with(WasiGrant.MONOTONIC_CLOCK);
    assertThat(output(clock, "sleep", "300")).isEqualTo("300\n");
    assertThat(run(clock, "sleep", "700").result())
        .isInstanceOfSatisfying(
            RunResult.LimitReached.class,
            limit -> assertThat(limit.kind()).isEqualTo(LimitKind.DEADLINE));
  }
}
