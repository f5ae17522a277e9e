package dev.skep.engine;

import com.dylibso.chicory.wasm.ChicoryException;
import dev.skep.limits.LimitExceededException;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Turns what was thrown through a guest into a typed result. */
final class Traps {
  private static final Logger LOG = LoggerFactory.getLogger(Traps.class);
  private static final int MOST_FRAMES = 64;

  private Traps() {}

  static RunResult result(CompiledModule module, Throwable thrown) {
    Throwable cause = thrown.getCause();
    return thrown instanceof MachineTrapException machine && cause != null
        ? result(cause, machine.frames())
        : result(thrown, frames(module, thrown));
  }

  private static RunResult result(Throwable thrown, List<WasmFrame> frames) {
    return switch (thrown) {
      case LimitExceededException limit ->
          new RunResult.LimitReached(limit.kind(), limit.limit(), message(limit), frames);
      case GuestAnswerException answer ->
          new RunResult.Trapped(TrapKind.BAD_ANSWER, message(answer), List.of());
      case SnapshotRefusedException refused ->
          new RunResult.Trapped(TrapKind.NO_SNAPSHOT, message(refused), frames);
      case ChicoryException trap -> trapped(message(trap), frames);
      case StackOverflowError _ ->
          new RunResult.Trapped(
              TrapKind.CALL_STACK_EXHAUSTED, TrapKind.CALL_STACK_EXHAUSTED.phrase(), frames);
      default -> {
        LOG.atError().setCause(thrown).log("a run failed in the host");
        yield new RunResult.HostFailed("the run failed in the host; it has been logged");
      }
    };
  }

  private static RunResult trapped(String message, List<WasmFrame> frames) {
    TrapKind kind = TrapKind.ofMessage(message);
    // The engine has words of its own for some traps; tenants are told the standard's.
    String said =
        kind == TrapKind.OTHER || message.startsWith(kind.phrase()) ? message : kind.phrase();
    return new RunResult.Trapped(kind, Printable.of(said), frames);
  }

  private static String message(Throwable trap) {
    String message = trap.getMessage();
    return message == null ? TrapKind.OTHER.phrase() : message;
  }

  /** The guest's frames, which are the generated methods called {@code func_N}. */
  private static List<WasmFrame> frames(CompiledModule module, Throwable thrown) {
    List<WasmFrame> frames = new ArrayList<>();
    for (StackTraceElement element : thrown.getStackTrace()) {
      String method = element.getMethodName();
      if (element.getClassName().startsWith(LocalCompiler.GUEST_CLASS)
          && method.startsWith("func_")) {
        int function = Integer.parseInt(method.substring("func_".length()));
        if (function < module.functions()) {
          frames.add(new WasmFrame(function, module.nameOf(function)));
          if (frames.size() == MOST_FRAMES) {
            break;
          }
        }
      }
    }
    return frames;
  }
}
