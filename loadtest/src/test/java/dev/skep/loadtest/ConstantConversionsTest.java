package dev.skep.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.GuestInstance;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.loadtest.wasm.Code;
import dev.skep.loadtest.wasm.ModuleWriter;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Conversions of constants, which the compiler of machine code carries out itself: the JVM runs it
 * here, in which Chicory's conversion of integers of 64 bits without sign rounds twice.
 */
class ConstantConversionsTest {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());
  private static final int MORE = 60;
  private static final int F32_CONVERT_I64_U = 0xB5;
  private static final int F64_CONVERT_I64_U = 0xBA;

  static {
    System.out.println("ConstantConversionsTest -Dskep.seed=" + SEED);
  }

  /** Numbers about the middle between two that a float holds, and any. */
  private static List<Long> numbers() {
    List<Long> numbers = new ArrayList<>(List.of(0L, 1L, -1L, Long.MIN_VALUE, Long.MAX_VALUE));
    for (long middle : new long[] {1L << 39, 3L << 39, 1L << 10, 3L << 10}) {
      for (int by = -1; by <= 1; by++) {
        numbers.add(Long.MIN_VALUE + middle + by);
        numbers.add((Long.MIN_VALUE >>> 1) + (middle >>> 1) + by);
      }
    }
    Random random = new Random(SEED);
    for (int i = 0; i < MORE; i++) {
      numbers.add(random.nextLong() >>> random.nextInt(20));
    }
    return numbers;
  }

  @Test
  void constantsAreRoundedOnce() {
    List<Long> numbers = numbers();
    ModuleWriter m = new ModuleWriter();
    m.memory(1);
    for (int i = 0; i < numbers.size(); i++) {
      Code constant = Code.code().i64(numbers.get(i));
      m.exported("f" + i, ":f", constant.op(F32_CONVERT_I64_U));
      m.exported("F" + i, ":F", Code.code().i64(numbers.get(i)).op(F64_CONVERT_I64_U));
    }
    try (GuestPool pool = new GuestPool(2, EngineConfig.DEFAULTS)) {
      CompiledModule module = pool.machineCode("conversions", m.toBytes());
      try (GuestInstance instance = pool.instance(module)) {
        for (int i = 0; i < numbers.size(); i++) {
          BigInteger number = new BigInteger(Long.toUnsignedString(numbers.get(i)));
          assertThat((int) GuestPool.call(instance, call("f" + i)))
              .as("%s as a float", number)
              .isEqualTo(Float.floatToRawIntBits(number.floatValue()));
          assertThat(GuestPool.call(instance, call("F" + i)))
              .as("%s as a double", number)
              .isEqualTo(Double.doubleToRawLongBits(number.doubleValue()));
        }
      }
    }
  }

  private static TypedCall call(String export) {
    return new TypedCall(export, new long[0]);
  }
}
