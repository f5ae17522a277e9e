package dev.skep.engine;

import dev.skep.limits.ModuleLimits;

/**
 * Bounds of the engine that are the node's and not a tenant's.
 *
 * @param moduleLimits what an upload may contain
 * @param outputBytes most bytes a run may answer, 1 to 2^30; a command that writes more gets the
 *     error "no space", a bytes answer that is longer ends the run
 * @param errorBytes most bytes kept of a command's stderr; more is counted as written and dropped
 * @param scratchBytes most heap that the scratch trees of all runs take together, 0 to 2^40; a
 *     guest that wants more gets the error "no space"
 * @param scratchTenantPercent of that, what those of one tenant take together at most, 1 to 100
 * @param metering whether code is charged for; only a measurement of what charging costs may do
 *     without, because fuel, deadlines and cancellation then hold nobody
 * @param methodBytes a function whose JVM method would surely be larger is interpreted on tier 1, 0
 *     to 65,535; less than that, the JVM's own limit, only to try the interpreter
 */
public record EngineConfig(
    ModuleLimits moduleLimits,
    int outputBytes,
    int errorBytes,
    long scratchBytes,
    int scratchTenantPercent,
    boolean metering,
    int methodBytes) {
  /** Sixteen runs at once with as much as a run may have. */
  public static final long DEFAULT_SCRATCH_BYTES = 256L << 20;

  /**
   * Four runs of one tenant at once with as much as a run may have, and three more such tenants.
   */
  public static final int DEFAULT_SCRATCH_TENANT_PERCENT = 25;

  public static final EngineConfig DEFAULTS =
      new EngineConfig(ModuleLimits.DEFAULTS, 16 << 20, 16 << 10, true);

  /** With the default of scratch space. */
  public EngineConfig(
      ModuleLimits moduleLimits, int outputBytes, int errorBytes, boolean metering) {
    this(
        moduleLimits,
        outputBytes,
        errorBytes,
        DEFAULT_SCRATCH_BYTES,
        DEFAULT_SCRATCH_TENANT_PERCENT,
        metering,
        MethodSizeEstimate.MOST_METHOD_BYTES);
  }

  public EngineConfig {
    if (outputBytes < 1 || outputBytes > 1 << 30) {
      throw new IllegalArgumentException(
          "outputBytes is " + outputBytes + "; it must be from 1 to 1073741824");
    }
    if (errorBytes < 0 || errorBytes > 1 << 20) {
      throw new IllegalArgumentException(
          "errorBytes is " + errorBytes + "; it must be from 0 to 1048576");
    }
    if (scratchBytes < 0 || scratchBytes > 1L << 40) {
      throw new IllegalArgumentException(
          "scratchBytes is " + scratchBytes + "; it must be from 0 to 1099511627776");
    }
    if (scratchTenantPercent < 1 || scratchTenantPercent > 100) {
      throw new IllegalArgumentException(
          "scratchTenantPercent is " + scratchTenantPercent + "; it must be from 1 to 100");
    }
    if (methodBytes < 0 || methodBytes > MethodSizeEstimate.MOST_METHOD_BYTES) {
      throw new IllegalArgumentException(
          "methodBytes is " + methodBytes + "; it must be from 0 to 65535");
    }
  }

  /** For measurement only: see {@link #metering}. */
  public EngineConfig withMetering(boolean value) {
    return new EngineConfig(
        moduleLimits,
        outputBytes,
        errorBytes,
        scratchBytes,
        scratchTenantPercent,
        value,
        methodBytes);
  }

  /** For tests and comparisons: with all functions interpreted on tier 1. */
  public EngineConfig withInterpreter() {
    return new EngineConfig(
        moduleLimits, outputBytes, errorBytes, scratchBytes, scratchTenantPercent, metering, 0);
  }

  /** The same with so much scratch space on the node, and such a part of it for each tenant. */
  public EngineConfig withScratch(long bytes, int tenantPercent) {
    return new EngineConfig(
        moduleLimits, outputBytes, errorBytes, bytes, tenantPercent, metering, methodBytes);
  }

  /** Most heap that the scratch trees of one tenant's runs take together. */
  public long scratchTenantBytes() {
    return scratchBytes * scratchTenantPercent / 100;
  }
}
