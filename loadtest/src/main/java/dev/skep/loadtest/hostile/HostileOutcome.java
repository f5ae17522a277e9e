package dev.skep.loadtest.hostile;

import dev.skep.engine.ModuleRefusedException.Reason;
import dev.skep.engine.RunResult;
import dev.skep.engine.TrapKind;
import dev.skep.limits.LimitKind;
import dev.skep.scheduler.ModuleDigest;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** How an attack ended, or must end. Compared as values. */
public sealed interface HostileOutcome {
  /** Bytes of an answer that are compared one by one. */
  int MOST_SHOWN = 256;

  /** The upload, or its compilation, was refused. */
  record Refused(Reason reason) implements HostileOutcome {}

  /** The guest trapped, with this message. */
  record Trapped(TrapKind kind, String message) implements HostileOutcome {}

  /** The run, or its instantiation, ended at a limit. */
  record Limited(LimitKind kind) implements HostileOutcome {}

  /** A typed call came back with these raw bits. */
  record Answered(List<Long> values) implements HostileOutcome {}

  /** A bytes call answered these, as {@link #shown} shows them. */
  record Output(String bytes) implements HostileOutcome {}

  /** A bytes call refused its input. */
  record InputRefused() implements HostileOutcome {}

  /** A command ended, having written this, as {@link #shown} shows it. */
  record Exited(int code, String stdout) implements HostileOutcome {}

  /** The host failed, which no kind may bring about. */
  record HostFailure(String what) implements HostileOutcome {}

  static HostileOutcome refused(Reason reason) {
    return new Refused(reason);
  }

  /** A trap whose message is the standard's phrase alone. */
  static HostileOutcome trapped(TrapKind kind) {
    return new Trapped(kind, kind.phrase());
  }

  static HostileOutcome limited(LimitKind kind) {
    return new Limited(kind);
  }

  static HostileOutcome answered(long... values) {
    return new Answered(Arrays.stream(values).boxed().toList());
  }

  static HostileOutcome exited(int code, byte[] stdout) {
    return new Exited(code, shown(stdout));
  }

  /** In hexadecimal if there are few, else their number and digest. */
  static String shown(byte[] bytes) {
    if (bytes.length <= MOST_SHOWN) {
      return HexFormat.of().formatHex(bytes);
    }
    return bytes.length + " bytes, " + ModuleDigest.of(bytes);
  }

  static HostileOutcome exited(int code, String stdout) {
    return exited(code, stdout.getBytes(StandardCharsets.UTF_8));
  }

  /** How a run has ended. */
  static HostileOutcome of(RunResult result) {
    return switch (result) {
      case RunResult.Values values -> answered(values.results());
      case RunResult.Bytes bytes -> new Output(shown(bytes.output()));
      case RunResult.Refused _ -> new InputRefused();
      case RunResult.Exited exited -> exited(exited.exitCode(), exited.stdout());
      case RunResult.Trapped trapped -> new Trapped(trapped.kind(), trapped.message());
      case RunResult.LimitReached reached -> new Limited(reached.kind());
      case RunResult.HostFailed failed -> new HostFailure(failed.message());
    };
  }
}
