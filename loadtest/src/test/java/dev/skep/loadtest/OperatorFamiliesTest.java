package dev.skep.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.loadtest.operators.OperatorFamilies;
import dev.skep.loadtest.operators.OperatorFamily;
import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.peer.CountingInterpreter;
import dev.skep.loadtest.peer.PeerRun;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each family's guest does what its figures say of it. */
@Timeout(300)
class OperatorFamiliesTest {
  private static final List<OperatorFamily> ALL = OperatorFamilies.all();

  private static final int BADF = 8;
  private static final int FAULT = 21;
  private static final int ILSEQ = 25;
  private static final int NOENT = 44;
  private static final int NOSYS = 52;

  @Test
  void keysAreUnique() {
    assertThat(ALL).extracting(OperatorFamily::key).doesNotHaveDuplicates().hasSizeGreaterThan(100);
  }

  @Test
  void aTurnCostsItsStepsAndTheLoop() {
    try (GuestPool pool = new GuestPool(1, EngineConfig.DEFAULTS)) {
      for (OperatorFamily family : ALL) {
        CompiledModule module = pool.compile(family.key(), family.bytes());
        try (GuestInstance instance = pool.instance(module)) {
          RunReport two = OperatorTrial.run(instance, 2);
          instance.reset();
          RunReport three = OperatorTrial.run(instance, 3);
          assertThat(three.result()).as(family.key()).isInstanceOf(RunResult.Values.class);
          if (family.stepUnits() > 0) {
            assertThat(three.fuel() - two.fuel()).as(family.key()).isEqualTo(family.units(1));
          } else {
            assertThat(three.fuel() - two.fuel())
                .as(family.key())
                .isGreaterThan(family.steps() + OperatorFamily.LOOP_UNITS);
          }
          assertThat(three.refused()).as(family.key()).isEmpty();
          if (family.kind() == Kind.HOST) {
            RunReport errors =
                instance.run(new Invocation.TypedCall("errors", new long[0]), GuestPool.PLENTY);
            assertThat(errors.result())
                .as(family.key())
                .isInstanceOfSatisfying(
                    RunResult.Values.class,
                    values -> assertThat(values.results()).containsExactly(error(family.key())));
          }
        }
      }
    }
  }

  private static long error(String family) {
    return switch (family) {
      case "proc_raise" -> NOSYS;
      case "path_unlink_file_missing" -> NOENT;
      case "fd_read_not_open", "deep_fd_tell" -> BADF;
      case "clock_time_get_fault", "random_get_fault", "deep_clock_time_get" -> FAULT;
      case "deep_path_filestat_get" -> ILSEQ;
      default -> 0;
    };
  }

  /** What it answers and costs is not this engine's alone. */
  @Test
  void anIndependentCountComesToTheSame() {
    try (GuestPool pool = new GuestPool(1, EngineConfig.DEFAULTS)) {
      for (OperatorFamily family : ALL) {
        // Functions of the host are this engine's; pages by the thousand take an interpreter long.
        if (family.kind() == Kind.HOST || family.kind() == Kind.PAGE) {
          continue;
        }
        CompiledModule module = pool.compile(family.key(), family.bytes());
        try (GuestInstance instance = pool.instance(module)) {
          RunReport report = OperatorTrial.run(instance, 2);
          PeerRun run = new CountingInterpreter(family.bytes()).call("run", 2);
          assertThat(run.trap()).as(family.key()).isNull();
          assertThat(((RunResult.Values) report.result()).results())
              .as(family.key())
              .containsExactly(run.results()[0] & 0xFFFF_FFFFL);
          assertThat(report.fuel()).as(family.key()).isEqualTo(run.fuel());
        }
      }
    }
  }
}
