package dev.skep.engine;

/** An upload that is not run, and why. The message is for the tenant who uploaded it. */
public final class ModuleRefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Why a module is refused. */
  public enum Reason {
    /** The bytes do not begin as WebAssembly does. */
    NOT_WASM,
    /** A component or another layer, where a core module is expected. */
    NOT_A_MODULE,
    /** The bytes end early or do not decode. */
    MALFORMED,
    /** It decodes but breaks the standard's rules. */
    INVALID,
    /** It uses a proposal that is not run here. */
    UNSUPPORTED,
    /** It is larger in some way than a limit allows. */
    LIMIT,
    /** It imports something that nothing provides. */
    UNKNOWN_IMPORT,
  }

  private final Reason reason;

  ModuleRefusedException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  ModuleRefusedException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
