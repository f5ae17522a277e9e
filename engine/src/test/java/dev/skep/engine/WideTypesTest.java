package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.Wat.Section;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Types about as wide as a JVM method: what the check accepts compiles and runs, by call and by
 * call_indirect; what is wider is refused by the check.
 */
class WideTypesTest {
  private static Guests guests;

  @BeforeAll
  static void open() {
    guests = new Guests();
  }

  @AfterAll
  static void close() {
    guests.close();
  }

  /**
   * {@code f} is of the type, and calls {@code g} of the same with its own parameters, by call if
   * they are an even number, else by call_indirect; {@code g} answers its last parameter each time.
   */
  private static byte[] module(int params, int results, byte kind) {
    WasmBuffer types = new WasmBuffer(600);
    Wat.raw(types, 1, 0x60);
    for (int count : new int[] {params, results}) {
      types.u32(count);
      for (int i = 0; i < count; i++) {
        types.u8(kind);
      }
    }
    WasmBuffer g = new WasmBuffer(600);
    g.u8(0);
    for (int i = 0; i < results; i++) {
      g.u8(0x20);
      g.u32(params - 1L);
    }
    g.u8(0x0B);
    WasmBuffer f = new WasmBuffer(600);
    f.u8(0);
    for (int i = 0; i < params; i++) {
      f.u8(0x20);
      f.u32(i);
    }
    if (params % 2 == 0) {
      Wat.raw(f, 0x10, 0, 0x0B);
    } else {
      Wat.raw(f, 0x41, 0, 0x11, 0, 0, 0x0B);
    }
    WasmBuffer code = new WasmBuffer(1_200);
    code.u8(2);
    for (WasmBuffer body : new WasmBuffer[] {g, f}) {
      code.u32(body.length());
      code.raw(body);
    }
    return Wat.module(
        new Section(1, types.toBytes()),
        Wat.section(3, 2, 0, 0),
        Wat.section(4, 1, 0x70, 0, 1),
        Wat.section(7, 1, 1, 'f', 0, 1),
        Wat.section(9, 1, 0, 0x41, 0, 0x0B, 1, 0),
        new Section(10, code.toBytes()));
  }

  private static void runs(int params, int results, byte kind) {
    try (Probe probe = new Probe(guests, module(params, results, kind))) {
      long[] args = new long[params];
      args[params - 1] = 77;
      assertThat(probe.run("f", args))
          .as("%d -> %d", params, results)
          .isInstanceOfSatisfying(
              RunResult.Values.class,
              values -> assertThat(values.results()).hasSize(results).containsOnly(77));
    }
  }

  @ParameterizedTest
  @CsvSource({"127, 250", "126, 125"}) // i32, i64
  void whatIsAcceptedCompilesAndRuns(byte kind, int most) {
    for (int width = most - 8; width <= most; width++) {
      runs(width, 1, kind);
      runs(1, width, kind);
      runs(width, width, kind);
    }
    runs(most / 2, most / 2, kind);
  }

  @Test
  void whatIsWiderIsRefusedByTheCheck() {
    for (byte kind : new byte[] {Wat.I32, Wat.I64}) {
      int most = kind == Wat.I32 ? 250 : 125;
      for (int width : new int[] {most + 1, most + 2, most + 3, most + 6, 2 * most, 1_000}) {
        for (byte[] wasm : new byte[][] {module(width, 1, kind), module(1, width, kind)}) {
          ModuleRefusedException refused =
              catchThrowableOfType(ModuleRefusedException.class, () -> guests.engine.check(wasm));
          assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
          assertThat(refused).hasMessageContaining("parameters or results of one type");
        }
      }
    }
  }
}
