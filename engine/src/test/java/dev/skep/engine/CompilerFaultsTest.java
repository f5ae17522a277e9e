package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Wat.Function;
import java.math.BigInteger;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Valid modules that Chicory 1.7.5's compiler fails on or compiles wrongly, found by generated
 * programs: here they run, and answer right.
 */
class CompilerFaultsTest {
  private static final int I32 = Wat.I32;
  private static final int END = 0x0B;

  private static Guests guests;

  @BeforeAll
  static void open() {
    guests = new Guests();
  }

  @AfterAll
  static void close() {
    guests.close();
  }

  private static Probe probe(int... body) {
    return new Probe(guests, Wat.functions(List.of(new Function(0, Wat.hex(body)))));
  }

  /** The compiler looked for the block whose end comes right before the function's. */
  @Test
  void aBranchToTheEndOfAFunctionWhoseLastOperatorEndsABlock() {
    // local.get 0; br_if 0; drop; block (result i32) i32.const 5 end
    try (Probe probe = probe(0x20, 0, 0x20, 0, 0x0D, 0, 0x1A, 0x02, I32, 0x41, 5, END, END)) {
      assertThat(probe.call("f0", 7)).isEqualTo(7);
      assertThat(probe.call("f0", 0)).isEqualTo(5);
    }
    // A loop, and an if in code that cannot be reached.
    try (Probe probe = probe(0x20, 0, 0x0C, 0, 0x03, I32, 0x41, 5, END, END)) {
      assertThat(probe.call("f0", 7)).isEqualTo(7);
    }
    try (Probe probe =
        probe(0x20, 0, 0x0F, 0x41, 1, 0x04, 0x40, END, 0x41, 1, 0x02, 0x40, END, END)) {
      assertThat(probe.call("f0", 7)).isEqualTo(7);
    }
  }

  /** The engine's own round some twice. */
  @Test
  void conversionsOfUnsignedIntegersAreRoundedOnce() {
    Random random = new Random(1);
    for (int i = 0; i < 1_000_000; i++) {
      long value = random.nextLong() >>> random.nextInt(20);
      if (random.nextBoolean()) {
        // Near the middle between two floats.
        int shift = 8 + random.nextInt(40);
        value = (value >>> shift << shift) | (1L << (shift - 1)) | random.nextInt(3);
      }
      BigInteger exact = new BigInteger(Long.toUnsignedString(value));
      assertThat(QuietFloats.F32_CONVERT_I64_U(value)).isEqualTo(exact.floatValue());
      assertThat(QuietFloats.F64_CONVERT_I64_U(value)).isEqualTo(exact.doubleValue());
    }
  }

  @Test
  void compiledCodeUsesTheseConversions() {
    // i64.const 0x92AE240000000001; f32.convert_i64_u; i32.reinterpret_f32
    WasmBuffer code = new WasmBuffer(32);
    Wat.raw(code, 0x42);
    Wat.raw(code, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x89, 0xD7, 0x92, 0x7F);
    Wat.raw(code, 0xB5, 0xBC, END);
    try (Probe probe = new Probe(guests, Wat.functions(List.of(new Function(0, code.toBytes()))))) {
      assertThat((int) probe.call("f0", 0))
          .isEqualTo(Float.floatToRawIntBits(new BigInteger("92AE240000000001", 16).floatValue()));
    }
  }
}
