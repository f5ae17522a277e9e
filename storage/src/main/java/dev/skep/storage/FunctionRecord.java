package dev.skep.storage;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import java.time.Instant;

/**
 * A function as stored. Immutable.
 *
 * @param name within its tenant
 * @param currentDigest the version that runs
 * @param settings what the tenant set on it
 * @param createdAt by the database's clock
 * @param updatedAt when its version or settings last changed
 */
public record FunctionRecord(
    FunctionName name,
    ModuleDigest currentDigest,
    FunctionSettings settings,
    Instant createdAt,
    Instant updatedAt) {}
