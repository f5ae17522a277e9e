package dev.skep.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.hostile.HostileOutcome;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class AttackOutcomeTest {
  private static NodeClient.Answer answer(int status, String type, String more) {
    return new NodeClient.Answer(
        status, Buffer.buffer("{\"type\":\"urn:skep:problem:" + type + "\"" + more + "}"), -1);
  }

  private static void same(HostileOutcome declared, NodeClient.Answer answer) {
    assertThat(AttackOutcome.seen(answer)).isEqualTo(AttackOutcome.declared(declared));
  }

  @Test
  void whatIsDeclaredIsToldFromWhatIsAnswered() {
    same(HostileOutcome.refused(Reason.INVALID), answer(422, "invalid-module", ""));
    same(HostileOutcome.refused(Reason.LIMIT), answer(422, "module-limit", ""));
    same(HostileOutcome.refused(Reason.LIMIT), answer(413, "body-too-large", ""));
    same(
        HostileOutcome.trapped(TrapKind.INTEGER_OVERFLOW),
        answer(502, "guest-trapped", ",\"trap\":\"integer-overflow\""));
    same(HostileOutcome.limited(LimitKind.FUEL), answer(502, "out-of-fuel", ",\"limit\":\"fuel\""));
    same(
        HostileOutcome.limited(LimitKind.CALL_DEPTH),
        answer(502, "limit-exceeded", ",\"limit\":\"callDepth\""));
    same(HostileOutcome.exited(7, ""), answer(502, "guest-exited", ",\"exitCode\":7"));
    same(HostileOutcome.answered(1), new NodeClient.Answer(200, Buffer.buffer("{}"), 1));
  }

  @Test
  void anotherEndIsAnotherWord() {
    String declared = AttackOutcome.declared(HostileOutcome.trapped(TrapKind.UNREACHABLE));
    assertThat(
            List.of(
                answer(502, "guest-trapped", ",\"trap\":\"integer-overflow\""),
                answer(500, "internal", ""),
                new NodeClient.Answer(502, Buffer.buffer("no JSON"), -1),
                new NodeClient.Answer(200, Buffer.buffer("{}"), 1)))
        .extracting(AttackOutcome::seen)
        .doesNotContain(declared);
  }

  @Test
  void busyAndFailedAreToldApart() {
    assertThat(AttackOutcome.isBusy(answer(429, "too-many-requests", ""))).isTrue();
    assertThat(AttackOutcome.isBusy(answer(503, "unavailable", ""))).isTrue();
    assertThat(AttackOutcome.isBusy(answer(500, "internal", ""))).isFalse();
    assertThat(AttackOutcome.isHostFailure(answer(500, "internal", ""))).isTrue();
    assertThat(AttackOutcome.isHostFailure(answer(502, "guest-trapped", ""))).isFalse();
  }

  @Test
  void newThreadsAreCountedByName() {
    Census before = new Census(List.of("a", "b", "b"), 10, 0, 0);
    Census after = new Census(List.of("a", "b", "b", "b", "c"), 10, 0, 0);
    assertThat(after.newThreads(before)).containsExactly("b", "c");
    assertThat(before.newThreads(after)).isEmpty();
  }

  @Test
  void aCensusFindsThisThreadAndTheStandardStreams() throws InterruptedException {
    CountDownLatch end = new CountDownLatch(1);
    Thread worker =
        Thread.ofPlatform()
            .name("skep-worker-7")
            .start(() -> {
              try {
                end.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    Census census = Census.take();
    assertThat(census.threads())
        .contains(Thread.currentThread().getName())
        .doesNotContain("skep-worker-7");
    assertThat(Census.workers()).contains("skep-worker-7");
    end.countDown();
    worker.join();
    assertThat(Census.workers()).doesNotContain("skep-worker-7");
    assertThat(census.fileDescriptors()).isGreaterThan(2);
    assertThat(census.metaspaceBytes()).isPositive();
  }
}
