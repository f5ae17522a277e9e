package dev.skep.scheduler;

/**
 * A tenant's wish for machine code of one of its versions.
 *
 * @param tenant who pays
 * @param function that the wish came from
 * @param version which bytes
 */
public record ArtifactAsk(TenantId tenant, FunctionName function, ModuleDigest version) {}
