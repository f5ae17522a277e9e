package dev.skep.engine;

import dev.skep.limits.LimitKind;
import java.util.List;

/** How a run ended. */
public sealed interface RunResult {

  /**
   * A typed call came back.
   *
   * @param results raw bits, one a result; those of 32 bits zero-extended
   * @param signature of the function
   */
  record Values(long[] results, Signature signature) implements RunResult {}

  /** A bytes call answered. */
  record Bytes(byte[] output) implements RunResult {}

  /** A bytes call answered 0: the guest refuses the input. */
  record Refused() implements RunResult {}

  /**
   * A command ended by itself.
   *
   * @param exitCode 0 for success
   * @param stdout what it wrote
   */
  record Exited(int exitCode, byte[] stdout) implements RunResult {}

  /**
   * The guest trapped.
   *
   * @param kind why
   * @param message of the engine, printable
   * @param frames where, innermost first, at most 64
   */
  record Trapped(TrapKind kind, String message, List<WasmFrame> frames) implements RunResult {}

  /**
   * The store reached a limit.
   *
   * @param kind which
   * @param limit its value, in the limit's unit
   * @param message what happened
   * @param frames where, innermost first, at most 64
   */
  record LimitReached(LimitKind kind, long limit, String message, List<WasmFrame> frames)
      implements RunResult {}

  /** The host failed; the cause has been logged and the slot is not used again as it is. */
  record HostFailed(String message) implements RunResult {}
}
