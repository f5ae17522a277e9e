package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.engine.cranelift.CompileOutcome;
import dev.skep.engine.cranelift.MachineCode;
import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.limits.SliceListener;
import dev.skep.limits.StoreLimits;
import dev.skep.pool.PoolConfig;
import dev.skep.pool.PoolingAllocator;
import dev.skep.pool.SlotClass;
import dev.skep.pool.SlotLease;
import dev.skep.pool.SlotOwner;
import io.roastedroot.redline.bridge.RedlineBridge;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Modules as machine code: what becomes of them, and that they do what they do on tier 1. */
class MachineCodeTest {
  private static Guests guests;

  @BeforeAll
  static void open() {
    PoolConfig config =
        PoolConfig.DEFAULTS
            .with()
            .classes(new SlotClass(2L << 20, 8), new SlotClass(8L << 20, 8))
            .build();
    guests = new Guests(config);
  }

  @AfterAll
  static void close() {
    guests.close();
  }

  private static CompiledModule tierOne(byte[] wasm) throws ModuleRefusedException {
    return guests.engine.compile(wasm);
  }

  private static CompiledModule machineCode(byte[] wasm) throws ModuleRefusedException {
    CompiledModule module = tierOne(wasm);
    assertThat(guests.engine.machineCode(wasm, module)).isInstanceOf(MachineCode.class);
    if (guests.engine.machineCode(wasm, module) instanceof MachineCode code) {
      module.runOn(code);
    }
    return module;
  }

  /** All that must be the same on both tiers. */
  static String shown(RunReport report) {
    String result =
        switch (report.result()) {
          case RunResult.Values values -> java.util.Arrays.toString(values.results());
          case RunResult.Bytes bytes ->
              new String(bytes.output(), java.nio.charset.StandardCharsets.UTF_8);
          case RunResult.Trapped trapped -> trapped.kind() + " " + trapped.frames();
          case RunResult.LimitReached reached ->
              reached.kind() + " " + reached.message() + " " + reached.frames();
          case RunResult.Exited exited ->
              exited.exitCode()
                  + " "
                  + new String(exited.stdout(), java.nio.charset.StandardCharsets.UTF_8);
          case RunResult.Refused _, RunResult.HostFailed _ -> report.result().toString();
        };
    return result + ", fuel " + report.fuel() + ", peak " + report.memoryPeakBytes();
  }

  private static void same(byte[] wasm, Invocation invocation, StoreLimits limits)
      throws ModuleRefusedException {
    RunReport first = guests.run(tierOne(wasm), invocation, limits);
    CompiledModule module = machineCode(wasm);
    RunReport second = guests.run(module, invocation, limits);
    assertThat(shown(second)).isEqualTo(shown(first));
    assertThat(module.isMachineCode()).isTrue();
  }

  @Test
  void theJsonGuestAnswersTheSameForTheSameFuel() throws ModuleRefusedException {
    same(
        Guests.bytes("wasm/json_transform.wasm"),
        new BytesCall("transform", Guests.bytes("data/order.json")),
        Guests.PLENTY);
  }

  @Test
  void kernelsAnswerTheSameForTheSameFuel() throws ModuleRefusedException {
    byte[] kernels = Guests.bytes("wasm/kernels.wasm");
    for (String name : List.of("fib", "matmul", "json", "sieve", "sort")) {
      same(kernels, new TypedCall(name, new long[] {20}), Guests.PLENTY);
    }
    same(kernels, new TypedCall("sha", new long[] {1}), Guests.PLENTY.withFuel(1_000_000));
  }

  @Test
  void trapsHaveTheSameKindAndFrames() throws ModuleRefusedException {
    byte[] trap = Guests.bytes("wasm/trap.wasm");
    for (String name :
        List.of(
            "div_zero",
            "int_overflow",
            "unreachable",
            "oob_load",
            "oob_table",
            "null_ref",
            "sig_mismatch",
            "grow_all",
            "table_grow_all")) {
      same(trap, new TypedCall(name, new long[0]), Guests.PLENTY);
    }
    same(trap, new TypedCall("spin", new long[0]), Guests.PLENTY.withFuel(123_456));
  }

  /**
   * {@code deep(n)}: a global counts calls; the innermost grows the memory past the slot; each then
   * stores its number and reads the one of the call that it made.
   */
  private static byte[] growingDeep() {
    return Wat.module(
        Wat.section(1, 1, 0x60, 1, 0x7F, 1, 0x7F),
        Wat.section(3, 1, 0),
        Wat.section(5, 1, 1, 1, 64),
        Wat.section(6, 1, 0x7F, 1, 0x41, 0, 0x0B),
        Wat.section(7, 1, 4, 'd', 'e', 'e', 'p', 0, 0),
        Wat.section(
            10, 1, 56, 1, 1, 0x7F, //
            0x23, 0, 0x41, 1, 0x6A, 0x24, 0, // calls += 1
            0x20, 0, 0x45, 0x04, 0x40, // if n = 0
            0x41, 60, 0x40, 0, 0x1A, // grow by 60 pages
            0x05, //
            0x20, 0, 0x41, 1, 0x6B, 0x10, 0, 0x21, 1, // inner = deep(n − 1)
            0x0B, //
            0x20, 0, 0x41, 2, 0x74, 0x20, 0, 0x36, 2, 0, // memory[4 n] = n
            0x20, 1, 0x20, 0, 0x41, 2, 0x74, 0x28, 2, 0, 0x6A, // inner + memory[4 n]
            0x23, 0, 0x6A, 0x0B)); // + calls
  }

  @Test
  void aStoreThatMovesWhileFramesAreOpenKeepsItsContext() throws ModuleRefusedException {
    byte[] wasm = growingDeep();
    TypedCall call = new TypedCall("deep", new long[] {20});
    RunReport expected = guests.run(tierOne(wasm), call, Guests.PLENTY);
    assertThat(expected.result()).isInstanceOf(RunResult.Values.class);
    try (GuestInstance instance = guests.instance(machineCode(wasm))) {
      assertThat(instance.slotClass()).isZero();
      assertThat(shown(instance.run(call, Guests.PLENTY))).isEqualTo(shown(expected));
      assertThat(instance.slotClass()).isEqualTo(1);
      // Its globals are where the code finds them, before a reset and after.
      assertThat(instance.run(call, Guests.PLENTY).result()).isInstanceOf(RunResult.Values.class);
      instance.reset();
      assertThat(guests.pool.stats().leased()).isEqualTo(1);
      assertThat(shown(instance.run(call, Guests.PLENTY))).isEqualTo(shown(expected));
    }
    assertThat(guests.pool.stats().leased()).isZero();
  }

  private static GuestInstance instance(
      CompiledModule module, PoolingAllocator pool, SlotOwner owner, boolean machineCode) {
    if (pool.take(module.slotFor(owner)) instanceof SlotLease lease
        && module.instantiate(lease, Guests.PLENTY, SliceListener.NONE, machineCode)
            instanceof GuestInstance instance) {
      return instance;
    }
    throw new AssertionError("no instance");
  }

  /**
   * Code reads tables by address, so they are written for it; the next tenant of the slot is not
   * it.
   */
  @Test
  void aSlotThatMachineCodeLeavesIsEmpty() throws ModuleRefusedException {
    PoolConfig config =
        PoolConfig.DEFAULTS.with().classes(new SlotClass(2L << 20, 1)).auditEvery(1).build();
    TypedCall call = new TypedCall("div_zero", new long[0]);
    try (PoolingAllocator pool = new PoolingAllocator(config)) {
      SlotOwner owner = pool.newOwner();
      CompiledModule module = machineCode(Guests.bytes("wasm/trap.wasm"));
      for (boolean machineCode : new boolean[] {true, false, true, false}) {
        GuestInstance instance = instance(module, pool, owner, machineCode);
        assertThat(instance.isMachineCode()).isEqualTo(machineCode);
        assertThat(instance.run(call, Guests.PLENTY).result())
            .isInstanceOf(RunResult.Trapped.class);
        // Reads all of the slot back, and throws if something is left.
        instance.reset();
        instance.release();
      }
      assertThat(pool.stats().leased()).isZero();
      assertThat(pool.stats().retired()).isZero();
    }
  }

  /** What changed on the way to the trap must not be carried into the other arm. */
  @Test
  void anArmThatEndsInATrapLeavesNothingToTheOther() throws ModuleRefusedException {
    byte[] wasm =
        Wat.module(
            Wat.section(1, 1, 0x60, 1, 0x7F, 1, 0x7F),
            Wat.section(3, 1, 0),
            Wat.section(5, 1, 0, 1),
            Wat.section(7, 1, 1, 'f', 0, 0),
            Wat.section(
                10, 1, 36, 1, 1, 0x7F, //
                0x41, 7, 0x21, 1, // local 1 = 7
                0x20, 0, 0x04, 0x40, // if param
                0x41, 9, 0x21, 1, // local 1 = 9
                0x41, 1, 0x40, 0, 0x28, 2, 0, 0x1A, // load memory[grow(1)]
                0x00, 0x05, // unreachable, else
                0x20, 1, 0x0D, 0, // br_if on local 1
                0x0B, 0x20, 1, 0x20, 0, 0x6A, 0x0B)); // local 1 + param
    same(wasm, new TypedCall("f", new long[] {0}), Guests.PLENTY);
    same(wasm, new TypedCall("f", new long[] {1}), Guests.PLENTY);
  }

  @Test
  void theSameModuleGivesTheSameCode() throws ModuleRefusedException {
    byte[] wasm = Guests.bytes("wasm/trap.wasm");
    CompiledModule module = tierOne(wasm);
    CompileOutcome first = guests.engine.machineCode(wasm, module);
    CompileOutcome second = guests.engine.machineCode(wasm, module);
    if (first instanceof MachineCode a && second instanceof MachineCode b) {
      assertThat(b.code()).isEqualTo(a.code());
      assertThat(b.functions()).isEqualTo(a.functions());
      assertThat(b.entries()).isEqualTo(a.entries());
    } else {
      throw new AssertionError(first + " " + second);
    }
  }

  @Test
  void craneliftFindsNothingWrongWithWhatItIsGiven() throws ModuleRefusedException {
    ModuleCompiler verifying =
        new ModuleCompiler(() -> new RedlineBridge().exports(), MachineTarget.target(), true);
    for (String name : List.of("add", "kernels", "trap", "hello_cgi", "files")) {
      byte[] wasm = Guests.bytes("wasm/" + name + ".wasm");
      ScannedModule scanned = ModuleScanner.scan(wasm, EngineConfig.DEFAULTS.moduleLimits());
      assertThat(
              verifying.compile(MachineRequest.of(scanned, EngineConfig.DEFAULTS, tierOne(wasm))))
          .as(name)
          .isInstanceOf(MachineCode.class);
    }
  }

  @Test
  void aTailCallKeepsAModuleOnTierOneAndIsNamed() throws ModuleRefusedException {
    byte[] wasm =
        Wat.module(
            Wat.section(1, 1, 0x60, 0, 0),
            Wat.section(3, 1, 0),
            Wat.section(10, 1, 4, 0, 0x12, 0, 0x0B));
    assertThat(guests.engine.machineCode(wasm, tierOne(wasm)))
        .isEqualTo(new CompileOutcome.Unsupported("the operator return_call"));
  }
}
