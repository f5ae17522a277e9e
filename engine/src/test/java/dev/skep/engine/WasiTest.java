package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.LimitKind;
import dev.skep.limits.ModuleLimits;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * WASI with pointers and lengths from an enemy; guests are {@code src/test/resources/wat/wasi.wat}
 * and {@code wasi_overlap.wat}.
 */
class WasiTest {
  private static final long SUCCESS = 0;
  private static final long BADF = 8;
  private static final long FAULT = 21;
  private static final long INVAL = 28;
  private static final long NOSPC = 51;
  private static final long SPIPE = 70;
  private static final long NOTCAPABLE = 76;
  private static final long[] WILD = {65_536, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFFL};

  /** What functions with pointers and lengths from an enemy may all be tried with. */
  private static final WasiGrants GRANTS =
      WasiGrants.NONE
          .with(WasiGrant.STDIN)
          .with(WasiGrant.STDOUT)
          .with(WasiGrant.CLOCK)
          .with(WasiGrant.MONOTONIC_CLOCK)
          .with(WasiGrant.RANDOM);

  private static Guests guests;
  private static CompiledModule wasi;

  @BeforeAll
  static void open() {
    guests = new Guests();
    wasi = guests.compile(Wat.bytes("wasi"));
  }

  @AfterAll
  static void close() {
    assertThat(guests.pool.stats().leased()).isZero();
    guests.close();
  }

  private static Probe probe() {
    Probe probe = new Probe(guests, wasi);
    probe.world = new WasiWorld(GRANTS, WasiTree.EMPTY);
    return probe;
  }

  private static CommandRun command(byte[] stdin, String... args) {
    return new CommandRun(List.of(args), Map.of("K", "V"), stdin);
  }

  @Test
  void everyPointerOutsideTheMemoryIsAFault() {
    try (Probe probe = probe()) {
      for (long wild : WILD) {
        assertThat(probe.call("random_get", wild, 1)).isEqualTo(FAULT);
        assertThat(probe.call("random_get", 0, wild + 1))
            .isEqualTo(wild < 0xFFFF_FFFFL ? FAULT : 0);
        assertThat(probe.call("random_get", 1, wild)).isEqualTo(FAULT);
        assertThat(probe.call("clock_time_get", 0, wild)).isEqualTo(FAULT);
        assertThat(probe.call("clock_res_get", 0, wild)).isEqualTo(FAULT);
        assertThat(probe.call("fd_fdstat_get", 1, wild)).isEqualTo(FAULT);
        assertThat(probe.call("fd_filestat_get", 1, wild)).isEqualTo(FAULT);
        assertThat(probe.call("args_sizes_get", wild, 0)).isEqualTo(FAULT);
        assertThat(probe.call("args_sizes_get", 0, wild)).isEqualTo(FAULT);
        for (String call : List.of("fd_read", "fd_write")) {
          long fd = call.equals("fd_read") ? 0 : 1;
          assertThat(probe.call(call, fd, wild, 1, 0)).isEqualTo(FAULT);
          assertThat(probe.call(call, fd, 0, wild, 0)).isEqualTo(FAULT);
          assertThat(probe.call(call, fd, 0, 0, wild)).isEqualTo(FAULT);
          assertThat(probe.call(call, fd, 8, wild, wild)).isEqualTo(FAULT);
        }
        assertThat(probe.call("write_one", 1, wild, 1)).isEqualTo(FAULT);
        assertThat(probe.call("write_one", 2, wild, 1)).isEqualTo(FAULT);
        assertThat(probe.call("write_one", 2, 1, wild)).isEqualTo(FAULT);
        assertThat(probe.call("read_one", 0, wild, 0)).isEqualTo(wild == 65_536 ? SUCCESS : FAULT);
      }
      assertThat(probe.call("write_one", 1, 0, 65_537)).isEqualTo(FAULT);
      assertThat(probe.call("write_one", 1, 0, 0x7FFF_FFFFL)).isEqualTo(NOSPC);
      assertThat(probe.call("write_one", 1, 0, 0xFFFF_FFFFL)).isEqualTo(NOSPC);
    }
  }

  @Test
  void aGuestsLengthNeverBecomesTheHostsMemory() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Probe probe = probe()) {
      // Once before, so that classes are loaded.
      askForGigabytes(probe);
      long before = threads.getCurrentThreadAllocatedBytes();
      askForGigabytes(probe);
      assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(1 << 20);
    }
  }

  private static void askForGigabytes(Probe probe) {
    for (long wild : new long[] {0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFFL}) {
      probe.call("read_one", 0, 0, wild);
      probe.call("write_one", 1, 0, wild);
      probe.call("write_one", 2, 0, wild);
      probe.call("random_get", 0, wild);
      probe.call("fd_read", 0, 0, wild, 0);
      probe.call("fd_write", 1, 0, wild, 0);
    }
  }

  @Test
  void argumentsAndInputGoWhereTheyFitAndAHostileAskTakesNothing() {
    // Its _start checks every answer itself and exits with the one that was wrong.
    RunReport report =
        guests.run(
            guests.compile(Wat.bytes("wasi_overlap")),
            command("abcd".getBytes(StandardCharsets.UTF_8), "program", "argument"),
            Guests.PLENTY);
    assertThat(report.result())
        .isInstanceOfSatisfying(
            RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isZero());
  }

  @Test
  void stdoutEndsAtItsBoundWithNoSpace() {
    EngineConfig small = new EngineConfig(ModuleLimits.DEFAULTS, 100_000, 10, true);
    Engine engine = new Engine(small);
    CompiledModule module;
    try {
      module = engine.compile(Wat.bytes("wasi"));
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
    RunReport report = guests.run(module, command(new byte[0]), Guests.PLENTY);
    assertThat(report.result())
        .isInstanceOfSatisfying(
            RunResult.Exited.class,
            exited -> {
              assertThat(exited.exitCode()).isEqualTo(NOSPC);
              assertThat(exited.stdout()).hasSize(60_000);
            });
  }

  @Test
  void stderrIsKeptToItsBoundAndCountedAsWritten() {
    try (Probe probe = probe()) {
      RunReport report =
          probe.instance.run(new TypedCall("write_one", new long[] {2, 0, 65_536}), Guests.PLENTY);
      assertThat(((RunResult.Values) report.result()).results()).containsExactly(SUCCESS);
      assertThat(report.stderr()).hasSize(EngineConfig.DEFAULTS.errorBytes());
    }
  }

  /** What is spared a function's stray pointers, which guests may repeat, traps still have. */
  @Test
  void aTrapBehindAFaultSaysWhereItWas() {
    try (Probe probe = probe()) {
      assertThat(probe.run("fault_then_trap"))
          .isInstanceOfSatisfying(
              RunResult.Trapped.class,
              trapped -> {
                assertThat(trapped.kind()).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
                assertThat(trapped.frames()).hasSize(1);
              });
    }
  }

  @Test
  void everyCallIsPaidFor() {
    try (Probe probe = probe()) {
      probe.call("random_get", 0, 0);
      // Entry, two operands, the call.
      assertThat(probe.fuel).isEqualTo(4 + FuelCosts.HOST_CALL);
      probe.call("random_get", 0xFFFF_FFFFL, 1);
      assertThat(probe.fuel).as("failed").isEqualTo(4 + FuelCosts.HOST_CALL);
      assertThat(probe.run("exit", 0)).isInstanceOf(RunResult.Exited.class);
      assertThat(probe.fuel).isEqualTo(3 + FuelCosts.HOST_CALL);
      probe.limits = Guests.PLENTY.withFuel(3 + FuelCosts.HOST_CALL);
      assertThat(probe.limit("random_get", 0, 0)).isEqualTo(LimitKind.FUEL);
    }
  }

  @Test
  void ofALongErrorStreamTheBeginningIsKeptWithoutAGap() throws ModuleRefusedException {
    EngineConfig much = new EngineConfig(ModuleLimits.DEFAULTS, 100_000, 1 << 20, true);
    CompiledModule module = new Engine(much).compile(Guests.bytes("wasm/journal.wasm"));
    String name = "n".repeat(100_000);
    RunReport report =
        guests.run(module, command(new byte[0], "journal", "list", name), Guests.PLENTY);
    assertThat(new String(report.stderr(), StandardCharsets.UTF_8))
        .isEqualTo("no directory " + name + "\n");
  }

  @Test
  void whatIsMovedIsPaidForByTheByte() {
    try (Probe probe = probe()) {
      probe.call("random_get", 0, 0);
      long none = probe.fuel;
      probe.call("random_get", 0, 1_000);
      assertThat(probe.fuel).isEqualTo(none + 1_000 * FuelCosts.HOST_COMPUTED_BYTE);
      probe.call("write_one", 1, 0, 0);
      long empty = probe.fuel;
      probe.call("write_one", 1, 0, 1_000);
      assertThat(probe.fuel).isEqualTo(empty + 1_000);
      probe.limits = Guests.PLENTY.withFuel(30_000);
      assertThat(probe.limit("random_get", 0, 65_536)).isEqualTo(LimitKind.FUEL);
      assertThat(probe.limit("write_one", 1, 0, 65_536)).isEqualTo(LimitKind.FUEL);
      assertThat(probe.limit("write_one", 2, 0, 65_536)).isEqualTo(LimitKind.FUEL);
    }
  }

  @Test
  void descriptorsThatAreNotOpenAreRefused() {
    try (Probe probe = probe()) {
      for (long fd : new long[] {3, 4, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFFL}) {
        assertThat(probe.call("fd_read", fd, 0, 0, 0)).isEqualTo(BADF);
        assertThat(probe.call("fd_write", fd, 0, 0, 0)).isEqualTo(BADF);
        assertThat(probe.call("fd_fdstat_get", fd, 0)).isEqualTo(BADF);
        assertThat(probe.call("fd_filestat_get", fd, 0)).isEqualTo(BADF);
        assertThat(probe.call("fd_close", fd)).isEqualTo(BADF);
        assertThat(probe.call("fd_seek", fd)).isEqualTo(BADF);
      }
      assertThat(probe.call("fd_write", 0, 0, 0, 0)).isEqualTo(BADF);
      assertThat(probe.call("fd_read", 1, 0, 0, 0)).isEqualTo(BADF);
      assertThat(probe.call("fd_seek", 1)).isEqualTo(SPIPE);
      assertThat(probe.call("path_open")).isEqualTo(BADF);
      assertThat(probe.call("poll_oneoff")).isEqualTo(SUCCESS);
      assertThat(probe.call("clock_res_get", 4, 0)).isEqualTo(INVAL);
      assertThat(probe.call("clock_res_get", 0xFFFF_FFFFL, 0)).isEqualTo(INVAL);
    }
  }

  @Test
  void nothingIsGrantedByDefaultAndWhatWasAskedForIsTold() {
    try (Probe probe = new Probe(guests, wasi)) {
      assertThat(probe.call("random_get", 0, 8)).isEqualTo(NOTCAPABLE);
      assertThat(probe.call("clock_time_get", 0, 0)).isEqualTo(NOTCAPABLE);
      assertThat(probe.call("clock_time_get", 1, 0)).isEqualTo(NOTCAPABLE);
      assertThat(probe.call("clock_res_get", 1, 0)).isEqualTo(NOTCAPABLE);
      assertThat(probe.call("poll_oneoff")).isEqualTo(NOTCAPABLE);
      assertThat(probe.call("read_one", 0, 0, 1)).isEqualTo(BADF);
      assertThat(probe.call("write_one", 1, 0, 1)).isEqualTo(BADF);
      assertThat(probe.call("write_one", 2, 0, 1)).isEqualTo(SUCCESS);
      assertThat(probe.call("args_sizes_get", 0, 4)).isEqualTo(SUCCESS);
      RunReport report =
          probe.instance.run(new TypedCall("random_get", new long[] {0, 8}), Guests.PLENTY);
      assertThat(report.refused()).containsExactly(new RefusedCall("random_get", WasiGrant.RANDOM));
    }
  }

  @Test
  void oneGrantIsNotAnother() {
    try (Probe probe = new Probe(guests, wasi)) {
      probe.world = new WasiWorld(WasiGrants.NONE.with(WasiGrant.CLOCK), WasiTree.EMPTY);
      assertThat(probe.call("clock_time_get", 0, 0)).isEqualTo(SUCCESS);
      assertThat(probe.call("clock_time_get", 1, 0)).isEqualTo(NOTCAPABLE);
      assertThat(probe.call("random_get", 0, 8)).isEqualTo(NOTCAPABLE);
      probe.world = new WasiWorld(WasiGrants.NONE.with(WasiGrant.MONOTONIC_CLOCK), WasiTree.EMPTY);
      assertThat(probe.call("clock_time_get", 0, 0)).isEqualTo(NOTCAPABLE);
      assertThat(probe.call("clock_time_get", 3, 0)).isEqualTo(SUCCESS);
    }
  }

  @Test
  void aCallOfAnotherKindCanExitToo() {
    try (Probe probe = probe()) {
      assertThat(probe.run("exit", 3))
          .isInstanceOfSatisfying(
              RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isEqualTo(3));
    }
  }

  @Test
  void anImportThatIsExportedCanBeCalledFromOutside() {
    try (Probe probe = probe()) {
      assertThat(probe.call("args_get", 0, 0)).isEqualTo(SUCCESS);
    }
  }
}
