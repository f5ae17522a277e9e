package dev.skep.api;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.FuelProfile;
import dev.skep.engine.FuelProfiler;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Instantiation;
import dev.skep.engine.Invocation;
import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleDescription.Export;
import dev.skep.engine.ModuleDescription.ExternKind;
import dev.skep.engine.ModuleFigures.Figure;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.Printable;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.engine.Signature;
import dev.skep.engine.ValueKind;
import dev.skep.engine.WasiTree;
import dev.skep.engine.WasiWorld;
import dev.skep.limits.FuelCosts;
import dev.skep.limits.LimitKind;
import dev.skep.limits.PriceTable;
import dev.skep.limits.StoreLimits;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.pool.InstanceAllocator;
import dev.skep.pool.OnDemandAllocator;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotOwner;
import dev.skep.pool.TakeRefused;
import dev.skep.scheduler.ModuleDigest;
import io.vertx.core.json.JsonArray;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Does to a module what the service does, without a service: checks it, compiles it, and runs its
 * exports, each in a new instance. Each run is metered in compiled code and then repeated in the
 * interpreter to see which functions its fuel went to. Not thread-safe; the calling thread needs a
 * stack of {@link #STACK_BYTES}.
 */
final class ModuleCheck {
  /** The interpreter takes some KiB of the stack for a call, and the deepest guest 8,192 calls. */
  static final long STACK_BYTES = 512L << 20;

  /** Most fuel of a dry run unless told otherwise: a tenth of what a run may use by default. */
  static final long DEFAULT_FUEL = StoreLimits.DEFAULTS.fuel() / 10;

  /** Most exports that are run. */
  static final int MOST_RUNS = 100;

  /** An export with more parameters is not run: zeroes would say little about it. */
  private static final int MOST_PARAMETERS = 8;

  /** Of a dry run. */
  private static final long DEADLINE_NANOS = 5_000_000_000L;

  /** Most fuel that is profiled over all runs; the interpreter takes some seconds for it. */
  private static final long PROFILED_FUEL = 50_000_000;

  /** What can be granted without knowing the tenant; a tree or space would be one's own. */
  private static final WasiWorld GRANTED =
      new WasiWorld(
          WasiGrants.NONE
              .with(WasiGrant.CLOCK)
              .with(WasiGrant.MONOTONIC_CLOCK)
              .with(WasiGrant.RANDOM),
          WasiTree.EMPTY);

  /** Of a profiled run, which is bounded by its fuel. */
  private static final long PROFILE_DEADLINE_NANOS = 120_000_000_000L;

  /** Run before or after others by the engine itself. */
  private static final Set<String> NOT_RUN =
      Set.of("_initialize", "wizer-initialize", "wizer.initialize");

  /**
   * What is to be run.
   *
   * @param export only this one; null for all that can be
   * @param args for it, as on the command line
   * @param input for it as a call with bytes, or for a command's standard input; null for none
   * @param fuel most units of each run
   */
  record Request(@Nullable String export, List<String> args, byte @Nullable [] input, long fuel) {}

  private final Engine engine = new Engine(EngineConfig.DEFAULTS);
  private final PriceTable prices = PriceTable.DEFAULTS;
  private final PoolConfig pool;
  private final byte[] bytes;
  private final Request request;
  private final StoreLimits limits;
  private final List<CheckReport.Run> runs = new ArrayList<>();
  private final Map<Integer, FuelProfile.Line> functions = new HashMap<>();
  private long unprofiled = PROFILED_FUEL;

  private ModuleCheck(PoolConfig pool, byte[] bytes, Request request) {
    this.pool = pool;
    this.bytes = bytes;
    this.request = request;
    this.limits = StoreLimits.DEFAULTS.withFuel(request.fuel()).withDeadlineNanos(DEADLINE_NANOS);
  }

  /**
   * Checks a module.
   *
   * @param pool what a slot of the node holds
   * @throws ProblemException if what is to be run does not fit the module
   */
  static CheckReport of(PoolConfig pool, byte[] bytes, Request request) {
    return new ModuleCheck(pool, bytes, request).check();
  }

  private CheckReport check() {
    ModuleDescription description;
    List<Figure> figures;
    CompiledModule module;
    FuelProfiler profiler;
    try {
      description = UploadCheck.check(engine, pool, StoreLimits.DEFAULTS, bytes);
      figures = figures(description);
      module = engine.compile(bytes);
      profiler = engine.profiler(bytes);
    } catch (ProblemException e) {
      return new CheckReport.Refused(bytes.length, e.problem());
    } catch (ModuleRefusedException e) {
      return new CheckReport.Refused(bytes.length, UploadCheck.problem(e));
    }
    try (InstanceAllocator slots = new OnDemandAllocator(pool)) {
      runAll(new Bench(slots, slots.newOwner(), module, profiler), description);
    }
    List<FuelProfile.Line> costliest = new ArrayList<>(functions.values());
    costliest.sort(
        Comparator.comparingLong(FuelProfile.Line::fuel)
            .reversed()
            .thenComparingInt(FuelProfile.Line::function));
    long fuel = FuelCosts.compiling(bytes.length);
    return new CheckReport.Accepted(
        ModuleDigest.of(bytes),
        description,
        figures,
        new CheckReport.Cost(fuel, prices.nanoDollarsOfFuel(fuel)),
        new CheckReport.Compiled(
            module.codeBytes(),
            module.interpretedFunctions().stream()
                .map(index -> new FuelProfile.Line(index, module.nameOf(index), 0))
                .toList()),
        List.copyOf(runs),
        costliest,
        request.fuel(),
        DEADLINE_NANOS);
  }

  private List<Figure> figures(ModuleDescription description) throws ModuleRefusedException {
    List<Figure> figures =
        new ArrayList<>(
            engine
                .figures(bytes)
                .with(
                    new Figure(
                        "memoryBytes",
                        "bytes of memory at start",
                        description.memoryMinBytes(),
                        UploadCheck.memoryLimit(pool, StoreLimits.DEFAULTS)),
                    new Figure(
                        "tableElements",
                        "table elements at start",
                        description.tableMinElements(),
                        UploadCheck.tableLimit(pool, StoreLimits.DEFAULTS)))
                .all());
    figures.sort(Comparator.comparingDouble(Figure::share).reversed());
    return figures;
  }

  // ── Dry runs ──────────────────────────────────────────────────────────────────────────────

  /** What dry runs are made with. */
  private record Bench(
      InstanceAllocator slots, SlotOwner owner, CompiledModule module, FuelProfiler profiler) {}

  private void runAll(Bench bench, ModuleDescription description) {
    if (request.export() != null) {
      one(bench, description, request.export());
      return;
    }
    if (description.isCommand()) {
      run(bench, "_start", input(), command());
    }
    for (Export export : description.exports()) {
      Signature signature = export.signature();
      boolean done = description.isCommand() && export.name().equals("_start");
      if (export.kind() != ExternKind.FUNCTION || signature == null || done) {
        continue;
      }
      String skipped = skipped(export.name(), signature);
      if (skipped != null) {
        runs.add(new CheckReport.Run(export.name(), "", null, skipped, 0, OptionalLong.empty()));
        continue;
      }
      long[] zeroes = new long[signature.params().size()];
      String how = LongStream.of(zeroes).mapToObj(Long::toString).collect(Collectors.joining(", "));
      run(bench, export.name(), "(" + how + ")", new Invocation.TypedCall(export.name(), zeroes));
    }
  }

  private @Nullable String skipped(String name, Signature signature) {
    if (NOT_RUN.contains(name)) {
      return "runs before the others";
    }
    if (signature.params().stream().anyMatch(ValueKind::isReference)) {
      return "takes references, which cannot be given";
    }
    if (signature.params().size() > MOST_PARAMETERS) {
      return "takes more than " + MOST_PARAMETERS + " arguments; name it with --call";
    }
    long ran = runs.stream().filter(run -> run.report() != null).count();
    return ran >= MOST_RUNS ? "behind the first " + MOST_RUNS + "; name it with --call" : null;
  }

  /** The one that was asked for. */
  private void one(Bench bench, ModuleDescription description, String name) {
    if (description.isCommand() && name.equals("_start")) {
      run(bench, name, input(), command());
      return;
    }
    Export export =
        description
            .function(name)
            .orElseThrow(() ->
                new ProblemException(
                    Problem.Kind.UNKNOWN_EXPORT,
                    "the module exports no function "
                        + Printable.of(name)
                        + "; it has "
                        + InvokeRoutes.exports(description)));
    Signature signature = export.signature();
    if (signature == null) {
      throw new IllegalStateException("a function without a signature");
    }
    byte[] input = request.input();
    if (input != null) {
      InvokeRoutes.checkBytesAbi(description, name, signature);
      run(bench, name, input(), new Invocation.BytesCall(name, input));
      return;
    }
    JsonArray args = new JsonArray();
    for (int i = 0; i < request.args().size(); i++) {
      boolean floating =
          i < signature.params().size()
              && Set.of(ValueKind.F32, ValueKind.F64).contains(signature.params().get(i));
      args.add(floating ? number(request.args().get(i)) : request.args().get(i));
    }
    run(
        bench,
        name,
        "(" + String.join(", ", request.args()) + ")",
        new Invocation.TypedCall(name, WasmValues.toBits(args, signature)));
  }

  /** A number if it is one; what is none is refused by what takes it. */
  private static Object number(String text) {
    try {
      return Double.valueOf(text);
    } catch (NumberFormatException e) {
      return text;
    }
  }

  private Invocation.CommandRun command() {
    byte[] input = request.input();
    List<String> args = new ArrayList<>();
    args.add("check");
    args.addAll(request.args());
    return new Invocation.CommandRun(args, Map.of(), input == null ? new byte[0] : input);
  }

  private String input() {
    byte[] input = request.input();
    return input == null ? "" : " with " + input.length + " bytes of input";
  }

  private void run(Bench bench, String export, String how, Invocation invocation) {
    RunReport report =
        switch (bench.slots().take(bench.module().slotFor(bench.owner()))) {
          case SlotLease lease -> metered(bench.module(), lease, invocation);
          case TakeRefused refused ->
              new RunReport(
                  new RunResult.HostFailed("there is no slot for it: " + refused),
                  0,
                  0,
                  0,
                  new byte[0]);
        };
    runs.add(
        new CheckReport.Run(
            export,
            how,
            report,
            null,
            prices.nanoDollars(report.fuel()),
            profile(bench, report, invocation)));
  }

  private RunReport metered(CompiledModule module, SlotLease lease, Invocation invocation) {
    return switch (module.instantiate(lease, limits)) {
      case Instantiation.Failed failed ->
          new RunReport(failed.result(), failed.fuel(), 0, 0, new byte[0]);
      case GuestInstance instance -> {
        try (instance) {
          yield instance.run(invocation, GRANTED, limits);
        }
      }
    };
  }

  /** Repeats a run in the interpreter, as far as there is fuel left for that. */
  private OptionalLong profile(Bench bench, RunReport report, Invocation invocation) {
    boolean tooDeep =
        report.result() instanceof RunResult.LimitReached reached
            && reached.kind() == LimitKind.CALL_DEPTH;
    long fuel = Math.min(unprofiled, report.fuel());
    if (fuel == 0
        || tooDeep
        || report.result() instanceof RunResult.HostFailed
        || !(bench.slots().take(bench.profiler().slotFor(bench.owner()))
            instanceof SlotLease lease)) {
      return OptionalLong.empty();
    }
    FuelProfile profile =
        bench
            .profiler()
            .run(
                lease,
                invocation,
                GRANTED,
                limits.withFuel(fuel).withDeadlineNanos(PROFILE_DEADLINE_NANOS));
    unprofiled -= profile.report().fuel();
    for (FuelProfile.Line line : profile.functions()) {
      functions.merge(
          line.function(),
          line,
          (a, b) -> new FuelProfile.Line(a.function(), a.name(), a.fuel() + b.fuel()));
    }
    return OptionalLong.of(profile.report().fuel());
  }
}
