package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.WasiGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.pool.PoolConfig;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Accesses at the edges of a memory, of every width, by compiled guests and by host functions on
 * pointers that guests give them: each goes exactly when all its bytes are in the memory, and the
 * neighbours' slots, which lie beside it without a guard, keep every byte.
 *
 * <p>Some hundred thousand by default; {@code -Dskep.accesses=10000000} for ten million.
 */
class EdgeAccessProperty {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int ACCESSES = Integer.getInteger("skep.accesses", 200_000);
  private static final int PAGE = 65_536;
  private static final int CAPACITY_PAGES = 4;
  private static final int PATTERN = 0x5A;
  private static final long NONE = -1;

  static {
    System.out.println("EdgeAccessProperty -Dskep.seed=" + SEED + " -Dskep.accesses=" + ACCESSES);
  }

  /** Opcode, bytes, and the operand of a store, if it is one. */
  private record Operator(String name, int opcode, int bytes, byte[] operand) {}

  private static final byte[] LOAD = {};
  private static final byte[] I32 = Wat.hex(0x41, 0x7F);
  private static final byte[] I64 = Wat.hex(0x42, 0x7F);
  private static final byte[] F32 = Wat.hex(0x43, 0xFF, 0xFF, 0xFF, 0xFF);
  private static final byte[] F64 = Wat.hex(0x44, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF);

  private static final List<Operator> OPERATORS =
      List.of(
          new Operator("i32.load", 0x28, 4, LOAD),
          new Operator("i64.load", 0x29, 8, LOAD),
          new Operator("f32.load", 0x2A, 4, LOAD),
          new Operator("f64.load", 0x2B, 8, LOAD),
          new Operator("i32.load8_s", 0x2C, 1, LOAD),
          new Operator("i32.load8_u", 0x2D, 1, LOAD),
          new Operator("i32.load16_s", 0x2E, 2, LOAD),
          new Operator("i32.load16_u", 0x2F, 2, LOAD),
          new Operator("i64.load8_s", 0x30, 1, LOAD),
          new Operator("i64.load8_u", 0x31, 1, LOAD),
          new Operator("i64.load16_s", 0x32, 2, LOAD),
          new Operator("i64.load16_u", 0x33, 2, LOAD),
          new Operator("i64.load32_s", 0x34, 4, LOAD),
          new Operator("i64.load32_u", 0x35, 4, LOAD),
          new Operator("i32.store", 0x36, 4, I32),
          new Operator("i64.store", 0x37, 8, I64),
          new Operator("f32.store", 0x38, 4, F32),
          new Operator("f64.store", 0x39, 8, F64),
          new Operator("i32.store8", 0x3A, 1, I32),
          new Operator("i32.store16", 0x3B, 2, I32),
          new Operator("i64.store8", 0x3C, 1, I64),
          new Operator("i64.store16", 0x3D, 2, I64),
          new Operator("i64.store32", 0x3E, 4, I64));

  /** What the host functions need. */
  private static final WasiWorld WORLD =
      new WasiWorld(
          WasiGrants.NONE
              .with(WasiGrant.RANDOM)
              .with(WasiGrant.STDOUT)
              .with(WasiGrant.CLOCK)
              .with(WasiGrant.MONOTONIC_CLOCK),
          WasiTree.EMPTY);

  private static final long[] OFFSETS = {0, 9, PAGE, 1L << 31, 0xFFFF_FFF0L, 0xFFFF_FFFFL};

  /** What an export does: the first byte it touches behind its argument, and how many. */
  private record Export(String name, long offset, long bytes, boolean host) {}

  private final List<Export> exports = new ArrayList<>();

  /**
   * Imports, then a function for each operator and offset, then for each bulk and host function.
   */
  private byte[] module() {
    String[] imports = {"random_get", "fd_write", "clock_res_get"};
    WasmBuffer types = new WasmBuffer(64);
    // 0: (i32) → (), 1: (i32 i32) → i32, 2: (i32 i32 i32 i32) → i32, 3: (i32) → i32
    Wat.raw(types, 4, 0x60, 1, 0x7F, 0, 0x60, 2, 0x7F, 0x7F, 1, 0x7F);
    Wat.raw(types, 0x60, 4, 0x7F, 0x7F, 0x7F, 0x7F, 1, 0x7F, 0x60, 1, 0x7F, 1, 0x7F);
    WasmBuffer imported = new WasmBuffer(128);
    imported.u32(imports.length);
    for (int i = 0; i < imports.length; i++) {
      name(imported, "wasi_snapshot_preview1");
      name(imported, imports[i]);
      imported.u8(0);
      imported.u32(i == 1 ? 2 : 1);
    }
    List<byte[]> bodies = new ArrayList<>();
    for (Operator operator : OPERATORS) {
      for (long offset : OFFSETS) {
        WasmBuffer body = body();
        Wat.raw(body, 0x20, 0);
        body.raw(operator.operand, 0, operator.operand.length);
        Wat.raw(body, operator.opcode, 0);
        body.u32(offset);
        if (operator.operand.length == 0) {
          body.u8(0x1A);
        }
        body.u8(0x0B);
        bodies.add(body.toBytes());
        exports.add(new Export(operator.name + "+" + offset, offset, operator.bytes, false));
      }
    }
    for (int length : new int[] {0, 1, 8, 4_096}) {
      bulk(bodies, "memory.fill " + length, length, 0x20, 0, 0x41, 0x3C, -1, 0xFC, 0x0B, 0);
      bulk(bodies, "memory.copy to " + length, length, 0x20, 0, 0x41, 0, -1, 0xFC, 0x0A, 0, 0);
      bulk(bodies, "memory.copy from " + length, length, 0x41, 0, 0x20, 0, -1, 0xFC, 0x0A, 0, 0);
    }
    bulk(bodies, "memory.init", 3, 0x20, 0, 0x41, 0, -1, 0xFC, 0x08, 0, 0);
    host(bodies, "random_get", 5, 0x20, 0, 0x41, 5, 0x10, 0);
    // Where the number of bytes written goes; no vector is read.
    host(bodies, "fd_write", 4, 0x41, 1, 0x41, 0, 0x41, 0, 0x20, 0, 0x10, 1);
    host(bodies, "clock_res_get", 8, 0x41, 0, 0x20, 0, 0x10, 2);
    int accesses = exports.size();
    WasmBuffer declared = new WasmBuffer(256);
    declared.u32(accesses);
    WasmBuffer exported = new WasmBuffer(4_096);
    exported.u32(accesses);
    WasmBuffer code = new WasmBuffer(4_096);
    code.u32(accesses);
    for (int i = 0; i < accesses; i++) {
      declared.u32(exports.get(i).host ? 3 : 0);
      name(exported, exports.get(i).name);
      exported.u8(0);
      exported.u32((long) imports.length + i);
      code.u32(bodies.get(i).length);
      code.raw(bodies.get(i), 0, bodies.get(i).length);
    }
    WasmBuffer memory = new WasmBuffer(8);
    Wat.raw(memory, 1, 0, 2);
    WasmBuffer count = new WasmBuffer(8);
    count.u32(1);
    WasmBuffer data = new WasmBuffer(16);
    Wat.raw(data, 1, 1, 3, 'a', 'b', 'c');
    WasmBuffer out = new WasmBuffer(1 << 14);
    byte[] header = Wat.header();
    out.raw(header, 0, header.length);
    out.section(1, types);
    out.section(2, imported);
    out.section(3, declared);
    out.section(5, memory);
    out.section(7, exported);
    out.section(12, count);
    out.section(10, code);
    out.section(11, data);
    return out.toBytes();
  }

  private static WasmBuffer body() {
    WasmBuffer body = new WasmBuffer(32);
    body.u32(0);
    return body;
  }

  /** Code in which −1 stands for the length as a constant. */
  private void bulk(List<byte[]> bodies, String name, int length, int... code) {
    WasmBuffer body = body();
    for (int each : code) {
      if (each == NONE) {
        body.u8(0x41);
        body.s32(length);
      } else {
        body.u8(each);
      }
    }
    body.u8(0x0B);
    bodies.add(body.toBytes());
    exports.add(new Export(name, 0, length, false));
  }

  private void host(List<byte[]> bodies, String name, int length, int... code) {
    WasmBuffer body = body();
    Wat.raw(body, code);
    body.u8(0x0B);
    bodies.add(body.toBytes());
    exports.add(new Export(name, 0, length, true));
  }

  private static void name(WasmBuffer out, String name) {
    byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
    out.u32(utf8.length);
    out.raw(utf8, 0, utf8.length);
  }

  private static long edge(Random random, long size) {
    long[] edges = {0, size, CAPACITY_PAGES * (long) PAGE, 1L << 31, 1L << 32};
    long edge = edges[random.nextInt(edges.length)] + random.nextInt(17) - 8;
    return edge & 0xFFFF_FFFFL;
  }

  @Test
  void nothingBesideTheMemoryIsReachedAtItsEdges() {
    Random random = new Random(SEED);
    byte[] wasm = module();
    // No guard: what strays hits a neighbour, and is seen.
    try (Guests guests = new Guests(PoolConfig.of(3, CAPACITY_PAGES * (long) PAGE, 1_024, 0))) {
      CompiledModule neighbours = guests.compile(Wat.bytes("bulk"));
      CompiledModule module = guests.compile(wasm);
      assertThat(module.isMachineCode()).isEqualTo(Guests.MACHINE_CODE);
      try (Probe left = filled(guests, neighbours);
          Probe probe = new Probe(guests, module);
          Probe right = filled(guests, neighbours)) {
        long size = 2L * PAGE;
        long went = 0;
        for (int i = 0; i < ACCESSES; i++) {
          Export export = exports.get(random.nextInt(exports.size()));
          // Half of them about an edge of the effective address, half of the argument alone.
          long address = edge(random, size);
          long argument = random.nextBoolean() ? address : (address - export.offset) & 0xFFFF_FFFFL;
          boolean fits = argument + export.offset + export.bytes <= size;
          boolean goes = goes(probe, export, argument);
          if (goes != fits) {
            throw new AssertionError(
                export + " at " + argument + " of " + size + ": " + goes + ", seed " + SEED);
          }
          went += goes ? 1 : 0;
        }
        assertThat(went).isBetween(ACCESSES / 20L, ACCESSES - ACCESSES / 20L);
        holds(left);
        holds(right);
      }
      isZeroBeyond(guests, neighbours);
    }
  }

  private static boolean goes(Probe probe, Export export, long argument) {
    RunResult result =
        probe
            .instance
            .run(new TypedCall(export.name, new long[] {argument}), WORLD, Guests.PLENTY)
            .result();
    if (result instanceof RunResult.Values values) {
      // A host function answers 21, "fault", for a pointer outside the memory.
      assertThat(!export.host || values.results()[0] == 0 || values.results()[0] == 21).isTrue();
      return !export.host || values.results()[0] == 0;
    }
    assertThat(result)
        .isInstanceOfSatisfying(
            RunResult.Trapped.class,
            trapped -> assertThat(trapped.kind()).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY));
    return false;
  }

  /** A neighbour whose slot is full to its last byte. */
  private static Probe filled(Guests guests, CompiledModule module) {
    Probe probe = new Probe(guests, module);
    probe.call("memory_grow", CAPACITY_PAGES - probe.call("memory_size"));
    probe.call("memory_fill", 0, PATTERN, CAPACITY_PAGES * (long) PAGE);
    return probe;
  }

  private static void holds(Probe probe) {
    for (long at = 0; at < CAPACITY_PAGES * (long) PAGE; at++) {
      if (probe.call("load", at) != PATTERN) {
        throw new AssertionError("a neighbour's byte " + at + " has changed, seed " + SEED);
      }
    }
  }

  /**
   * The slot between them, whose memory was smaller than the slot: nothing came to lie behind it.
   */
  private static void isZeroBeyond(Guests guests, CompiledModule module) {
    try (Probe probe = new Probe(guests, module)) {
      probe.call("memory_grow", CAPACITY_PAGES - probe.call("memory_size"));
      for (long at = 2L * PAGE; at < CAPACITY_PAGES * (long) PAGE; at++) {
        assertThat(probe.call("load", at)).isZero();
      }
    }
  }
}
