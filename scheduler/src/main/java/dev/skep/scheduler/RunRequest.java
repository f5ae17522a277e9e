package dev.skep.scheduler;

import dev.skep.engine.CompiledModule;
import dev.skep.engine.Invocation;
import dev.skep.engine.WasiWorld;
import dev.skep.limits.StoreLimits;
import dev.skep.limits.TenantLimits;

/**
 * A run that somebody asks for.
 *
 * @param id its name
 * @param tenant who pays
 * @param function what is to run
 * @param version which bytes
 * @param module those bytes compiled
 * @param invocation how to call it
 * @param limits what its store may use
 * @param tenantLimits how many runs the tenant may have under way, and its share of the slots
 * @param world what of the host the run may reach
 * @param mayBeMachineCode whether it may run as machine code, if the module has some; a module
 *     without tier 1 does in any case
 */
public record RunRequest(
    RunId id,
    TenantId tenant,
    FunctionName function,
    ModuleDigest version,
    CompiledModule module,
    Invocation invocation,
    StoreLimits limits,
    TenantLimits tenantLimits,
    WasiWorld world,
    boolean mayBeMachineCode) {

  /** A run on either tier that is granted nothing but what its way of calling grants. */
  public RunRequest(
      RunId id,
      TenantId tenant,
      FunctionName function,
      ModuleDigest version,
      CompiledModule module,
      Invocation invocation,
      StoreLimits limits,
      TenantLimits tenantLimits) {
    this(
        id,
        tenant,
        function,
        version,
        module,
        invocation,
        limits,
        tenantLimits,
        WasiWorld.NONE,
        true);
  }
}
