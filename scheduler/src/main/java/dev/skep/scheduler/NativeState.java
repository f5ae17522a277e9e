package dev.skep.scheduler;

/**
 * How far a tenant's version is on its way to machine code.
 *
 * <pre>
 *   absent ─▶ queued ─▶ compiling ─▶ ready
 *               ▲           │  ├───▶ unsupported
 *               └───────────┘  └───▶ failed ─▶ queued, an hour later, at most twice
 *            its node has died, or
 *            what compiles was gone
 * </pre>
 */
public sealed interface NativeState {
  /** The longest reason, in characters. */
  int MOST_REASON_CHARS = 500;

  /** The state by the word that the API and the metrics use. */
  String word();

  /** Whether nothing more comes of itself. */
  default boolean isFinal() {
    return switch (this) {
      case Absent _, Queued _, Compiling _ -> false;
      case Ready _, Unsupported _, Failed _ -> true;
    };
  }

  /** Nobody has asked for it, or too few runs have. */
  record Absent() implements NativeState {
    @Override
    public String word() {
      return "absent";
    }
  }

  /** It waits for its tenant's turn. */
  record Queued() implements NativeState {
    @Override
    public String word() {
      return "queued";
    }
  }

  /** A node is at it. */
  record Compiling() implements NativeState {
    @Override
    public String word() {
      return "compiling";
    }
  }

  /** There is machine code. */
  record Ready() implements NativeState {
    @Override
    public String word() {
      return "ready";
    }
  }

  /**
   * The module uses what is not translated to machine code, and stays on tier 1.
   *
   * @param reason which feature
   */
  record Unsupported(String reason) implements NativeState {
    public Unsupported {
      reason = printable(reason);
    }

    @Override
    public String word() {
      return "unsupported";
    }
  }

  /**
   * Compiling did not work out.
   *
   * @param reason why
   */
  record Failed(String reason) implements NativeState {
    public Failed {
      reason = printable(reason);
    }

    @Override
    public String word() {
      return "failed";
    }
  }

  /** Only what can be shown and stored: reasons may quote the module. */
  private static String printable(String reason) {
    StringBuilder text = new StringBuilder();
    reason
        .codePoints()
        .limit(MOST_REASON_CHARS)
        .forEach(c -> text.append(c >= ' ' && c < 0x7F ? (char) c : '?'));
    return text.toString();
  }
}
