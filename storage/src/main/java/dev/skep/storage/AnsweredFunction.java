package dev.skep.storage;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.TenantId;

/**
 * A function whose tenant's ask for machine code of its current version has been answered.
 *
 * @param tenant its owner
 * @param function its name
 * @param version the current one
 */
public record AnsweredFunction(TenantId tenant, FunctionName function, ModuleDigest version) {}
