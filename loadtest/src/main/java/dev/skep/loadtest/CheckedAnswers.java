package dev.skep.loadtest;

import io.vertx.core.buffer.Buffer;
import org.jspecify.annotations.Nullable;

/** Counts right and wrong answers and keeps the first that was wrong. Confined to one thread. */
final class CheckedAnswers {
  private final Buffer expected;
  private long right;
  private long wrong;
  private String firstWrong = "";

  CheckedAnswers(byte[] expected) {
    this.expected = Buffer.buffer(expected);
  }

  /** Whether the answer is 200 and, byte for byte, the one expected. */
  boolean judge(NodeClient.@Nullable Answer answer, @Nullable Throwable failure) {
    if (answer != null && answer.status() == 200 && answer.body().equals(expected)) {
      right++;
      return true;
    }
    wrong++;
    if (firstWrong.isEmpty()) {
      firstWrong = answer == null ? String.valueOf(failure) : answer.explained();
    }
    return false;
  }

  long right() {
    return right;
  }

  long wrong() {
    return wrong;
  }

  /** What the first wrong answer was, or an empty text. */
  String firstWrong() {
    return firstWrong;
  }
}
