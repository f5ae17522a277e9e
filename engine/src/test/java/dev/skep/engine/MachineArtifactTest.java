package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.skep.engine.Artifact.Table;
import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.cranelift.Target;
import dev.skep.limits.ModuleBudgets;
import dev.skep.limits.SliceListener;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.CodeSpace;
import dev.skep.pool.CodeStats;
import dev.skep.pool.SlotLease;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Machine code on its way from a compiler through bytes to a module that runs, and away again. */
class MachineArtifactTest {
  private static final int CYCLES = 300;
  private static final NativeBudget BUDGET =
      new NativeBudget(600_000_000_000L, Artifact.MOST_BYTES, () -> false);

  private static Guests guests;
  private static MachineCompilers compilers;
  private static NativeCompiler compiler;

  @BeforeAll
  static void open() {
    guests = new Guests();
    compilers = new MachineCompilers(guests.engine, CompilerShelf.NONE, false);
    compiler = compilers.open();
  }

  @AfterAll
  static void close() {
    compiler.close();
    compilers.close();
    guests.close();
  }

  private static Artifact made(byte[] wasm) {
    return switch (compiler.compile(wasm, BUDGET)) {
      case NativeOutcome.Compiled compiled -> compiled.artifact();
      case NativeOutcome.Unsupported why -> throw new AssertionError(why.reason());
      case NativeOutcome.Failed why -> throw new AssertionError(why.reason());
      case NativeOutcome.Unavailable why -> throw new AssertionError(why.reason());
    };
  }

  private static Artifact reread(Artifact artifact) {
    return switch (Artifact.read(artifact.toBytes(), artifact.module(), compiler.key())) {
      case Artifact read -> read;
      case ArtifactReading.Refused why -> throw new AssertionError(why.message());
    };
  }

  private static CompiledModule loaded(MachineLoad load) {
    return switch (load) {
      case MachineLoad.Loaded loaded -> loaded.module();
      case MachineLoad.Refused why -> throw new AssertionError(why.message());
    };
  }

  private static String unfit(MachineLoad load) {
    return switch (load) {
      case MachineLoad.Loaded _ -> throw new AssertionError("it was loaded");
      case MachineLoad.Refused why -> {
        assertThat(why.reason()).isEqualTo(MachineLoad.Reason.UNFIT);
        yield why.message();
      }
    };
  }

  private static void sameOnBothTiers(String guest, Invocation invocation)
      throws ModuleRefusedException {
    sameOnBothTiers(guest, invocation, Guests.PLENTY);
  }

  private static void sameOnBothTiers(String guest, Invocation invocation, StoreLimits limits)
      throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/" + guest + ".wasm");
    CompiledModule tierOne = guests.engine.compile(wasm);
    String expected = MachineCodeTest.shown(guests.run(tierOne, invocation, limits));
    Artifact artifact = reread(made(wasm));
    try (CompiledModule alone = loaded(guests.engine.load(wasm, artifact))) {
      assertThat(alone.hasTierOne()).isFalse();
      for (int i = 0; i < 2; i++) {
        RunReport report = guests.run(alone, invocation, limits);
        assertThat(MachineCodeTest.shown(report)).as(guest).isEqualTo(expected);
      }
    }
    assertThat(loaded(tierOne.runOn(artifact))).isSameAs(tierOne);
    RunReport both = guests.run(tierOne, invocation, limits);
    assertThat(MachineCodeTest.shown(both)).as(guest).isEqualTo(expected);
    tierOne.retire();
  }

  @Test
  void whatIsLoadedFromBytesDoesWhatTierOneDoes() throws ModuleRefusedException {
    byte[] order = Guests.bytes("data/order.json");
    sameOnBothTiers("json_transform", new BytesCall("transform", order));
    sameOnBothTiers("kernels", new TypedCall("sort", new long[] {20}));
    sameOnBothTiers("trap", new TypedCall("sig_mismatch", new long[0]));
  }

  /** Calls of the host cost the same and fail the same, whoever makes them. */
  @Test
  void commandsThatCallTheHostDoWhatTheyDoOnTierOne() throws ModuleRefusedException {
    byte[] text = "one two\nthree\n".getBytes(StandardCharsets.UTF_8);
    sameOnBothTiers("wordcount", new CommandRun(List.of("wordcount"), Map.of(), text));
    sameOnBothTiers(
        "hello_cgi", new CommandRun(List.of("hello"), Map.of("PATH_INFO", "/x"), new byte[0]));
    // Without anything granted it is refused its files.
    sameOnBothTiers("files", new CommandRun(List.of("files", "x"), Map.of(), new byte[0]));
  }

  /** Wherever the fuel ends, in the guest or in what it calls, it ends at the same unit. */
  @Test
  void fuelEndsAtTheSamePlaceOnBothTiers() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/wordcount.wasm");
    byte[] text = "one two\nthree\n".getBytes(StandardCharsets.UTF_8);
    CommandRun run = new CommandRun(List.of("wordcount"), Map.of(), text);
    CompiledModule tierOne = guests.engine.compile(wasm);
    long all = guests.run(tierOne, run, Guests.PLENTY).fuel();
    try (CompiledModule machine = loaded(guests.engine.load(wasm, made(wasm)))) {
      for (long fuel = 1; fuel < all; fuel += 1 + all / 200) {
        StoreLimits limits = Guests.PLENTY.withFuel(fuel);
        assertThat(MachineCodeTest.shown(guests.run(machine, run, limits)))
            .as("with " + fuel + " of " + all)
            .isEqualTo(MachineCodeTest.shown(guests.run(tierOne, run, limits)));
      }
    }
  }

  @Test
  void aModuleThatUsesWhatIsNotTranslatedIsUnsupported() {
    byte[] tailCall =
        Wat.module(
            Wat.section(1, 1, 0x60, 0, 0),
            Wat.section(3, 1, 0),
            Wat.section(10, 1, 4, 0, 0x12, 0, 0x0B));
    assertThat(compiler.compile(tailCall, BUDGET))
        .isEqualTo(new NativeOutcome.Unsupported("the operator return_call"));
    assertThat(compiler.compile(new byte[] {0, 'a', 's', 'm', 9, 0, 0, 0}, BUDGET))
        .isInstanceOf(NativeOutcome.Failed.class);
    made(Guests.bytes("wasm/add.wasm"));
  }

  @Test
  void aBudgetEndsACompile() {
    byte[] wasm = Guests.bytes("wasm/kernels.wasm");
    assertThat(compiler.compile(wasm, new NativeBudget(1, Artifact.MOST_BYTES, () -> false)))
        .isInstanceOfSatisfying(
            NativeOutcome.Failed.class,
            failed -> assertThat(failed.reason()).startsWith("compiling took longer than"));
    assertThat(compiler.compile(wasm, new NativeBudget(BUDGET.cpuNanos(), 100, () -> false)))
        .isInstanceOfSatisfying(
            NativeOutcome.Failed.class,
            failed -> assertThat(failed.reason()).contains("at most 100 are allowed"));
    AtomicInteger looks = new AtomicInteger();
    NativeBudget cancelled =
        new NativeBudget(
            BUDGET.cpuNanos(), Artifact.MOST_BYTES, () -> looks.incrementAndGet() == 3);
    assertThat(compiler.compile(wasm, cancelled))
        .isEqualTo(new NativeOutcome.Failed("nobody waits for it any more"));
    // What was stopped leaves a compiler that goes on.
    made(Guests.bytes("wasm/add.wasm"));
  }

  // ── What does not fit ─────────────────────────────────────────────────────────────────────

  @Test
  void anArtifactOfAnotherModuleOrCompilerIsNotRun() throws ModuleRefusedException {
    byte[] add = Guests.bytes("wasm/add.wasm");
    Artifact kernels = made(Guests.bytes("wasm/kernels.wasm"));
    assertThat(unfit(guests.engine.load(add, kernels))).contains("it must be from");
    CompiledModule module = guests.engine.compile(add);
    assertThat(unfit(module.runOn(kernels))).isNotBlank();
    assertThat(module.isMachineCode()).isFalse();
    Artifact own = made(add);
    CompilerKey key = own.compiler();
    CompilerKey older =
        new CompilerKey("cranelift-0", key.fuelTableVersion(), key.target(), key.features());
    Artifact stale = new Artifact(own.module(), older, own.code(), tables(own), Map.of());
    assertThat(unfit(module.runOn(stale))).startsWith("it is not for ");
    Engine free = new Engine(EngineConfig.DEFAULTS.withMetering(false));
    assertThat(unfit(free.load(add, own))).contains("unmetered");
  }

  private static EnumMap<Table, IntTable> tables(Artifact artifact) {
    EnumMap<Table, IntTable> tables = new EnumMap<>(Table.class);
    for (Table table : Table.values()) {
      tables.put(table, artifact.table(table));
    }
    return tables;
  }

  /** The artifact with one number changed. */
  private static Artifact with(Artifact own, Table table, int at, int value) {
    EnumMap<Table, IntTable> tables = tables(own);
    int[] values = own.table(table).values().clone();
    values[at] = value;
    tables.put(table, new IntTable(table.columns(), values));
    return new Artifact(own.module(), own.compiler(), own.code(), tables, Map.of());
  }

  @Test
  void numbersThatAreNotTheModulesAreNotRun() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/trap.wasm");
    CompiledModule module = guests.engine.compile(wasm);
    Artifact own = made(wasm);
    assertThat(unfit(module.runOn(with(own, Table.FIGURES, 0, 0)))).startsWith("the number of val");
    assertThat(unfit(module.runOn(with(own, Table.FIGURES, 0, 2_000)))).contains("a context");
    assertThat(unfit(module.runOn(with(own, Table.FIGURES, 1, 3)))).startsWith("the number of tab");
    assertThat(unfit(module.runOn(with(own, Table.FIGURES, 2, 99))))
        .startsWith("the number of glob");
    assertThat(unfit(module.runOn(with(own, Table.FIGURES, 3, 0)))).startsWith("the stack for");
    assertThat(unfit(module.runOn(with(own, Table.FIGURES, 4, -1)))).startsWith("the stack of");
    assertThat(unfit(module.runOn(with(own, Table.FUNCTIONS, 1, 12)))).contains("another type");
    assertThat(unfit(module.runOn(with(own, Table.OPERATIONS, 0, 77)))).contains("operator 77");
    assertThat(unfit(module.runOn(with(own, Table.OPERATIONS, 1, 3))))
        .startsWith("the first index");
    assertThat(unfit(module.runOn(with(own, Table.OPERATIONS, 2, 3))))
        .startsWith("the second index");
    EnumMap<Table, IntTable> tables = tables(own);
    tables.remove(Table.ENTRIES);
    assertThat(
            unfit(
                module.runOn(
                    new Artifact(own.module(), own.compiler(), own.code(), tables, Map.of()))))
        .startsWith("no entry leads to");
    assertThat(loaded(module.runOn(own)).isMachineCode()).isTrue();
    module.close();
  }

  @Test
  void codeForWhichThereIsNoRoomIsRefusedAndTierOneGoesOn() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/kernels.wasm");
    CodeSpace small = new CodeSpace(8_192);
    Engine engine = new Engine(EngineConfig.DEFAULTS, ModuleBudgets.DEFAULTS, small);
    CompiledModule module = engine.compile(wasm);
    assertThat(module.runOn(made(wasm)))
        .isInstanceOfSatisfying(
            MachineLoad.Refused.class,
            why -> assertThat(why.reason()).isEqualTo(MachineLoad.Reason.NO_ROOM));
    assertThat(small.stats()).isEqualTo(new CodeStats(0, 0, 8_192, 0, 0, 1));
    RunReport report = guests.run(module, new TypedCall("fib", new long[] {9}), Guests.PLENTY);
    assertThat(report.result()).isInstanceOf(RunResult.Values.class);
  }

  // ── Leases ────────────────────────────────────────────────────────────────────────────────

  @Test
  void codeGoesWhenTheModuleIsRetiredAndTheLastInstanceIsClosed() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/kernels.wasm");
    CodeSpace space = guests.engine.codeSpace();
    CodeStats before = space.stats();
    CompiledModule module = guests.engine.compile(wasm);
    TypedCall fib = new TypedCall("fib", new long[] {10});
    Artifact artifact = made(wasm);
    var _ = loaded(module.runOn(artifact));
    var _ = loaded(module.runOn(artifact));
    assertThat(space.stats().mappings()).as("once").isEqualTo(before.mappings() + 1);
    GuestInstance first = guests.instance(module);
    GuestInstance second = guests.instance(module);
    assertThat(space.stats().leases()).isEqualTo(before.leases() + 2);
    module.retire();
    module.retire();
    second.release();
    second.close();
    // Retired code runs on in who has it, and whoever comes now is on tier 1.
    assertThat(first.isMachineCode()).isTrue();
    assertThat(first.run(fib, Guests.PLENTY).result()).isInstanceOf(RunResult.Values.class);
    try (GuestInstance third = guests.instance(module)) {
      assertThat(third.isMachineCode()).isFalse();
      assertThat(third.run(fib, Guests.PLENTY).result()).isInstanceOf(RunResult.Values.class);
    }
    assertThat(space.stats().mappings()).isEqualTo(before.mappings() + 1);
    first.close();
    assertThat(space.stats().mappings()).isEqualTo(before.mappings());
    assertThat(space.stats().leases()).isEqualTo(before.leases());
    // And it can come back.
    var _ = loaded(module.runOn(artifact));
    try (GuestInstance again = guests.instance(module)) {
      assertThat(again.isMachineCode()).isTrue();
    }
    module.close();
    assertThat(space.stats().mappings()).isEqualTo(before.mappings());
  }

  @Test
  void whoIsHeldToTierOneIsOnTierOne() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/add.wasm");
    CompiledModule module = guests.engine.compile(wasm);
    var _ = loaded(module.runOn(made(wasm)));
    for (boolean may : new boolean[] {true, false}) {
      SlotLease lease = (SlotLease) guests.pool.take(module.slotFor(guests.owner));
      Instantiation built = module.instantiate(lease, Guests.PLENTY, SliceListener.NONE, may);
      try (GuestInstance instance = (GuestInstance) built) {
        assertThat(instance.isMachineCode()).isEqualTo(may);
      }
    }
    module.close();
  }

  @Test
  void whatIsLoadedWithoutTierOneStaysForWhoHasItAndEndsWhenClosed() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/add.wasm");
    CodeSpace space = guests.engine.codeSpace();
    int before = space.stats().mappings();
    CompiledModule module = loaded(guests.engine.load(wasm, made(wasm)));
    module.retire();
    TypedCall add = new TypedCall("add_i32", new long[] {2, 3});
    assertThat(guests.run(module, add, Guests.PLENTY).result())
        .isInstanceOf(RunResult.Values.class);
    module.close();
    assertThat(space.stats().mappings()).isEqualTo(before);
    assertThat(guests.instantiate(module, Guests.PLENTY)).isInstanceOf(Instantiation.Failed.class);
  }

  /** Mappings of the process that can be run: those that this class could leave behind. */
  private static long executable() throws Exception {
    try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains(" r-xp 00000000 00:00 0")).count();
    }
  }

  @Test
  void cyclesOfLoadRunAndUnloadLeaveNothing() throws Exception {
    byte[] wasm = Guests.bytes("wasm/add.wasm");
    byte[] bytes = made(wasm).toBytes();
    String digest = CraneliftCompiler.digest(wasm);
    CodeStats before = guests.engine.codeSpace().stats();
    long mappings = 0;
    for (int i = 0; i < CYCLES; i++) {
      Artifact artifact = (Artifact) Artifact.read(bytes, digest, compiler.key());
      try (CompiledModule module = loaded(guests.engine.load(wasm, artifact))) {
        TypedCall add = new TypedCall("add_i32", new long[] {i, 3});
        RunReport report = guests.run(module, add, Guests.PLENTY);
        assertThat(MachineCodeTest.shown(report)).startsWith("[" + (i + 3) + "]");
      }
      if (i == 0) {
        mappings = executable();
      }
    }
    CodeStats after = guests.engine.codeSpace().stats();
    assertThat(after.mappings()).isEqualTo(before.mappings());
    assertThat(after.bytes()).isEqualTo(before.bytes());
    assertThat(after.leases()).isEqualTo(before.leases());
    assertThat(after.mapped()).isEqualTo(before.mapped() + CYCLES);
    assertThat(executable()).isEqualTo(mappings);
  }

  // ── What is changed on its way ────────────────────────────────────────────────────────────

  /** {@code -Dskep.artifacts} sets how many, {@code -Dskep.seed} repeats a run. */
  @Test
  void bytesThatWereChangedAreNeverRun() throws ModuleRefusedException {
    long seed = Long.getLong("skep.seed", System.nanoTime());
    int mutations = Integer.getInteger("skep.artifacts", 5_000);
    System.out.println("MachineArtifactTest -Dskep.seed=" + seed);
    Random random = new Random(seed);
    byte[] wasm = Guests.bytes("wasm/trap.wasm");
    Artifact own = made(wasm);
    byte[] whole = own.toBytes();
    CodeSpace space = guests.engine.codeSpace();
    int before = space.stats().mappings();
    int unfit = 0;
    for (int i = 0; i < mutations; i++) {
      byte[] changed = whole.clone();
      int edits = 1 + random.nextInt(3);
      for (int e = 0; e < edits; e++) {
        changed[random.nextInt(changed.length)] ^= (byte) (1 << random.nextInt(8));
      }
      if (random.nextInt(8) == 0) {
        changed = Arrays.copyOf(changed, random.nextInt(2 * changed.length));
      }
      boolean same = Arrays.equals(changed, whole);
      boolean forged = random.nextBoolean() && changed.length > 200;
      if (forged) {
        ArtifactFormat.seal(changed);
      }
      ArtifactReading reading = Artifact.read(changed, own.module(), compiler.key());
      if (!forged && !same) {
        assertThat(reading)
            .as("seed " + seed + " mutation " + i)
            .isInstanceOf(ArtifactReading.Refused.class);
      }
      if (reading instanceof Artifact read) {
        // Whoever can forge the hash can change the code: only that, or what makes no difference.
        switch (guests.engine.load(wasm, read)) {
          case MachineLoad.Refused why -> {
            assertThat(why.reason()).isEqualTo(MachineLoad.Reason.UNFIT);
            unfit++;
          }
          case MachineLoad.Loaded loaded -> {
            for (int row = 0; row < own.table(Table.OPERATIONS).rows(); row++) {
              assertThat(read.table(Table.OPERATIONS).at(row, 1)).isBetween(0, 1);
            }
            loaded.module().close();
          }
        }
      }
    }
    assertThat(unfit).isPositive();
    assertThat(space.stats().mappings()).isEqualTo(before);
  }

  // ── The compilers of a node ───────────────────────────────────────────────────────────────

  @Test
  void aShelfThatHoldsWhatIsNotWholeIsNotUsed() throws InterruptedException {
    AtomicInteger loads = new AtomicInteger();
    CompilerShelf shelf =
        new CompilerShelf() {
          @Override
          public Optional<byte[]> load(String digest, CompilerKey key) {
            assertThat(digest).isEqualTo(Engine.compilerDigest());
            if (loads.getAndIncrement() == 0) {
              throw new IllegalStateException("the database is away");
            }
            byte[] bytes = new Artifact(digest, key, new byte[64], Map.of(), Map.of()).toBytes();
            bytes[100] ^= 1;
            return Optional.of(bytes);
          }

          @Override
          public void keep(String digest, CompilerKey key, byte[] artifact) {
            throw new AssertionError("nothing was made");
          }
        };
    for (int i = 0; i < 2; i++) {
      try (MachineCompilers made = new MachineCompilers(guests.engine, shelf, false)) {
        made.awaitBackground();
        assertThat(made.state().phase()).isEqualTo(CompilerState.Phase.JVM);
        assertThat(made.areAvailable()).isTrue();
      }
    }
    assertThat(loads).hasValue(2);
  }

  @Test
  void anArtifactThatIsWholeAndNotTheCompilerIsNotTheCompiler() {
    Artifact add = made(Guests.bytes("wasm/add.wasm"));
    assertThatThrownBy(() -> guests.engine.useCompiler(add))
        .isInstanceOf(IllegalArgumentException.class);
    Artifact named =
        new Artifact(
            Engine.compilerDigest(), MachineTarget.key(), add.code(), tables(add), Map.of());
    assertThatThrownBy(() -> guests.engine.useCompiler(named))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the number of");
  }

  @Test
  void otherSystemsStayOnTierOneAndSayWhy() {
    assertThat(MachineTarget.unavailable("Linux", "amd64", false)).isEmpty();
    assertThat(MachineTarget.unavailable("Linux", "riscv64", true))
        .hasValue("machine code is made for Linux on x86-64; this is Linux on riscv64");
    assertThat(MachineTarget.unavailable("Mac OS X", "x86_64", true)).isPresent();
    assertThat(MachineTarget.unavailable("Mac OS X", "aarch64", true)).isPresent();
  }

  /** No test of this build has been run on one. */
  @Test
  void nodesOnAarch64StayOnTierOneUnlessToldOtherwise() {
    assertThat(MachineTarget.unavailable("Linux", "aarch64", false))
        .hasValue(
            "machine code for aarch64 has only been run in an emulator, and on no processor yet;"
                + " -Dskep.untried=true has it run all the same, for tests");
    assertThat(MachineTarget.unavailable("Linux", "aarch64", true)).isEmpty();
  }

  /**
   * Whoever changes the code that the translation gives has to change {@code
   * ModuleCompiler.VERSION} with it, or nodes would run what an older one has made for what a newer
   * one means.
   */
  @ParameterizedTest
  @CsvSource({
    "X86_64, 9880f35800ebef7a0a6f2bec40461673a4e09130d08c789c943acd3ecac3bfe7",
    "AARCH64, 0b0aca3d39acf95ef2c336e9b04a7f13fbad5961192b607ae18971504bec249e"
  })
  void theVersionGoesWithTheCode(Target target, String expected) throws Exception {
    MessageDigest sha = MessageDigest.getInstance("SHA-256");
    for (Artifact artifact : Targets.artifacts(target).values()) {
      sha.update(artifact.code());
      for (Table table : Table.values()) {
        for (int value : artifact.table(table).values()) {
          sha.update(ByteBuffer.allocate(4).putInt(value).array());
        }
      }
    }
    String code = HexFormat.of().formatHex(sha.digest());
    assertThat(compiler.key().compiler() + ' ' + code)
        .as("change the version, and this line with it")
        .isEqualTo("cranelift-0.130.1,redline-0.0.5,skep-3 " + expected);
  }
}
