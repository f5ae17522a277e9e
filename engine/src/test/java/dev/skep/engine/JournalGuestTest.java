package dev.skep.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrants;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * A program of a language without a C library, {@code guests/src/journal.ts}: it calls the
 * functions of files itself, and lays out their vectors and cookies.
 */
class JournalGuestTest {
  private static final String LONG = "a-name-that-is-longer-than-the-buffer-which-it-is-read-with";
  private static final WasiGrants SCRATCH =
      WasiGrants.NONE.withScratch(new ScratchGrant("/tmp", 64 << 10, 30));

  private static Guests guests;
  private static CompiledModule module;
  private static WasiTree tree;

  @BeforeAll
  static void open() {
    guests = new Guests();
    module = guests.guest("journal");
    WasiTree.Builder builder = new WasiTree.Builder();
    builder.addFile(List.of("etc", "greeting"), "good morning\n".getBytes(UTF_8));
    builder.addFile(List.of("etc", LONG), new byte[70_000]);
    builder.addDirectory(List.of("var", "empty"));
    builder.addFile(List.of("ärger"), new byte[0]);
    tree = builder.build();
  }

  @AfterAll
  static void close() {
    assertThat(guests.pool.stats().leased()).isZero();
    assertThat(guests.engine.scratch()).isEqualTo(new ScratchStats(0, 0, 0));
    guests.close();
  }

  private static RunReport run(WasiGrants grants, String... args) {
    return guests.command(module, "journal", new WasiWorld(grants, tree), args);
  }

  /** What it prints if it ends so. */
  private static String output(int exitCode, RunReport report) {
    assertThat(report.result())
        .as(new String(report.stderr(), UTF_8))
        .isInstanceOfSatisfying(
            RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isEqualTo(exitCode));
    return new String(((RunResult.Exited) report.result()).stdout(), UTF_8);
  }

  @Test
  void listsATreeThroughABufferThatIsTooSmall() {
    assertThat(output(0, run(WasiGrants.NONE.withTree("/data"), "list", "/data")))
        .isEqualTo(
            """
            etc/
            etc/%s 70000
            etc/greeting 13
            var/
            var/empty/
            ärger 0
            """
                .formatted(LONG));
  }

  @Test
  void keepsAJournalInItsScratchSpaceAndLeavesNothing() {
    String said = output(0, run(SCRATCH, "work", "/tmp"));
    assertThat(said).startsWith("records 50 in 5844 bytes\nentries 21 from journal.1 to part-xxx");
    assertThat(said).endsWith("\nleft 0\n");
    assertThat(run(SCRATCH, "work", "/tmp").fuel()).isEqualTo(run(SCRATCH, "work", "/tmp").fuel());
  }

  @Test
  void isToldWhatIsMissing() {
    RunReport none = run(WasiGrants.NONE, "list", "/data");
    output(1, none);
    assertThat(new String(none.stderr(), UTF_8)).isEqualTo("no directory /data\n");
    RunReport readOnly = run(WasiGrants.NONE.withTree("/data"), "work", "/data");
    output(1, readOnly);
    assertThat(new String(readOnly.stderr(), UTF_8))
        .isEqualTo("path_create_directory: " + WasiErrno.NOTCAPABLE + "\n");
    RunReport full = run(SCRATCH, "fill", "/tmp", "65537", "return");
    output(1, full);
    assertThat(new String(full.stderr(), UTF_8)).isEqualTo("fd_write: " + WasiErrno.NOSPC + "\n");
    assertThat(output(0, run(SCRATCH, "fill", "/tmp", "65536", "return"))).isEqualTo("65536\n");
  }
}
