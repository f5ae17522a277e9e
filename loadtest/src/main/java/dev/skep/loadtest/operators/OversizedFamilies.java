package dev.skep.loadtest.operators;

import static dev.skep.loadtest.operators.OperatorGuest.i32;
import static dev.skep.loadtest.wasm.Code.code;

import dev.skep.loadtest.operators.OperatorFamily.Kind;
import dev.skep.loadtest.wasm.Code;
import java.util.List;

/**
 * The same code in functions of three sizes: of {@code x = x * 31 + 7}, eight bytes of JVM code
 * each. Above 8,000 bytes HotSpot compiles a method only if it is told to; above 65,535 there can
 * be none.
 */
final class OversizedFamilies {
  private static final int SMALL = 100;
  private static final int HUGE = 2_000;
  private static final int INTERPRETED = 10_000;

  private OversizedFamilies() {}

  static List<OperatorFamily> all() {
    return List.of(
        family("oversized_small", "in 800 bytes of JVM code", SMALL),
        family("oversized_huge", "in 16 KB of JVM code", HUGE),
        family("oversized_interpreted", "in 80 KB, which is interpreted", INTERPRETED));
  }

  private static OperatorFamily family(String key, String what, int repeats) {
    OperatorGuest guest = new OperatorGuest();
    Code straight =
        code().repeat(repeats, code -> code.get(0).i32(31).mul().i32(7).add().set(0)).get(0);
    int function = guest.module().function("i:i", straight);
    return guest
        .steps(1)
        .family(
            key,
            "i32.mul, i32.add " + what,
            Kind.OVERSIZED,
            5 + 6 * repeats,
            (code, k) -> code.get(i32(k)).call(function).set(i32(k)));
  }
}
