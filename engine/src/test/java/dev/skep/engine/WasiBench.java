package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.limits.StoreLimits;
import dev.skep.limits.WasiGrants;
import dev.skep.pool.SlotMemory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * One run, in whose name host functions are called one after another: a memory of a page to put
 * operands in, and what the run was granted.
 */
final class WasiBench implements AutoCloseable {
  /** Where paths are put, where answers go, where data is. */
  static final int PATH = 0;

  static final int PATH2 = 8_192;
  static final int RESULT = 20_000;
  static final int VECTORS = 20_480;
  static final int DATA = 32_768;

  final SlotMemory memory;
  final WasiContext wasi;
  final ScratchBudget budget;
  private final boolean alone;
  private final GuestInstance instance;

  WasiBench(Guests guests, CompiledModule module, WasiGrants grants, WasiTree tree) {
    this(guests, module, grants, tree, Guests.PLENTY, 1L << 30);
  }

  WasiBench(
      Guests guests,
      CompiledModule module,
      WasiGrants grants,
      WasiTree tree,
      StoreLimits limits,
      long nodeScratchBytes) {
    this(
        guests,
        module,
        grants,
        tree,
        limits,
        new ScratchBudget(nodeScratchBytes, nodeScratchBytes),
        new ScratchAccount(),
        true);
  }

  /** A run beside others, whose {@code budget} is the test's to look at. */
  WasiBench(
      Guests guests,
      CompiledModule module,
      WasiGrants grants,
      ScratchBudget budget,
      ScratchAccount tenant) {
    this(guests, module, grants, WasiTree.EMPTY, Guests.PLENTY, budget, tenant, false);
  }

  private WasiBench(
      Guests guests,
      CompiledModule module,
      WasiGrants grants,
      WasiTree tree,
      StoreLimits limits,
      ScratchBudget budget,
      ScratchAccount tenant,
      boolean alone) {
    this.budget = budget;
    this.alone = alone;
    instance = guests.instance(module);
    assertThat(instance.run(new Invocation.TypedCall("nothing", new long[0]), limits).result())
        .isInstanceOf(RunResult.Values.class);
    memory = instance.memory();
    long now = System.nanoTime();
    memory.begin(limits, now);
    wasi =
        WasiContext.of(
            new Invocation.CommandRun(
                List.of("program", "arg"),
                Map.of("K", "V"),
                "input".getBytes(StandardCharsets.UTF_8)),
            new WasiWorld(grants, tree),
            budget,
            tenant,
            EngineConfig.DEFAULTS,
            limits,
            now);
    memory.attach(wasi);
  }

  /** Calls a function of WASI; its error number. */
  int call(String function, long... args) {
    return (int) Wasi.call(function).call(memory, args)[0];
  }

  /** Puts a path where paths are; its length. */
  int path(String text) {
    return put(PATH, text.getBytes(StandardCharsets.UTF_8));
  }

  int put(int at, byte[] bytes) {
    memory.write(at, bytes);
    return bytes.length;
  }

  /** Opens with these flags and every right there is; the error number. */
  int open(int dir, String path, int flags) {
    return open(dir, path, flags, -1L, 0);
  }

  int open(int dir, String path, int flags, long rights, int fdFlags) {
    int length = path(path);
    return call("path_open", dir, 0, PATH, length, flags, rights, -1L, fdFlags, RESULT);
  }

  /** Opens to read, which must succeed; the descriptor. */
  int opened(int dir, String path) {
    assertThat(open(dir, path, 0, ~WasiRights.FD_WRITE, 0)).as(path).isZero();
    return memory.readInt(RESULT);
  }

  /** Opens to write, making the file, which must succeed; the descriptor. */
  int created(int dir, String path) {
    assertThat(open(dir, path, 1)).as(path).isZero();
    return memory.readInt(RESULT);
  }

  /** Reads at most so many bytes into {@link #DATA}; what was read. */
  String read(int fd, int most) {
    vector(0, DATA, most);
    assertThat(call("fd_read", fd, VECTORS, 1, RESULT)).isZero();
    return new String(memory.readBytes(DATA, memory.readInt(RESULT)), StandardCharsets.UTF_8);
  }

  /** Writes a text; the error number. */
  int write(int fd, String text) {
    vector(0, DATA, put(DATA, text.getBytes(StandardCharsets.UTF_8)));
    return call("fd_write", fd, VECTORS, 1, RESULT);
  }

  void vector(int number, long pointer, long length) {
    memory.writeI32(VECTORS + 8 * number, (int) pointer);
    memory.writeI32(VECTORS + 8 * number + 4, (int) length);
  }

  @Override
  public void close() {
    wasi.close();
    if (alone) {
      assertThat(budget.usedBytes()).as("scratch space given back").isZero();
    }
    memory.attach(null);
    memory.end();
    instance.close();
  }
}
