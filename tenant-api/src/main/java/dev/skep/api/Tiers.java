package dev.skep.api;

import dev.skep.engine.CompilerState;
import dev.skep.engine.Engine;
import dev.skep.engine.MachineCompilers;
import dev.skep.engine.Printable;
import dev.skep.pool.CodeStats;
import dev.skep.scheduler.CompileRefusedException;
import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.NativeCompileQueue;
import dev.skep.scheduler.NativeState;
import dev.skep.scheduler.NativeStats;
import dev.skep.scheduler.Receipt;
import dev.skep.scheduler.TenantId;
import dev.skep.storage.ArtifactDirectory;
import dev.skep.storage.ArtifactDirectoryStats;
import dev.skep.storage.SharedArtifacts;
import dev.skep.storage.TenantRecord;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Which tier runs what, as tenants and operators meet it: what is held to tier 1 and by whom, how
 * far versions are on their way to machine code, and what all that takes. Thread-safe.
 */
final class Tiers {
  /** Longest that an upload waits for machine code, in seconds. */
  static final int MOST_WAIT_SECONDS = 600;

  /**
   * What makes and keeps machine code on this node.
   *
   * @param queue of what is to be compiled
   * @param compilers that do
   * @param shared what all nodes have
   * @param directory what this one has on its disk
   */
  record Parts(
      NativeCompileQueue queue,
      MachineCompilers compilers,
      SharedArtifacts shared,
      ArtifactDirectory directory) {}

  private final Engine engine;
  private final @Nullable Parts parts;
  private final String nodeHeld;

  private Tiers(Engine engine, @Nullable Parts parts, String nodeHeld) {
    this.engine = engine;
    this.parts = parts;
    this.nodeHeld = nodeHeld;
  }

  static Tiers of(Engine engine, Parts parts) {
    return new Tiers(engine, parts, "");
  }

  /**
   * Of a node that stays on tier 1.
   *
   * @param why for people
   */
  static Tiers held(Engine engine, String why) {
    return new Tiers(engine, null, why);
  }

  // ── For runs ──────────────────────────────────────────────────────────────────────────────

  /** Whether a function's runs are not held to tier 1. Looks at nothing but its arguments. */
  boolean isFree(TenantRecord tenant, FunctionSettings function) {
    return parts != null && !tenant.heldToTier1() && !function.heldToTier1();
  }

  /** Whether a version that is not held may run as machine code: one look into a cache. */
  boolean isReady(TenantId tenant, ModuleDigest version) {
    return parts != null && parts.queue.isReady(tenant, version);
  }

  /** Counts the run of a function that is not held. Never blocks. */
  void ran(Receipt receipt) {
    if (parts != null && receipt.tier() == Receipt.TIER_1) {
      parts.queue.ran(receipt.tenant(), receipt.function(), receipt.version(), receipt.fuel());
    }
  }

  // ── For people ────────────────────────────────────────────────────────────────────────────

  /** Who holds a function to tier 1 and what to do about it, or null. */
  private @Nullable String heldBecause(TenantRecord tenant, FunctionSettings function) {
    if (parts == null) {
      return nodeHeld;
    }
    if (tenant.heldToTier1()) {
      return "the operator holds the tenant to tier 1";
    }
    return function.heldToTier1()
        ? "the function is held to tier 1; PATCH heldToTier1 to false to change that"
        : null;
  }

  /**
   * What is said of versions, one for each, in their order. Blocks on the store.
   *
   * @param versions at most 1,000, all of one function
   */
  List<JsonObject> shown(
      TenantRecord tenant, FunctionSettings function, List<ModuleDigest> versions) {
    String held = heldBecause(tenant, function);
    List<NativeState> states =
        parts == null
            ? versions.stream().map(_ -> (NativeState) new NativeState.Absent()).toList()
            : parts.queue.states(tenant.tenant(), versions);
    return states.stream().map(state -> shown(state, held)).toList();
  }

  /** The members {@code tier} and {@code machineCode} of a version. */
  private static JsonObject shown(NativeState state, @Nullable String held) {
    boolean machineCode = state instanceof NativeState.Ready && held == null;
    return new JsonObject()
        .put("tier", machineCode ? Receipt.TIER_2 : Receipt.TIER_1)
        .put("machineCode", toJson(state, held));
  }

  private static JsonObject toJson(NativeState state, @Nullable String held) {
    JsonObject json = new JsonObject().put("state", state.word());
    String reason =
        switch (state) {
          case NativeState.Unsupported unsupported -> unsupported.reason();
          case NativeState.Failed failed -> failed.reason();
          case NativeState.Absent _,
              NativeState.Queued _,
              NativeState.Compiling _,
              NativeState.Ready _ ->
              held;
        };
    if (reason != null) {
      json.put("reason", reason);
    }
    return json;
  }

  /** How long an upload is to wait for machine code; 0 for not at all. */
  static int waitSeconds(RoutingContext ctx) {
    String given = Bodies.query(ctx, "wait-native");
    if (given == null) {
      return 0;
    }
    try {
      int seconds = Integer.parseInt(given);
      if (seconds >= 0 && seconds <= MOST_WAIT_SECONDS) {
        return seconds;
      }
    } catch (NumberFormatException e) {
      // Falls through to the same answer.
    }
    throw Bodies.bad(
        "wait-native is "
            + Printable.of(given)
            + "; it must be a whole number of seconds from 0 to "
            + MOST_WAIT_SECONDS);
  }

  /**
   * Asks for machine code of a version and waits for it.
   *
   * @param seconds at most so long, 1 to {@link #MOST_WAIT_SECONDS}
   * @return completes with what there is then to say of it, never exceptionally
   */
  CompletableFuture<JsonObject> await(
      TenantRecord tenant,
      FunctionName name,
      FunctionSettings function,
      ModuleDigest version,
      int seconds) {
    String held = heldBecause(tenant, function);
    if (parts == null || held != null) {
      return CompletableFuture.completedFuture(shown(new NativeState.Absent(), held));
    }
    NativeCompileQueue queue = parts.queue;
    return queue
        .ask(tenant.tenant(), name, version)
        .copy()
        .orTimeout(seconds, TimeUnit.SECONDS)
        .handle((state, failure) -> {
          if (failure == null) {
            return shown(state, null);
          }
          // Otherwise it is only late.
          boolean refused = Later.cause(failure) instanceof CompileRefusedException;
          return shown(
              queue.ifKnown(tenant.tenant(), version),
              refused
                  ? "the node takes no more to compile now, because as many versions wait as may or"
                      + " because it goes down; ask again later"
                  : null);
        });
  }

  // ── For operators ─────────────────────────────────────────────────────────────────────────

  /** What compiling has done; null on a node that is held. */
  @Nullable NativeStats compiles() {
    return parts == null ? null : parts.queue.stats();
  }

  /** What is on the disk; null on a node that is held. */
  @Nullable ArtifactDirectoryStats cache() {
    return parts == null ? null : parts.directory.stats();
  }

  /** Artifacts in the database that were not what had been written. */
  long corruptInDatabase() {
    return parts == null ? 0 : parts.shared.corrupt();
  }

  CodeStats code() {
    return engine.codeSpace().stats();
  }

  /** The compiler's own state. */
  CompilerState.Phase phase() {
    return parts == null ? CompilerState.Phase.UNAVAILABLE : parts.compilers.state().phase();
  }

  /** All of it, for the console. */
  JsonObject picture() {
    CodeStats code = code();
    JsonObject json =
        new JsonObject()
            .put("on", parts != null)
            .put("compiler", phase().word())
            .put("codeBytes", code.bytes())
            .put("codeBytesLimit", code.mostBytes())
            .put("codeMappings", code.mappings());
    if (parts == null) {
      return json.put("because", nodeHeld);
    }
    CompilerState state = parts.compilers.state();
    NativeStats stats = parts.queue.stats();
    ArtifactDirectoryStats cache = parts.directory.stats();
    return json.put("because", state.detail())
        .put("compilerFunctionsDone", state.done())
        .put("compilerFunctions", state.functions())
        .put("queued", stats.queued())
        .put("compiling", stats.compiling())
        .put("compiled", stats.compiled())
        .put("unsupported", stats.unsupported())
        .put("failed", stats.failed())
        .put("compileMillis", stats.compileNanos() / 1_000_000)
        .put("artifactsRefused", stats.refusedArtifacts() + cache.corrupt() + corruptInDatabase())
        .put("cacheBytes", cache.bytes());
  }
}
