package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.Invocation.BytesCall;
import dev.skep.engine.Invocation.CommandRun;
import dev.skep.engine.Invocation.TypedCall;
import dev.skep.limits.LimitKind;
import dev.skep.limits.StoreLimits;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How runs end: every trap typed and with its stack, every limit held, nothing remembered. */
class OutcomeTest {
  private static Guests guests;
  private static CompiledModule trap;
  private static CompiledModule cgi;

  @BeforeAll
  static void open() {
    guests = new Guests();
    trap = guests.guest("trap");
    cgi = guests.guest("hello_cgi");
  }

  @AfterAll
  static void close() {
    guests.close();
  }

  private static RunReport call(String export, StoreLimits limits) {
    return guests.run(trap, new TypedCall(export, new long[0]), limits);
  }

  private static CommandRun request(String query) {
    return new CommandRun(
        List.of("hello", "you"),
        Map.of("QUERY_STRING", query),
        "body".getBytes(StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @CsvSource({
    "div_zero, INTEGER_DIVIDE_BY_ZERO",
    "int_overflow, INTEGER_OVERFLOW",
    "unreachable, UNREACHABLE",
    "oob_load, OUT_OF_BOUNDS_MEMORY",
    "oob_table, UNDEFINED_ELEMENT",
    "null_ref, UNINITIALIZED_ELEMENT",
    "sig_mismatch, INDIRECT_CALL_TYPE_MISMATCH",
  })
  void aTrapIsTypedAndHasAStackWithNames(String export, TrapKind kind) {
    RunReport report = call(export, Guests.PLENTY);
    assertThat(report.result()).isInstanceOf(RunResult.Trapped.class);
    RunResult.Trapped trapped = (RunResult.Trapped) report.result();
    assertThat(trapped.kind()).isEqualTo(kind);
    assertThat(trapped.frames()).hasSizeGreaterThan(1);
    assertThat(trapped.frames()).allSatisfy(f -> assertThat(f.name()).doesNotContain("func["));
    assertThat(report.fuel()).isPositive();
  }

  @Test
  void fuelEndsAnEndlessLoop() {
    RunReport report = call("spin", Guests.PLENTY.withFuel(1_000_000));
    assertThat(report.result())
        .isInstanceOfSatisfying(
            RunResult.LimitReached.class,
            r -> {
              assertThat(r.kind()).isEqualTo(LimitKind.FUEL);
              assertThat(r.limit()).isEqualTo(1_000_000);
              assertThat(r.frames()).isNotEmpty();
            });
    assertThat(report.fuel()).isBetween(999_900L, 1_000_000L);
  }

  @Test
  void fuelIsTheSameOnEveryRun() {
    long first = call("spin", Guests.PLENTY.withFuel(123_457)).fuel();
    assertThat(call("spin", Guests.PLENTY.withFuel(123_457)).fuel()).isEqualTo(first);
  }

  @Test
  void aDeadlineEndsAnEndlessLoop() {
    RunReport report = call("spin", Guests.PLENTY.withDeadlineNanos(20_000_000));
    assertThat(report.result())
        .isInstanceOfSatisfying(
            RunResult.LimitReached.class, r -> assertThat(r.kind()).isEqualTo(LimitKind.DEADLINE));
    assertThat(report.durationNanos()).isGreaterThanOrEqualTo(20_000_000);
  }

  @Test
  void callDepthEndsARecursion() {
    RunReport report = call("recurse", Guests.PLENTY.withCallDepth(500));
    assertThat(report.result())
        .isInstanceOfSatisfying(
            RunResult.LimitReached.class,
            r -> assertThat(r.kind()).isEqualTo(LimitKind.CALL_DEPTH));
  }

  @Test
  void anotherThreadCancelsARun() throws Exception {
    GuestInstance instance = guests.instance(trap);
    try (instance) {
      long number = instance.upcomingRun();
      Thread canceller = Thread.ofPlatform().start(() -> instance.cancel(number));
      RunReport report = instance.run(new TypedCall("spin", new long[0]), Guests.PLENTY);
      canceller.join();
      assertThat(report.result())
          .isInstanceOfSatisfying(
              RunResult.LimitReached.class,
              r -> assertThat(r.kind()).isEqualTo(LimitKind.CANCELLED));
    }
  }

  @Test
  void growthPastTheLimitAnswersMinusOneAndTheLimitIsHeldAtInstantiation() {
    RunReport grown = call("grow_all", Guests.PLENTY.withMemoryBytes(10 * 65_536));
    assertThat(((RunResult.Values) grown.result()).results()).containsExactly(10);
    assertThat(grown.memoryPeakBytes()).isEqualTo(10 * 65_536);

    RunReport refused = call("grow_all", Guests.PLENTY.withMemoryBytes(65_535));
    assertThat(refused.result())
        .isInstanceOfSatisfying(
            RunResult.LimitReached.class, r -> assertThat(r.kind()).isEqualTo(LimitKind.MEMORY));
  }

  @Test
  void growingATableInOneInstanceIsNotSeenInAnother() {
    assertThat(((RunResult.Values) call("table_grow_all", Guests.PLENTY).result()).results())
        .containsExactly(10_000);
    assertThat(((RunResult.Values) call("table_grow_all", Guests.PLENTY).result()).results())
        .containsExactly(10_000);
  }

  @Test
  void aResetInstanceAnswersAsAFreshOne() {
    try (GuestInstance instance = guests.instance(trap)) {
      for (int i = 0; i < 3; i++) {
        RunReport report = instance.run(new TypedCall("grow_all", new long[0]), Guests.PLENTY);
        assertThat(((RunResult.Values) report.result()).results()).containsExactly(256);
        assertThat(report.fuel()).isEqualTo(1_537);
        instance.reset();
        RunReport table = instance.run(new TypedCall("table_grow_all", new long[0]), Guests.PLENTY);
        assertThat(((RunResult.Values) table.result()).results()).containsExactly(10_000);
        instance.reset();
      }
    }
  }

  @Test
  void aCommandSeesItsRequestAndExitsWithItsCode() {
    RunReport page = guests.run(cgi, request("lang=en"), Guests.PLENTY);
    assertThat(page.result())
        .isInstanceOfSatisfying(
            RunResult.Exited.class,
            exited -> {
              assertThat(exited.exitCode()).isZero();
              assertThat(new String(exited.stdout(), StandardCharsets.UTF_8))
                  .contains("Hello, you!")
                  .contains("QUERY_STRING: lang=en")
                  .contains("BODY");
            });
    assertThat(guests.run(cgi, request("exit=7"), Guests.PLENTY).result())
        .isInstanceOfSatisfying(
            RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isEqualTo(7));
  }

  @Test
  void aCommandsTrapNamesItsFunctions() {
    RunReport report = guests.run(cgi, request("trap"), Guests.PLENTY);
    assertThat(report.result())
        .isInstanceOfSatisfying(
            RunResult.Trapped.class,
            r ->
                assertThat(r.frames().stream().map(WasmFrame::name))
                    .startsWith("trap_in_parser", "trap_in_handler", "trap_on_request"));
  }

  @Test
  void aGuestRefusesItsInputByAnsweringZero() {
    CompiledModule json = guests.guest("json_transform");
    byte[] broken = "{\"id\":".getBytes(StandardCharsets.UTF_8);
    assertThat(guests.run(json, new BytesCall("transform", broken), Guests.PLENTY).result())
        .isInstanceOf(RunResult.Refused.class);
  }

  @Test
  void everySlotIsBackWhenAllRunsHaveEnded() {
    call("recurse", Guests.PLENTY.withCallDepth(100));
    assertThat(guests.pool.stats().leased()).isZero();
    assertThat(guests.pool.stats().retired()).isZero();
  }
}
