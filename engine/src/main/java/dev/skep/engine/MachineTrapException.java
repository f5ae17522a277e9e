package dev.skep.engine;

import java.util.List;

/** What ended machine code, with the guest's frames, which no Java stack has. */
final class MachineTrapException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient List<WasmFrame> frames;

  MachineTrapException(Throwable cause, List<WasmFrame> frames) {
    super(cause.getMessage(), cause, false, false);
    this.frames = List.copyOf(frames);
  }

  /** Innermost first. */
  List<WasmFrame> frames() {
    return frames;
  }
}
