package dev.skep.api;

import dev.skep.engine.FuelProfile;
import dev.skep.engine.ModuleDescription;
import dev.skep.engine.ModuleFigures.Figure;
import dev.skep.engine.RunReport;
import dev.skep.scheduler.ModuleDigest;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** What {@code skep check} has found out about a module. */
sealed interface CheckReport {

  /**
   * The service would refuse it.
   *
   * @param bytes size of the file
   * @param problem the answer to the upload
   */
  record Refused(int bytes, Problem problem) implements CheckReport {}

  /**
   * The service would take it.
   *
   * @param version the digest of its bytes
   * @param description what it exports and imports
   * @param figures what it has of everything that is limited, the nearest to its limit first
   * @param compiling what compiling it costs
   * @param compiled what compiling it gave, or why that failed
   * @param runs the dry runs
   * @param functions where their fuel went, the costliest first
   * @param runFuel most fuel of one dry run
   * @param runNanos the deadline of one dry run
   */
  record Accepted(
      ModuleDigest version,
      ModuleDescription description,
      List<Figure> figures,
      Cost compiling,
      Compiled compiled,
      List<Run> runs,
      List<FuelProfile.Line> functions,
      long runFuel,
      long runNanos)
      implements CheckReport {}

  /** Units of fuel and what they cost. */
  record Cost(long fuel, long nanoDollars) {}

  /**
   * What compiling gave.
   *
   * @param codeBytes of the generated classes
   * @param oversized functions that are too large for a JVM method and are interpreted
   */
  record Compiled(long codeBytes, List<FuelProfile.Line> oversized) {}

  /**
   * One dry run.
   *
   * @param export what was called; {@code _start} of a command
   * @param how the arguments, for people
   * @param report what it did and used; null if it was not run
   * @param skipped why it was not run; null if it was
   * @param nanoDollars what the run would cost
   * @param profiled units of its fuel that {@code functions} account for; none if it was not
   *     profiled
   */
  record Run(
      String export,
      String how,
      @Nullable RunReport report,
      @Nullable String skipped,
      long nanoDollars,
      OptionalLong profiled) {

    /** What it did, if it was run. */
    Optional<RunReport> ran() {
      return Optional.ofNullable(report);
    }
  }
}
