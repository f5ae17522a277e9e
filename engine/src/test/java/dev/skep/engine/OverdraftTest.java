package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Wat.Function;
import dev.skep.limits.LimitKind;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** How far a run gets beyond its fuel, since not every charge is checked. */
class OverdraftTest {
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

  /** {@code if} on the parameter with {@code times} constants dropped in it: a run of its own. */
  private static void conditional(WasmBuffer code, int times) {
    Wat.raw(code, 0x20, 0, 0x04, 0x40);
    for (int i = 0; i < times; i++) {
      Wat.raw(code, 0x41, 1, 0x1A);
    }
    Wat.raw(code, END);
  }

  private static Probe probe(int... conditionals) {
    WasmBuffer code = new WasmBuffer(1_024);
    for (int times : conditionals) {
      conditional(code, times);
    }
    Wat.raw(code, 0x20, 0, END);
    return new Probe(guests, Wat.functions(List.of(new Function(0, code.toBytes()))));
  }

  private static long needs(Probe probe, long argument) {
    probe.limits = Guests.PLENTY;
    assertThat(probe.call("f0", argument)).isEqualTo(argument);
    return probe.fuel;
  }

  @Test
  void aRunIsPaidForOrItHasNotRun() {
    try (Probe probe = probe(10, 20, 30)) {
      long needed = needs(probe, 1);
      for (long fuel = 0; fuel < needed; fuel++) {
        probe.limits = Guests.PLENTY.withFuel(fuel);
        assertThat(probe.limit("f0", 1))
            .as("with %d of %d", fuel, needed)
            .isEqualTo(LimitKind.FUEL);
        assertThat(probe.fuel).isLessThanOrEqualTo(needed);
      }
      probe.limits = Guests.PLENTY.withFuel(needed);
      assertThat(probe.call("f0", 1)).isEqualTo(1);
      assertThat(probe.fuel).isEqualTo(needed);
    }
  }

  @Test
  void theOverdraftIsVisible() {
    try (Probe probe = probe(10, 20, 30)) {
      long needed = needs(probe, 1);
      probe.limits = Guests.PLENTY.withFuel(needed - 1);
      RunResult result = probe.run("f0", 1);
      assertThat(result).isInstanceOf(RunResult.LimitReached.class);
      assertThat(((RunResult.LimitReached) result).message())
          .isEqualTo("the run needs 1 more than its " + (needed - 1) + " units of fuel");
      assertThat(probe.fuel).isEqualTo(needed);
    }
  }

  @Test
  void straightCodeIsStoppedBeforeItOwesMoreThanItMay() {
    int[] many = new int[40];
    java.util.Arrays.fill(many, 100);
    try (Probe probe = probe(many)) {
      long needed = needs(probe, 1);
      assertThat(needed).isGreaterThan(4 * BodyInstrumenter.MOST_UNCHECKED);
      for (long fuel = 1; fuel < needed; fuel += 97) {
        probe.limits = Guests.PLENTY.withFuel(fuel);
        assertThat(probe.limit("f0", 1)).isEqualTo(LimitKind.FUEL);
        assertThat(probe.fuel).isLessThanOrEqualTo(fuel + BodyInstrumenter.MOST_UNCHECKED);
      }
    }
  }

  @Test
  void wayAroundACheckIsBoundedAsWell() {
    // The parameter is 0: no conditional is entered, and each leaves its own small run behind.
    int[] many = new int[2_000];
    java.util.Arrays.fill(many, 1_001);
    try (Probe probe = probe(java.util.Arrays.copyOf(many, 200))) {
      long needed = needs(probe, 0);
      for (long fuel = 1; fuel < needed; fuel += 7) {
        probe.limits = Guests.PLENTY.withFuel(fuel);
        assertThat(probe.limit("f0", 0)).isEqualTo(LimitKind.FUEL);
        assertThat(probe.fuel).isLessThanOrEqualTo(fuel + BodyInstrumenter.MOST_UNCHECKED);
      }
    }
  }

  @Test
  void comingBackFromManyCallsOwesLittleForEach() {
    // f0(n): if n, f0(n - 1); then 15 runs of 2 each, behind the call.
    WasmBuffer code = new WasmBuffer(1_024);
    Wat.raw(code, 0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6B, 0x10, 0, 0x1A, END);
    for (int i = 0; i < 15; i++) {
      conditional(code, 0);
    }
    Wat.raw(code, 0x20, 0, END);
    try (Probe probe = new Probe(guests, Wat.functions(List.of(new Function(0, code.toBytes()))))) {
      int depth = 200;
      long needed = needs(probe, depth);
      for (long fuel = 1; fuel < needed; fuel += 31) {
        probe.limits = Guests.PLENTY.withFuel(fuel);
        assertThat(probe.limit("f0", depth)).isEqualTo(LimitKind.FUEL);
        assertThat(probe.fuel)
            .isLessThanOrEqualTo(
                fuel
                    + BodyInstrumenter.MOST_UNCHECKED
                    + (long) depth * BodyInstrumenter.MOST_BEHIND_CALL);
      }
    }
  }

  @Test
  void aTrapKeepsWhatWasUsedInEveryFrame() {
    // f0 calls f1, which runs some and traps: 1 entry, 1 get, 1 call; 1 entry, 2 constants.
    byte[] caller = Wat.hex(0x20, 0, 0x10, 1, END);
    byte[] callee = Wat.hex(0x41, 1, 0x1A, 0x41, 1, 0x1A, 0x00, END);
    try (Probe probe =
        new Probe(
            guests, Wat.functions(List.of(new Function(0, caller), new Function(0, callee))))) {
      assertThat(probe.trap("f0", 7)).isEqualTo(TrapKind.UNREACHABLE);
      assertThat(probe.fuel).isEqualTo(6);
    }
  }
}
