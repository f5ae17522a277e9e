package dev.skep.engine;

/** What came of putting a module's machine code to use. */
public sealed interface MachineLoad {
  /**
   * Instances that are built from now on run as machine code.
   *
   * @param module they are of
   */
  record Loaded(CompiledModule module) implements MachineLoad {}

  /** Why machine code is not put to use. */
  enum Reason {
    /** It is of another module or compiler, or does not fit: it is to be thrown away. */
    UNFIT,
    /** There is no room for it in the process, or the kernel refused: it may be tried later. */
    NO_ROOM
  }

  /**
   * The module runs on as it did.
   *
   * @param message what is wrong, for a log
   */
  record Refused(Reason reason, String message) implements MachineLoad {}
}
