package dev.skep.engine;

import dev.skep.limits.LimitExceededException;
import dev.skep.limits.LimitKind;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.StoreLimits;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a run can reach through WASI, and what it has made there: grants, arguments, environment,
 * streams, descriptors, scratch space. Holds nothing of the host. Confined to the thread that runs
 * the guest.
 */
final class WasiContext {
  private static final byte[] NOTHING = {};
  private static final byte[][] NONE = {};

  /** Of a module that imports nothing, and so never sees it. */
  static final WasiContext UNSEEN =
      new WasiContext(
          WasiWorld.NONE,
          false,
          new ScratchBudget(0, 0),
          new ScratchAccount(),
          NONE,
          NONE,
          NOTHING,
          EngineConfig.DEFAULTS,
          StoreLimits.DEFAULTS,
          0);

  private final WasiGrants grants;
  private final boolean command;
  private final WasiTree tree;
  private final ScratchBudget nodeScratch;
  private final ScratchAccount tenantScratch;
  private final byte[][] args;
  private final byte[][] env;
  private final byte[] stdin;
  private final int mostOutput;
  private final int mostError;
  private final long startNanos;
  private final long deadlineNanos;
  private long sleptNanos;
  private int stdinPosition;

  // Made by the first byte: most runs write none.
  private @Nullable ByteArrayOutputStream stdout;
  private @Nullable ByteArrayOutputStream stderr;
  private @Nullable WasiDescriptors descriptors;
  private @Nullable ScratchTree scratch;
  private @Nullable EnumMap<WasiGrant, String> refused;

  private WasiContext(
      WasiWorld world,
      boolean command,
      ScratchBudget nodeScratch,
      ScratchAccount tenantScratch,
      byte[][] args,
      byte[][] env,
      byte[] stdin,
      EngineConfig config,
      StoreLimits limits,
      long startNanos) {
    this.grants = world.grants();
    this.command = command;
    this.tree = world.tree();
    this.nodeScratch = nodeScratch;
    this.tenantScratch = tenantScratch;
    this.args = args;
    this.env = env;
    this.stdin = stdin;
    this.mostOutput = config.outputBytes();
    this.mostError = config.errorBytes();
    this.startNanos = startNanos;
    this.deadlineNanos = limits.deadlineNanos();
  }

  /**
   * What a run may reach.
   *
   * @param world what its function is granted; {@link #has} says what the way of calling grants
   *     besides
   * @param nodeScratch what it takes scratch space of
   * @param tenantScratch in whose name
   * @param startNanos when the run began, on {@link System#nanoTime}'s clock
   */
  static WasiContext of(
      Invocation invocation,
      WasiWorld world,
      ScratchBudget nodeScratch,
      ScratchAccount tenantScratch,
      EngineConfig config,
      StoreLimits limits,
      long startNanos) {
    byte[][] args = NONE;
    byte[][] env = NONE;
    byte[] stdin = NOTHING;
    if (invocation instanceof Invocation.CommandRun run) {
      args = strings(run.args());
      env = strings(variables(run.env()));
      stdin = run.stdin();
    }
    boolean command = invocation instanceof Invocation.CommandRun;
    return new WasiContext(
        world, command, nodeScratch, tenantScratch, args, env, stdin, config, limits, startNanos);
  }

  private static List<String> variables(Map<String, String> env) {
    List<String> variables = new ArrayList<>(env.size());
    // Sorted, so that the guest sees the same bytes on every run and node.
    new TreeMap<>(env).forEach((name, value) -> variables.add(name + "=" + value));
    return variables;
  }

  /** Zero-terminated UTF-8. */
  private static byte[][] strings(List<String> texts) {
    byte[][] strings = new byte[texts.size()][];
    for (int i = 0; i < strings.length; i++) {
      strings[i] = (texts.get(i).replace('\0', '?') + '\0').getBytes(StandardCharsets.UTF_8);
    }
    return strings;
  }

  // ── Grants ────────────────────────────────────────────────────────────────────────────────

  /**
   * Whether this is granted, by the tenant or by the way of calling: a command has the arguments,
   * the environment and the input that its caller gives it, and an output that its caller gets.
   * Every run has the error stream, of which the function's owner sees the beginning.
   */
  boolean has(WasiGrant grant) {
    return switch (grant) {
      case ARGUMENTS, ENVIRONMENT, STDIN, STDOUT -> command || grants.has(grant);
      case STDERR -> true;
      case CLOCK, MONOTONIC_CLOCK, RANDOM, TREE, SCRATCH -> grants.has(grant);
    };
  }

  /**
   * Fails unless this is granted.
   *
   * @param function of WASI, that asks for it
   */
  void require(WasiGrant grant, String function) {
    if (!has(grant)) {
      missed(grant, function);
      throw new WasiError(WasiErrno.NOTCAPABLE);
    }
  }

  /** Remembers that a function would have needed a grant; only the first of each grant is. */
  void missed(WasiGrant grant, String function) {
    if (has(grant)) {
      return;
    }
    EnumMap<WasiGrant, String> map = refused;
    if (map == null) {
      map = new EnumMap<>(WasiGrant.class);
      refused = map;
    }
    map.putIfAbsent(grant, function);
  }

  /** What was asked for and not granted. */
  List<RefusedCall> refused() {
    EnumMap<WasiGrant, String> map = refused;
    if (map == null) {
      return List.of();
    }
    List<RefusedCall> calls = new ArrayList<>(map.size());
    map.forEach((grant, function) -> calls.add(new RefusedCall(function, grant)));
    return List.copyOf(calls);
  }

  // ── Descriptors ───────────────────────────────────────────────────────────────────────────

  WasiDescriptors descriptors() {
    WasiDescriptors open = descriptors;
    if (open == null) {
      ScratchGrant grant = grants.scratch();
      if (grant != null) {
        scratch = new ScratchTree(grant, nodeScratch, tenantScratch);
      }
      open = new WasiDescriptors(this, grants, tree, scratch);
      descriptors = open;
    }
    return open;
  }

  /** Forgets the scratch space, when the run has ended. */
  void close() {
    if (scratch != null) {
      scratch.close();
    }
    scratch = null;
    descriptors = null;
  }

  // ── Arguments, environment, streams ───────────────────────────────────────────────────────

  byte[][] args() {
    return has(WasiGrant.ARGUMENTS) ? args : NONE;
  }

  byte[][] env() {
    return has(WasiGrant.ENVIRONMENT) ? env : NONE;
  }

  byte[] stdin() {
    return stdin;
  }

  int stdinPosition() {
    return stdinPosition;
  }

  void consume(int count) {
    stdinPosition += count;
  }

  /** Bytes that stdout still takes. */
  int room() {
    return mostOutput - (stdout == null ? 0 : stdout.size());
  }

  void writeOut(byte[] bytes) {
    if (stdout == null) {
      stdout = new ByteArrayOutputStream(bytes.length);
    }
    stdout.writeBytes(bytes);
  }

  /** Bytes of stderr that are still kept; what comes behind is dropped. */
  int errorRoom() {
    return mostError - (stderr == null ? 0 : stderr.size());
  }

  /** Keeps bytes, of which there are no more than {@link #errorRoom}. */
  void writeError(byte[] bytes) {
    if (stderr == null) {
      stderr = new ByteArrayOutputStream(bytes.length);
    }
    stderr.writeBytes(bytes);
  }

  byte[] stdout() {
    return stdout == null ? NOTHING : stdout.toByteArray();
  }

  byte[] stderr() {
    return stderr == null ? NOTHING : stderr.toByteArray();
  }

  // ── Time ──────────────────────────────────────────────────────────────────────────────────

  /** The run's monotonic clock: 1 or more, what was slept included. */
  long monotonicNanos() {
    return System.nanoTime() - startNanos + sleptNanos + 1;
  }

  /** By how much the run's clocks are ahead, 0 to its deadline. */
  long sleptNanos() {
    return sleptNanos;
  }

  /**
   * Lets time pass for the run, which takes none: its clocks are ahead by it, and its deadline is
   * nearer by it.
   *
   * @param nanos 0 or more
   */
  void sleep(long nanos) {
    long lived = System.nanoTime() - startNanos + sleptNanos;
    if (nanos >= deadlineNanos - lived) {
      throw new LimitExceededException(
          LimitKind.DEADLINE,
          deadlineNanos,
          "the run would have slept past its deadline of " + deadlineNanos / 1_000_000 + " ms");
    }
    sleptNanos += nanos;
  }
}
