package dev.skep.scheduler;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Engine;
import dev.skep.engine.EngineConfig;
import dev.skep.engine.Invocation;
import dev.skep.engine.ModuleRefusedException;
import dev.skep.engine.RunResult;
import dev.skep.engine.WasiTree;
import dev.skep.engine.WasiWorld;
import dev.skep.limits.ScratchGrant;
import dev.skep.limits.WasiGrants;
import dev.skep.scheduler.Node.Answer;
import dev.skep.scheduler.Receipt.Outcome;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A tenant's runs share its part of the node's scratch space, whatever function they are of. */
class ScratchShareTest {
  /** Of a node that has a MiB. */
  private static final int PERCENT = 25;

  private static final int PART = (1 << 20) * PERCENT / 100;

  private static final WasiWorld SCRATCH =
      new WasiWorld(
          WasiGrants.NONE.withScratch(new ScratchGrant("/tmp", 1 << 20, 10)), WasiTree.EMPTY);

  private final Engine engine = new Engine(EngineConfig.DEFAULTS.withScratch(1 << 20, PERCENT));
  private final CompiledModule journal = compile();

  private CompiledModule compile() {
    try {
      return engine.compile(Node.guest("journal"));
    } catch (ModuleRefusedException e) {
      throw new AssertionError(e);
    }
  }

  /** A run that writes so many bytes, then ends so. */
  private RunRequest fill(String tenant, String function, int bytes, String end) {
    Node.Ask ask = new Node.Ask("_start").tenant(tenant).function(function);
    ask.module = journal;
    ask.invocation =
        new Invocation.CommandRun(
            List.of("journal", "fill", "/tmp", Integer.toString(bytes), end),
            Map.of(),
            new byte[0]);
    RunRequest request = ask.request();
    return new RunRequest(
        request.id(),
        request.tenant(),
        request.function(),
        request.version(),
        request.module(),
        request.invocation(),
        request.limits(),
        request.tenantLimits(),
        SCRATCH,
        true);
  }

  private static Answer run(Node node, RunRequest request) {
    Answer answer = new Answer();
    node.scheduler.submit(request, answer);
    return answer.await();
  }

  private static void assertNoSpace(Answer answer) {
    assertThat(answer.outcome()).isEqualTo(Outcome.EXITED);
    assertThat(answer.report)
        .isNotNull()
        .satisfies(report -> {
          assertThat(report.result())
              .isInstanceOfSatisfying(
                  RunResult.Exited.class, exited -> assertThat(exited.exitCode()).isEqualTo(1));
          assertThat(new String(report.stderr(), UTF_8)).isEqualTo("fd_write: 51\n");
        });
  }

  @Test
  void oneTenantsRunsDoNotKeepAnothersFromWriting() {
    try (Node node = new Node(SchedulerConfig.DEFAULTS.withWorkers(3), 16)) {
      assertThat(run(node, fill("greedy", "f", 200_000, "return")).outcome())
          .isEqualTo(Outcome.COMPLETED);
      Answer held = new Answer();
      RunTicket holds = node.scheduler.submit(fill("greedy", "f", 200_000, "spin"), held);
      while (engine.scratch().usedBytes() < 200_000 && !held.isHeard()) {
        Thread.onSpinWait();
      }
      assertThat(held.isHeard()).isFalse();

      assertNoSpace(run(node, fill("greedy", "g", 100_000, "return")));
      assertThat(engine.scratch().refusedOfTenant()).isPositive();
      assertThat(run(node, fill("greedy", "g", 50_000, "return")).outcome())
          .as("what is left of its part")
          .isEqualTo(Outcome.COMPLETED);
      assertThat(run(node, fill("other", "f", 200_000, "return")).outcome())
          .isEqualTo(Outcome.COMPLETED);
      assertThat(run(node, fill("other", "f", 200_000, "trap")).outcome())
          .isEqualTo(Outcome.TRAPPED);
      assertNoSpace(run(node, fill("other", "f", PART, "return")));

      holds.cancel();
      assertThat(held.await().outcome()).isEqualTo(Outcome.CANCELLED);
      assertThat(run(node, fill("greedy", "g", 200_000, "return")).outcome())
          .as("all was given back")
          .isEqualTo(Outcome.COMPLETED);
      assertThat(engine.scratch().usedBytes()).isZero();
      assertThat(engine.scratch().refusedInAll()).isZero();
    }
  }
}
