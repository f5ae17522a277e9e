package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.Wat.Function;
import dev.skep.limits.LimitKind;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One test for each fault of Chicory 1.7.5 that a tenant could use: none of them reaches us. The
 * guests are {@code src/test/resources/wat/bulk.wat}, {@code loops.wat}, {@code multi_memory.wat}.
 * Functions that are interpreted have a class of their own, {@link OversizedFunctionTest}.
 */
class ChicoryFaultsTest {
  private static final long MAX = 0x7FFF_FFFFL;
  private static final long WORST = 0xFFFF_FFFFL;

  private static Guests guests;
  private static CompiledModule bulk;
  private static CompiledModule loops;

  @BeforeAll
  static void open() {
    guests = new Guests();
    bulk = guests.compile(Wat.bytes("bulk"));
    loops = guests.compile(Wat.bytes("loops"));
  }

  @AfterAll
  static void close() {
    assertThat(guests.pool.stats().leased()).isZero();
    guests.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"br", "br_if", "br_table", "nested", "mutual", "grow_nothing", "fill_nothing"})
  void everyLoopIsStoppedByFuelAndByItsDeadline(String loop) {
    try (Probe probe = new Probe(guests, loops)) {
      probe.limits = Guests.PLENTY.withFuel(500_000);
      assertThat(probe.limit(loop)).isEqualTo(LimitKind.FUEL);
      assertThat(probe.fuel).isBetween(499_900L, 500_000L);
      probe.limits = Guests.PLENTY.withDeadlineNanos(5_000_000);
      assertThat(probe.limit(loop)).isEqualTo(LimitKind.DEADLINE);
    }
  }

  @Test
  void theThreadsInterruptFlagNeitherStopsAGuestNorIsTakenByIt() {
    try (Probe probe = new Probe(guests, bulk)) {
      Thread.currentThread().interrupt();
      long size = probe.call("memory_size");
      boolean kept = Thread.interrupted();
      assertThat(size).isEqualTo(1);
      assertThat(kept).isTrue();
      Thread.currentThread().interrupt();
      try (Probe looping = new Probe(guests, loops)) {
        looping.limits = Guests.PLENTY.withFuel(500_000);
        assertThat(looping.limit("br_if")).isEqualTo(LimitKind.FUEL);
      } finally {
        assertThat(Thread.interrupted()).isTrue();
      }
    }
  }

  @Test
  void memoryFillCopyAndInitWhoseSumsOverflowTrap() {
    try (Probe probe = new Probe(guests, bulk)) {
      for (long length : new long[] {MAX, MAX + 1, WORST, 65_536}) {
        for (long at : new long[] {1, 65_536, MAX, MAX + 1, WORST}) {
          assertThat(probe.trap("memory_fill", at, 1, length))
              .isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
          assertThat(probe.trap("memory_copy", at, 0, length))
              .isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
          assertThat(probe.trap("memory_copy", 0, at, length))
              .isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
          assertThat(probe.trap("memory_init", at, 0, length))
              .isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
          assertThat(probe.trap("memory_init", 0, at, length))
              .isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
        }
      }
      probe.call("memory_fill", 65_535, 7, 1);
      probe.call("memory_fill", 65_536, 7, 0);
      assertThat(probe.call("load", 65_535)).isEqualTo(7);
      assertThat(probe.call("load", 0)).isZero();
    }
  }

  @Test
  void bulkOperatorsPayForWhatTheyAskEvenIfTheyTrap() {
    try (Probe probe = new Probe(guests, bulk)) {
      probe.limits = Guests.PLENTY.withFuel(1_000_000);
      assertThat(probe.limit("memory_fill", 0, 1, WORST)).isEqualTo(LimitKind.FUEL);
      assertThat(probe.limit("table_fill", 0, WORST)).isEqualTo(LimitKind.FUEL);
    }
  }

  @Test
  void tableFillCopyAndInitOutOfRangeTrap() {
    try (Probe probe = new Probe(guests, bulk)) {
      for (long length : new long[] {MAX, MAX + 1, WORST, 5}) {
        for (long at : new long[] {1, 4, MAX, MAX + 1, WORST}) {
          for (String export : List.of("table_copy", "table_copy_same", "table_init")) {
            assertThat(probe.trap(export, at, 0, length)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
            assertThat(probe.trap(export, 0, at, length)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
          }
          assertThat(probe.trap("table_fill", at, length)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
        }
      }
      assertThat(probe.trap("table_fill", 5, 0)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
      for (int i = 0; i < 4; i++) {
        assertThat(probe.call("is_null", i)).isEqualTo(1);
      }
      probe.call("table_fill", 4, 0);
      probe.call("table_fill", 3, 1);
      assertThat(probe.call("is_null", 3)).isZero();
      for (long wild : new long[] {4, MAX, MAX + 1, WORST}) {
        assertThat(probe.trap("is_null", wild)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
        assertThat(probe.trap("set", wild)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
      }
    }
  }

  @Test
  void growthByAnyNumberIsGrantedOrAnswersMinusOne() {
    try (Probe probe = new Probe(guests, bulk)) {
      for (long wild : new long[] {17, MAX, MAX + 1, WORST, 70_000}) {
        assertThat(probe.call("table_grow", wild)).isEqualTo(WORST);
        assertThat(probe.call("memory_grow", wild)).isEqualTo(WORST);
      }
      assertThat(probe.call("table_grow", 16)).isEqualTo(4);
      assertThat(probe.call("table_grow", 1)).isEqualTo(WORST);
      assertThat(probe.call("memory_grow", 3)).isEqualTo(1);
      assertThat(probe.call("memory_grow", 1)).isEqualTo(WORST);
    }
  }

  @Test
  void growingATableLeavesTheModuleAndItsOtherInstancesAlone() {
    try (Probe first = new Probe(guests, bulk);
        Probe beside = new Probe(guests, bulk)) {
      assertThat(first.call("table_grow", 10)).isEqualTo(4);
      assertThat(first.call("table_size")).isEqualTo(14);
      assertThat(beside.call("table_size")).isEqualTo(4);
      try (Probe later = new Probe(guests, bulk)) {
        assertThat(later.call("table_size")).isEqualTo(4);
        assertThat(later.call("table_grow", 16)).isEqualTo(4);
      }
    }
  }

  @Test
  void droppingASegmentLeavesTheModuleAndItsOtherInstancesAlone() {
    try (Probe first = new Probe(guests, bulk);
        Probe beside = new Probe(guests, bulk)) {
      first.call("data_drop");
      first.call("elem_drop");
      assertThat(first.trap("memory_init", 0, 0, 1)).isEqualTo(TrapKind.OUT_OF_BOUNDS_MEMORY);
      assertThat(first.trap("table_init", 0, 0, 1)).isEqualTo(TrapKind.OUT_OF_BOUNDS_TABLE);
      first.call("memory_init", 0, 0, 0);
      first.call("table_init", 0, 0, 0);
      try (Probe later = new Probe(guests, bulk)) {
        for (Probe probe : List.of(beside, later)) {
          probe.call("memory_init", 0, 0, 4);
          probe.call("table_init", 0, 0, 2);
          assertThat(probe.call("load", 3)).isEqualTo(4);
        }
      }
    }
  }

  @Test
  void theMemoryLimitHoldsOverAllMemoriesOfAStore() {
    try (Probe probe = new Probe(guests, Wat.bytes("multi_memory"))) {
      probe.limits = Guests.PLENTY.withMemoryBytes(4 * 65_536);
      assertThat(probe.call("grow_b", 2)).isEqualTo(1);
      assertThat(probe.call("grow_a", 1)).isEqualTo(WORST);
      assertThat(probe.call("grow_c", 1)).isEqualTo(WORST);
      probe.limits = Guests.PLENTY.withMemoryBytes(5 * 65_536);
      assertThat(probe.call("grow_c", 1)).isZero();
      assertThat(probe.call("grow_a", 1)).isEqualTo(WORST);
    }
  }

  private static ModuleRefusedException refused(byte[] wasm) {
    return catchThrowableOfType(ModuleRefusedException.class, () -> guests.engine.check(wasm));
  }

  @Test
  void eightKilobytesThatDeclareAHundredMillionLocalsAreRefusedBeforeTheParser() {
    WasmBuffer body = new WasmBuffer(8_192);
    body.u32(2_000);
    for (int i = 0; i < 2_000; i++) {
      body.u32(50_000);
      body.u8(Wat.I32);
    }
    body.u8(0x0B);
    WasmBuffer code = new WasmBuffer(8_192);
    code.u32(1);
    code.u32(body.length());
    code.raw(body);
    ModuleRefusedException refused =
        refused(
            Wat.module(
                Wat.section(1, 1, 0x60, 0, 0),
                Wat.section(3, 1, 0),
                new Wat.Section(10, code.toBytes())));
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
    assertThat(refused).hasMessageContaining("50000 locals in one function at offset");
  }

  @Test
  void localsSpreadOverManyFunctionsAreSummed() {
    List<Function> many =
        java.util.Collections.nCopies(101, new Function(1, 5_000, Wat.I64, Wat.hex(0x0B)));
    ModuleRefusedException refused = refused(Wat.functions(many));
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
    assertThat(refused).hasMessageContaining("505000 locals over all functions");
  }

  @Test
  void aTableOfTenMillionIsRefusedByTheStoresLimitAndAMillionTablesByTheModules() {
    WasmBuffer table = new WasmBuffer(16);
    Wat.raw(table, 1, 0x70, 0);
    table.u32(10_000_000);
    byte[] wide = Wat.module(new Wat.Section(4, table.toBytes()));
    Instantiation instantiation = guests.instantiate(guests.compile(wide), Guests.PLENTY);
    assertThat(instantiation)
        .isInstanceOfSatisfying(
            Instantiation.Failed.class,
            failed ->
                assertThat(failed.result())
                    .isInstanceOfSatisfying(
                        RunResult.LimitReached.class,
                        r -> assertThat(r.kind()).isEqualTo(LimitKind.TABLE)));
    WasmBuffer tables = new WasmBuffer(16);
    tables.u32(1_000_000);
    ModuleRefusedException refused = refused(Wat.module(new Wat.Section(4, tables.toBytes())));
    assertThat(refused.reason()).isEqualTo(Reason.LIMIT);
    assertThat(refused).hasMessageContaining("1000000 tables at offset");
  }

  @Test
  void fuelIsCountedInCompiledCode() {
    try (Probe probe = new Probe(guests, bulk)) {
      probe.call("memory_size");
      assertThat(probe.fuel).isEqualTo(2);
    }
  }
}
