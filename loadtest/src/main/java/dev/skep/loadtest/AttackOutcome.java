package dev.skep.loadtest;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.limits.LimitKind;
import dev.skep.loadtest.hostile.HostileOutcome;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;

/** What a node answers over HTTP to an attack, in words that can be compared. */
final class AttackOutcome {
  private static final String PROBLEM = "urn:skep:problem:";
  private static final String COMPLETED = "completed";
  private static final int MOST_OK = 299;

  private AttackOutcome() {}

  /** What it must answer. */
  static String declared(HostileOutcome outcome) {
    return switch (outcome) {
      case HostileOutcome.Refused refused -> refusal(refused.reason());
      case HostileOutcome.Trapped trapped -> "guest-trapped " + trapped.kind().word();
      case HostileOutcome.Limited limited -> limit(limited.kind());
      case HostileOutcome.Answered _, HostileOutcome.Output _ -> COMPLETED;
      case HostileOutcome.InputRefused _ -> "input-refused";
      case HostileOutcome.Exited exited ->
          exited.code() == 0 ? COMPLETED : "guest-exited " + exited.code();
      case HostileOutcome.HostFailure _ -> "internal";
    };
  }

  private static String refusal(Reason reason) {
    return switch (reason) {
      case NOT_WASM -> "not-wasm";
      case NOT_A_MODULE -> "not-a-module";
      case MALFORMED -> "malformed-module";
      case INVALID -> "invalid-module";
      case UNSUPPORTED -> "unsupported-feature";
      case LIMIT -> "module-limit";
      case UNKNOWN_IMPORT -> "unknown-import";
    };
  }

  private static String limit(LimitKind kind) {
    return switch (kind) {
      case FUEL -> "out-of-fuel fuel";
      case DEADLINE -> "deadline-exceeded deadlineNanos";
      default -> "limit-exceeded " + kind.field();
    };
  }

  /** What it has answered: the problem's type and what sort it is of. */
  static String seen(NodeClient.Answer answer) {
    if (answer.status() <= MOST_OK) {
      return COMPLETED;
    }
    try {
      JsonObject problem = answer.body().toJsonObject();
      String type = problem.getString("type", "").replace(PROBLEM, "");
      // Too large for the request is the same refusal, told earlier.
      return switch (type) {
        case "body-too-large" -> "module-limit";
        case "guest-trapped" -> type + " " + problem.getString("trap");
        case "guest-exited" -> type + " " + problem.getLong("exitCode");
        case "out-of-fuel", "deadline-exceeded", "limit-exceeded" ->
            type + " " + problem.getString("limit");
        default -> type;
      };
    } catch (DecodeException | ClassCastException e) {
      return "status " + answer.status();
    }
  }

  /** Whether the node turned it away because it had too much to do. */
  static boolean isBusy(NodeClient.Answer answer) {
    return answer.status() == 429 || answer.status() == 503;
  }

  /** Whether the service failed, rather than the guest. */
  static boolean isHostFailure(NodeClient.Answer answer) {
    return answer.status() == 500;
  }
}
