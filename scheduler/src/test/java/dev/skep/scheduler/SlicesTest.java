package dev.skep.scheduler;

import static dev.skep.scheduler.Node.endless;
import static dev.skep.scheduler.Node.quick;
import static dev.skep.scheduler.Node.tenantLimits;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.RunReport;
import dev.skep.engine.RunResult;
import dev.skep.limits.StoreLimits;
import dev.skep.scheduler.Node.Answer;
import dev.skep.scheduler.Node.Ask;
import dev.skep.scheduler.Receipt.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Long runs give up their worker, and neither their neighbours nor they themselves suffer. */
@Timeout(120)
class SlicesTest {
  private static final long SEED = Long.getLong("skep.seed", System.nanoTime());

  static {
    System.out.println("SlicesTest -Dskep.seed=" + SEED);
  }

  private static final SchedulerConfig ONE_WORKER =
      Node.ONE_WORKER.withTurnNanos(SchedulerConfig.DEFAULTS.turnNanos());

  private static final CompiledModule FIB = compile(Node.guest("fib"));

  /** {@code deep(n)}: calls itself n times, then loops for ever. */
  private static final CompiledModule DEEP =
      compile(
          hex(
              "0061736d01000000" // header
                  + "0105"
                  + "0160017f00" // (i32) -> ()
                  + "0302"
                  + "0100"
                  + "0708"
                  + "01"
                  + "0464656570"
                  + "0000" // export "deep"
                  + "0a16"
                  + "0114"
                  + "00"
                  + "20000440" // local.get 0, if
                  + "200041016b1000" // deep(n - 1)
                  + "05"
                  + "03400c000b" // else loop br 0 end
                  + "0b0b"));

  /** A module whose initialiser never ends. */
  private static final CompiledModule STUCK =
      compile(
          hex(
              "0061736d01000000"
                  + "0104"
                  + "01600000"
                  + "0302"
                  + "0100"
                  + "0714"
                  + "01"
                  + "1077697a65722d696e697469616c697a65"
                  + "0000"
                  + "0a09"
                  + "0107"
                  + "00"
                  + "03400c000b"
                  + "0b"));

  private static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits);
  }

  private static CompiledModule compile(byte[] bytes) {
    try {
      return new Engine(EngineConfig.DEFAULTS).compile(bytes);
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
  }

  private static Ask fib(int n) {
    Ask ask = new Ask("fib", n).function("fib");
    ask.module = FIB;
    return ask;
  }

  private static Ask deep(int n) {
    Ask ask =
        new Ask("deep", n)
            .function("deep")
            .limits(Node.LIMITS.withCallDepth(StoreLimits.MAX_CALL_DEPTH));
    ask.module = DEEP;
    return ask;
  }

  private static long fibonacci(int n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
  }

  private static long value(Answer answer) {
    RunReport report = answer.await().report;
    if (report != null && report.result() instanceof RunResult.Values values) {
      return values.results()[0];
    }
    throw new AssertionError("it ended as " + (report == null ? answer.refusal : report.result()));
  }

  /** Counts the guests that execute. */
  private static final class Executing extends Node.Listener {
    final AtomicInteger now = new AtomicInteger();
    final AtomicInteger most = new AtomicInteger();

    private void more() {
      most.accumulateAndGet(now.incrementAndGet(), Math::max);
    }

    @Override
    public void started(TenantId tenant, long waitedNanos) {
      super.started(tenant, waitedNanos);
      more();
    }

    @Override
    public void yielded(TenantId tenant) {
      now.decrementAndGet();
    }

    @Override
    public void resumed(TenantId tenant) {
      more();
    }

    @Override
    public void ended(Receipt receipt) {
      now.decrementAndGet();
    }
  }

  private static void until(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      Thread.onSpinWait();
    }
  }

  /** Runs that are under way, most of them aside. */
  private static final class Loops {
    final List<Answer> answers = new ArrayList<>();
    final List<RunTicket> tickets = new ArrayList<>();

    Loops(Node node, int count, boolean oneTenant) {
      for (int i = 0; i < count; i++) {
        Answer answer = new Answer();
        answers.add(answer);
        Ask ask = endless().tenant(oneTenant ? "loops" : "loops" + i);
        tickets.add(node.scheduler.submit(ask.request(), answer));
      }
    }

    void cancel() {
      tickets.forEach(RunTicket::cancel);
    }

    void areCancelled() {
      assertThat(answers)
          .allSatisfy(answer -> {
            assertThat(answer.outcome()).isEqualTo(Outcome.CANCELLED);
            assertThat(answer.calls).hasValue(1);
          });
    }
  }

  @Test
  void endlessLoopsOnAllWorkersLetOthersPass() {
    try (Node node = new Node(ONE_WORKER.withWorkers(2), 32)) {
      Loops loops = new Loops(node, 8, true);
      until(() -> node.scheduler.stats().aside() >= 6);
      for (int i = 0; i < 100; i++) {
        assertThat(node.submit(quick().tenant("short")).outcome()).isEqualTo(Outcome.COMPLETED);
      }
      assertThat(loops.answers).noneMatch(Answer::isHeard);
      assertThat(node.scheduler.stats().yields()).isPositive();
      assertThat(node.scheduler.stats().yieldsRefused()).isZero();
      loops.cancel();
      loops.areCancelled();
    }
  }

  @Test
  void aTenantsOwnShortRunsPassItsLoops() {
    try (Node node = new Node(ONE_WORKER, 32)) {
      Loops loops = new Loops(node, 4, true);
      for (int i = 0; i < 20; i++) {
        assertThat(node.submit(quick().tenant("loops")).outcome()).isEqualTo(Outcome.COMPLETED);
      }
      loops.cancel();
      loops.areCancelled();
    }
  }

  @Test
  void aRunAloneIsNeverPutAside() {
    try (Node node = new Node(ONE_WORKER, 4)) {
      for (int i = 0; i < 5; i++) {
        assertThat(value(node.submit(fib(25)))).isEqualTo(fibonacci(25));
      }
      assertThat(node.scheduler.stats().yields()).isZero();
      assertThat(node.scheduler.threads()).as("one a level").isEqualTo(2);
    }
  }

  @Test
  void runsThatWerePutAsideGiveTheSameAnswersForTheSameFuel() {
    try (Node node = new Node(ONE_WORKER, 32)) {
      long fuel = node.submit(fib(27)).awaitReceipt().fuel();
      assertThat(node.scheduler.stats().yields()).isZero();
      List<Answer> answers = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        answers.add(node.submit(fib(27).tenant("t" + i % 6)));
      }
      for (Answer answer : answers) {
        assertThat(value(answer)).isEqualTo(fibonacci(27));
        assertThat(answer.awaitReceipt().fuel()).isEqualTo(fuel);
      }
      assertThat(node.scheduler.stats().yields()).isPositive();
      assertThat(node.scheduler.activity().stream().mapToLong(TenantActivity::yields).sum())
          .isEqualTo(node.scheduler.stats().yields());
    }
  }

  @Test
  void runsThatAreAsideAreCancelled() {
    try (Node node = new Node(ONE_WORKER, 64)) {
      Loops loops = new Loops(node, 40, false);
      until(() -> node.scheduler.stats().aside() >= 39);
      loops.cancel();
      loops.areCancelled();
      assertThat(node.scheduler.stats().aside()).isZero();
      assertThat(node.submit(quick()).outcome()).isEqualTo(Outcome.COMPLETED);
    }
  }

  @Test
  void deadlinesEndRunsThatTakeTurns() {
    try (Node node = new Node(ONE_WORKER, 64)) {
      List<Answer> answers = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        answers.add(
            node.submit(
                endless().tenant("t" + i).limits(Node.LIMITS.withDeadlineNanos(20_000_000))));
      }
      assertThat(answers)
          .allSatisfy(answer -> {
            assertThat(answer.outcome()).isEqualTo(Outcome.DEADLINE);
            assertThat(answer.awaitReceipt().durationNanos()).isGreaterThanOrEqualTo(20_000_000);
          });
      assertThat(node.scheduler.stats().yields()).isPositive();
    }
  }

  @Test
  void aDrainWaitsForRunsThatAreAside() throws InterruptedException {
    try (Node node = new Node(ONE_WORKER, 32)) {
      Loops loops = new Loops(node, 3, false);
      until(() -> node.scheduler.stats().aside() >= 2);
      Answer counted = node.submit(fib(20).tenant("counted"));
      assertThat(node.scheduler.drain(Duration.ofMillis(20))).isFalse();
      loops.cancel();
      assertThat(node.scheduler.drain(Duration.ofSeconds(60))).isTrue();
      assertThat(value(counted)).isEqualTo(fibonacci(20));
      loops.areCancelled();
      assertThat(node.scheduler.stats().running()).isZero();
    }
  }

  @Test
  void aCloseEndsRunsThatAreAsideAndLeavesNoThread() {
    Node node = new Node(ONE_WORKER.withWorkers(2), 32);
    Loops loops = new Loops(node, 12, false);
    until(() -> node.scheduler.stats().running() == 12 && node.scheduler.stats().aside() >= 10);
    node.close();
    loops.areCancelled();
    assertThat(node.scheduler.threads()).isZero();
    assertThat(node.scheduler.stats().aside()).isZero();
    assertThat(node.scheduler.stats().running()).isZero();
    assertThat(node.pool.stats().leased()).isZero();
  }

  @Test
  void runsWithDeepStacksAreAsideTooAndBounded() {
    try (Node node = new Node(ONE_WORKER, 32)) {
      List<RunTicket> tickets = new ArrayList<>();
      List<Answer> answers = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        Answer answer = new Answer();
        answers.add(answer);
        tickets.add(node.scheduler.submit(deep(60_000).tenant("deep").request(), answer));
      }
      // 60,000 calls are counted with 30 MB of stack each. All begin while they are shallow; at the
      // tenant's part all stay as they are but those that execute, one at each level.
      long part = Workers.MOST_ASIDE_STACK_BYTES / Workers.TENANT_PART;
      long deepest = 60_001L * StoreLimits.STACK_BYTES_PER_CALL;
      until(() -> node.scheduler.asideStackBytes() >= part);
      for (int i = 0; i < 40; i++) {
        assertThat(node.submit(quick().tenant("short")).outcome()).isEqualTo(Outcome.COMPLETED);
        assertThat(node.scheduler.asideStackBytes()).isLessThan(part + 2 * deepest);
      }
      assertThat(node.scheduler.stats().yieldsRefused()).isZero();
      tickets.forEach(RunTicket::cancel);
      assertThat(answers)
          .allSatisfy(answer -> assertThat(answer.outcome()).isEqualTo(Outcome.CANCELLED));
    }
  }

  @Test
  void anInitialiserThatNeverEndsLetsOthersPassAndIsCancelled() {
    try (Node node = new Node(ONE_WORKER, 32)) {
      List<RunTicket> tickets = new ArrayList<>();
      List<Answer> answers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        Ask ask = new Ask("wizer-initialize").tenant("stuck" + i).function("stuck");
        ask.module = STUCK;
        Answer answer = new Answer();
        answers.add(answer);
        tickets.add(node.scheduler.submit(ask.request(), answer));
      }
      for (int i = 0; i < 20; i++) {
        assertThat(node.submit(quick().tenant("short")).outcome()).isEqualTo(Outcome.COMPLETED);
      }
      tickets.forEach(RunTicket::cancel);
      assertThat(answers)
          .allSatisfy(answer -> assertThat(answer.outcome()).isEqualTo(Outcome.CANCELLED));
    }
  }

  @Test
  void manyTenantsAndLengthsOnFewWorkers() {
    int workers = 3;
    Random random = new Random(SEED);
    Executing executing = new Executing();
    Node node =
        new Node(
            ONE_WORKER.withWorkers(workers).withQueueCapacity(100_000),
            400,
            new Node.Receipts(),
            executing);
    List<Answer> fibs = new ArrayList<>();
    List<Integer> arguments = new ArrayList<>();
    List<Answer> loops = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      String tenant = "t" + random.nextInt(20);
      if (random.nextInt(10) == 0) {
        Answer answer = new Answer();
        long fuel = 1 + random.nextLong(20_000_000);
        Ask ask = endless().tenant(tenant).limits(Node.LIMITS.withFuel(fuel));
        RunTicket ticket =
            node.scheduler.submit(ask.tenantLimits(tenantLimits(8, 2_000)).request(), answer);
        loops.add(answer);
        if (random.nextBoolean()) {
          ticket.cancel();
        }
      } else {
        int n = random.nextInt(24);
        arguments.add(n);
        fibs.add(node.submit(fib(n).tenant(tenant).tenantLimits(tenantLimits(8, 2_000))));
      }
    }
    for (int i = 0; i < fibs.size(); i++) {
      assertThat(value(fibs.get(i))).as("seed " + SEED).isEqualTo(fibonacci(arguments.get(i)));
    }
    assertThat(loops)
        .allSatisfy(
            answer -> assertThat(answer.outcome()).isIn(Outcome.OUT_OF_FUEL, Outcome.CANCELLED));
    assertThat(executing.most)
        .as("as many in front as at the back, seed " + SEED)
        .hasValueLessThanOrEqualTo(2 * workers);
    assertThat(node.scheduler.stats().yields()).isPositive();
    assertThat(node.scheduler.stats().yieldsRefused()).isZero();
    node.close();
    assertThat(executing.now).hasValue(0);
    assertThat(node.scheduler.threads()).isZero();
    assertThat(node.receiptList()).hasSize(1_000);
    assertThat(node.pool.stats().leased()).isZero();
    assertThat(node.pool.stats().retired()).isZero();
  }

  @Test
  void closingWhileRunsTakeTurnsAnswersThemAll() {
    for (int round = 0; round < 10; round++) {
      Random random = new Random(SEED + round);
      Node node = new Node(ONE_WORKER.withWorkers(2), 64);
      List<Answer> answers = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        Ask ask = random.nextInt(3) == 0 ? endless() : fib(random.nextInt(24));
        answers.add(node.submit(ask.tenant("t" + random.nextInt(9))));
      }
      if (random.nextBoolean()) {
        until(() -> node.scheduler.stats().yields() > 0);
      }
      node.close();
      assertThat(answers).allSatisfy(answer -> assertThat(answer.await().calls).hasValue(1));
      assertThat(node.scheduler.threads()).as("seed " + SEED).isZero();
      assertThat(node.scheduler.stats().running()).isZero();
    }
  }
}
