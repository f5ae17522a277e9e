package dev.skep.loadtest;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import dev.skep.loadtest.machine.MachineCompiler;
import dev.skep.loadtest.peer.CountingInterpreter;
import dev.skep.loadtest.peer.PeerRun;
import dev.skep.loadtest.peer.WasmtimePrograms;
import dev.skep.loadtest.programs.Program;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Runs generated programs every way there is, and says where the ways differ:
 *
 * <ul>
 *   <li>on tier 1, in a new instance and again after a reset: all must be equal;
 *   <li>on tier 1 with its functions interpreted, as those are that are too large for the JVM: all
 *       must be equal;
 *   <li>as machine code, the same, and with less fuel than it takes: all must be equal to tier 1;
 *   <li>in Chicory's interpreter, with fuel counted beside it, and in Wasmtime if it is here: how
 *       it ends and what it leaves behind must be equal, and the fuel too if it comes back. What a
 *       trap leaves unspent of a charge made before is no program's to see, so there the figures
 *       may differ;
 *   <li>on tier 1 with just the fuel that it takes, with one less, and with less by chance: it must
 *       come back, or be out of fuel, not overdrawn by more than is said to be possible.
 * </ul>
 *
 * Not thread-safe.
 */
final class ProgramTrial implements AutoCloseable {
  /** Units on credit: the most in straight code, and the most behind each call. */
  private static final int MOST_UNCHECKED = 1_000;

  private static final int MOST_BEHIND_CALL = 16;

  /** Limits by chance that each program is held to. */
  private static final int LIMITS = 3;

  private static final StoreLimits PLENTY = GuestPool.PLENTY.withCallDepth(8_192);

  private final GuestPool pool;
  private final GuestPool interpreting;
  private final boolean asMachineCode;
  private final @Nullable WasmtimePrograms wasmtime;
  private final Totals totals = new Totals();
  private List<String> differences = new ArrayList<>();

  /** What the trials so far came to. */
  static final class Totals {
    int programs;
    int returned;
    int trapped;
    int interpreted;
    int machineCode;
    int fuelCompared;

    /** Programs at which the interpreter failed by a fault of its own. */
    int interpreterFaults;

    int fuelComparedToWasmtime;
    int limited;
    int differing;
    long bytes;
    long fuel;
    long mostOverdrawn;
  }

  /**
   * How a way ended.
   *
   * @param how what came back, or why it trapped
   * @param state what it left behind
   * @param fuel of the run
   * @param stateFuel of asking for the state
   */
  private record Ended(String how, long state, long fuel, long stateFuel) {}

  /**
   * @param library Wasmtime's, null to do without
   * @param asMachineCode whether programs run as machine code besides
   * @param compilerCode as {@link dev.skep.loadtest.machine.MachineCompiler} takes it
   */
  ProgramTrial(@Nullable Path library, boolean asMachineCode, @Nullable Path compilerCode) {
    this.wasmtime = library == null ? null : new WasmtimePrograms(library);
    this.asMachineCode = asMachineCode;
    this.pool = new GuestPool(2, EngineConfig.DEFAULTS, compilerCode);
    this.interpreting = new GuestPool(1, EngineConfig.DEFAULTS.withInterpreter());
  }

  /** What compiling to machine code came to. */
  MachineCompiler.Figures compiling() {
    return pool.machine().figures();
  }

  Totals totals() {
    return totals;
  }

  /**
   * Tries a program.
   *
   * @return what differed; nothing should
   */
  List<String> run(Program program) {
    differences = new ArrayList<>();
    totals.programs++;
    totals.bytes += program.bytes().length;
    CompiledModule module = pool.compile(program.toString(), program.bytes());
    totals.interpreted += module.interpretedFunctions().isEmpty() ? 0 : 1;
    try (GuestInstance instance = pool.instance(module)) {
      Ended first = tierOne(instance, program);
      instance.reset();
      compare("after a reset", first, tierOne(instance, program), true);
      boolean returned = first.how.startsWith("returned");
      totals.fuel += first.fuel;
      totals.returned += returned ? 1 : 0;
      totals.trapped += returned ? 0 : 1;
      if (!returned && program.calm()) {
        differences.add("a calm program " + first.how);
      }
      compare("with its functions interpreted", first, withInterpretedFunctions(program), true);
      CountingInterpreter interpreter = new CountingInterpreter(program.bytes());
      boolean compared = compareInterpreted(interpreter, first, program, returned);
      totals.fuelCompared += returned && compared ? 1 : 0;
      totals.interpreterFaults += compared ? 0 : 1;
      if (asMachineCode) {
        machineCode(program, instance, first);
      }
      if (wasmtime != null) {
        compare("in Wasmtime", first, inWasmtime(wasmtime, program), returned);
        totals.fuelComparedToWasmtime += returned ? 1 : 0;
      }
      if (compared) {
        limits(program, instance, first, interpreter.calls());
      }
    }
    totals.differing += differences.isEmpty() ? 0 : 1;
    return differences;
  }

  // ── The ways ──────────────────────────────────────────────────────────────────────────────

  private static TypedCall call(Program program) {
    return new TypedCall(Program.RUN, program.args().clone());
  }

  private void machineCode(Program program, GuestInstance tierOne, Ended first) {
    CompiledModule module = pool.compile(program.toString(), program.bytes());
    Optional<String> whyNot = pool.machine().compile(program.bytes(), module);
    if (whyNot.isPresent()) {
      differences.add("cannot be machine code: " + whyNot.get());
      return;
    }
    totals.machineCode++;
    try (GuestInstance instance = pool.instance(module)) {
      compare("in machine code", first, tierOne(instance, program), true);
      instance.reset();
      compare("in machine code after a reset", first, tierOne(instance, program), true);
      Random random = new Random(program.seed());
      for (int i = 0; i < LIMITS && first.fuel > 0; i++) {
        long limit = i == 0 ? first.fuel - 1 : random.nextLong(first.fuel);
        RunReport here = limited(instance, program, limit);
        RunReport there = limited(tierOne, program, limit);
        if (here.fuel() != there.fuel() || !how(here.result()).equals(how(there.result()))) {
          differences.add(
              "with "
                  + limit
                  + " "
                  + how(there.result())
                  + " for "
                  + there.fuel()
                  + ", but in machine code "
                  + how(here.result())
                  + " for "
                  + here.fuel());
        }
      }
    }
  }

  private Ended withInterpretedFunctions(Program program) {
    CompiledModule module = interpreting.compile(program.toString(), program.bytes());
    try (GuestInstance instance = interpreting.instance(module)) {
      return tierOne(instance, program);
    }
  }

  private static Ended tierOne(GuestInstance instance, Program program) {
    RunReport report = instance.run(call(program), PLENTY);
    RunReport state = instance.run(new TypedCall(Program.STATE, new long[0]), PLENTY);
    long digest = state.result() instanceof RunResult.Values values ? values.results()[0] : 0;
    return new Ended(how(report.result()), digest, report.fuel(), state.fuel());
  }

  private static String how(RunResult result) {
    return switch (result) {
      case RunResult.Values values -> returned(values.results()[0]);
      case RunResult.Trapped trapped -> trapped(trapped.kind());
      case RunResult.LimitReached reached -> reached.kind() + ": " + reached.message();
      case RunResult.Bytes _, RunResult.Refused _, RunResult.Exited _, RunResult.HostFailed _ ->
          result.toString();
    };
  }

  private static String returned(long value) {
    return "returned " + value;
  }

  private static String trapped(TrapKind kind) {
    // Wasmtime does not tell an index outside the table of an indirect call from another.
    TrapKind shown = kind == TrapKind.UNDEFINED_ELEMENT ? TrapKind.OUT_OF_BOUNDS_TABLE : kind;
    return "trapped: " + shown.phrase();
  }

  /** Answers whether the interpreter was fit to be compared with. */
  private boolean compareInterpreted(
      CountingInterpreter interpreter, Ended first, Program program, boolean returned) {
    Ended other;
    try {
      other = interpreted(interpreter, program);
    } catch (CountingInterpreter.FaultException e) {
      return false;
    }
    compare("in the interpreter", first, other, returned);
    return true;
  }

  private static Ended interpreted(CountingInterpreter interpreter, Program program) {
    PeerRun run = interpreter.call(Program.RUN, program.args().clone());
    PeerRun state = interpreter.call(Program.STATE);
    return ended(run, state, 0);
  }

  private static Ended inWasmtime(WasmtimePrograms wasmtime, Program program) {
    try (WasmtimePrograms.Running running = wasmtime.instantiate(program.bytes())) {
      PeerRun run = running.call(Program.RUN, "iIfF:I", program.args());
      PeerRun state = running.call(Program.STATE, ":I");
      // Here an instance is made once, and only a start function is part of a run.
      long before = program.starts() ? 0 : running.fuelAtStart();
      return ended(new PeerRun(run.results(), run.trap(), run.fuel() - before), state, before);
    }
  }

  private static Ended ended(PeerRun run, PeerRun state, long before) {
    String trap = run.trap();
    String how = trap == null ? returned(run.results()[0]) : trapped(kindOf(trap));
    long digest = state.trap() == null ? state.results()[0] : 0;
    return new Ended(how, digest, run.fuel(), state.fuel() - before - run.fuel());
  }

  private static TrapKind kindOf(String message) {
    if (message.contains("unreachable")) {
      return TrapKind.UNREACHABLE;
    }
    for (TrapKind kind : TrapKind.values()) {
      if (message.startsWith(kind.phrase())) {
        return kind;
      }
    }
    throw new IllegalStateException("a peer trapped for no reason of the standard: " + message);
  }

  private void compare(String where, Ended first, Ended other, boolean fuelToo) {
    if (!first.how.equals(other.how)) {
      differences.add(first.how + ", but " + where + " " + other.how);
    }
    if (first.state != other.state) {
      differences.add(
          String.format(Locale.ROOT, "left %x, but %s %x behind", first.state, where, other.state));
    }
    if (fuelToo && first.fuel != other.fuel) {
      differences.add("took " + first.fuel + ", but " + where + " " + other.fuel);
    }
    if (first.stateFuel != other.stateFuel) {
      differences.add(
          "its state took " + first.stateFuel + ", but " + where + " " + other.stateFuel);
    }
  }

  // ── Limits ────────────────────────────────────────────────────────────────────────────────

  private void limits(Program program, GuestInstance instance, Ended first, long calls) {
    RunReport just = limited(instance, program, first.fuel);
    if (!how(just.result()).equals(first.how) || just.fuel() != first.fuel) {
      differences.add(first.how + ", but with just its fuel " + just.result());
    }
    if (first.fuel == 0) {
      return;
    }
    Random random = new Random(program.seed());
    long most = MOST_UNCHECKED + MOST_BEHIND_CALL * calls;
    for (int i = 0; i <= LIMITS; i++) {
      long limit = i == 0 ? first.fuel - 1 : random.nextLong(first.fuel);
      RunReport report = limited(instance, program, limit);
      totals.limited++;
      boolean outOfFuel =
          report.result() instanceof RunResult.LimitReached reached
              && reached.kind() == LimitKind.FUEL;
      if (!outOfFuel) {
        differences.add("with " + limit + " of " + first.fuel + " " + how(report.result()));
      }
      long overdrawn = report.fuel() - limit;
      totals.mostOverdrawn = Math.max(totals.mostOverdrawn, overdrawn);
      if (overdrawn > most || report.fuel() > first.fuel) {
        differences.add(
            "with "
                + limit
                + " of "
                + first.fuel
                + " took "
                + report.fuel()
                + ", "
                + calls
                + " calls");
      }
      RunReport again = limited(instance, program, limit);
      if (again.fuel() != report.fuel()
          || !Objects.equals(how(again.result()), how(report.result()))) {
        differences.add("with " + limit + " took " + report.fuel() + ", and then " + again.fuel());
      }
    }
  }

  private static RunReport limited(GuestInstance instance, Program program, long fuel) {
    instance.reset();
    return instance.run(call(program), PLENTY.withFuel(fuel));
  }

  @Override
  public void close() {
    pool.close();
    interpreting.close();
    if (wasmtime != null) {
      wasmtime.close();
    }
  }
}
