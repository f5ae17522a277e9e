package dev.skep.engine;

import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.engine.cranelift.Target;
import dev.skep.limits.FuelCosts;
import java.util.Locale;
import java.util.Optional;

/** Which machine code this process can run, if any. */
public final class MachineTarget {
  private MachineTarget() {}

  /**
   * Has code run on a processor that it was only ever emulated for. Without it a node would be the
   * first to try what its tenants are kept apart by.
   */
  private static final String UNTRIED = "skep.untried";

  /** Why there is no machine code on this node, if that is so. */
  public static Optional<String> unavailable() {
    return unavailable(system(), processor(), Boolean.getBoolean(UNTRIED));
  }

  /**
   * The same of any system.
   *
   * @param system as the JVM names it
   * @param processor as the JVM names it
   * @param untried whether to run what no processor has run yet
   */
  static Optional<String> unavailable(String system, String processor, boolean untried) {
    Optional<Target> target = target(processor);
    if (!system.toLowerCase(Locale.ROOT).equals("linux") || target.isEmpty()) {
      return Optional.of(
          "machine code is made for Linux on x86-64; this is "
              + Printable.of(system)
              + " on "
              + Printable.of(processor));
    }
    return switch (target.get()) {
      case X86_64 -> Optional.empty();
      case AARCH64 ->
          untried
              ? Optional.empty()
              : Optional.of(
                  "machine code for aarch64 has only been run in an emulator, and on no processor"
                      + " yet; -D"
                      + UNTRIED
                      + "=true has it run all the same, for tests");
    };
  }

  private static String system() {
    return System.getProperty("os.name", "");
  }

  private static String processor() {
    return System.getProperty("os.arch", "");
  }

  private static Optional<Target> target(String processor) {
    return switch (processor) {
      case "amd64", "x86_64" -> Optional.of(Target.X86_64);
      case "aarch64" -> Optional.of(Target.AARCH64);
      default -> Optional.empty();
    };
  }

  /** What this process makes code for; where it can run none, x86-64. */
  static Target target() {
    return target(processor()).orElse(Target.X86_64);
  }

  /** Of the machine code that this process makes and runs. */
  public static CompilerKey key() {
    return key(true);
  }

  /**
   * The same.
   *
   * @param metering whether code is charged for
   */
  static CompilerKey key(boolean metering) {
    // No features: the code uses what every processor of the kind has.
    return new CompilerKey(
        ModuleCompiler.VERSION + (metering ? "" : ",unmetered"),
        FuelCosts.VERSION,
        target().triple(),
        "");
  }
}
