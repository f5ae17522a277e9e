package dev.skep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Checks wait for their turn, and nobody is turned away while there is one to come. */
@Timeout(120)
class CheckThreadsTest {
  private static final int CALLERS = 2 * CheckThreads.MOST;
  private static final int CHECKS = 2_000;
  private static final long BUDGET_NANOS = 1_000_000_000;

  /**
   * Threads that check stand behind all others, so that where processors are short one that is done
   * may be long in coming back for the next check.
   */
  @Test
  void nobodyIsTurnedAwayWhileProcessorsAreBusy() throws Exception {
    CheckThreads threads = new CheckThreads();
    AtomicBoolean enough = new AtomicBoolean();
    int busy = 2 * Runtime.getRuntime().availableProcessors();
    try (ExecutorService all = Executors.newFixedThreadPool(busy + CALLERS)) {
      try {
        for (int i = 0; i < busy; i++) {
          var _ =
              all.submit(() -> {
                while (!enough.get()) {
                  Thread.onSpinWait();
                }
              });
        }
        List<Future<Integer>> callers = new ArrayList<>();
        for (int i = 0; i < CALLERS; i++) {
          callers.add(
              all.submit(() -> {
                int done = 0;
                for (int k = 0; k < CHECKS; k++) {
                  done += threads.run(() -> 1, BUDGET_NANOS);
                }
                return done;
              }));
        }
        for (Future<Integer> caller : callers) {
          assertThat(caller.get()).isEqualTo(CHECKS);
        }
      } finally {
        enough.set(true);
      }
    }
  }
}
