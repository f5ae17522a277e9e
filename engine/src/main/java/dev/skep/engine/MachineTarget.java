package dev.skep.engine;

import dev.skep.engine.cranelift.ModuleCompiler;
import dev.skep.limits.FuelCosts;
import java.util.Locale;
import java.util.Optional;

/** Which machine code this process can run, if any. */
public final class MachineTarget {
  private MachineTarget() {}

  /** Why there is no machine code on this node, if that is so. */
  public static Optional<String> unavailable() {
    return unavailable(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
  }

  /**
   * The same of any system.
   *
   * @param system as the JVM names it
   * @param processor as the JVM names it
   */
  static Optional<String> unavailable(String system, String processor) {
    boolean runs =
        system.toLowerCase(Locale.ROOT).equals("linux")
            && (processor.equals("amd64") || processor.equals("x86_64"));
    return runs
        ? Optional.empty()
        : Optional.of(
            "machine code is made for Linux on x86-64; this is "
                + Printable.of(system)
                + " on "
                + Printable.of(processor));
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
        ModuleCompiler.TARGET,
        "");
  }
}
