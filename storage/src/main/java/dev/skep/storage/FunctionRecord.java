package dev.skep.storage;

import dev.skep.scheduler.FunctionName;
import dev.skep.scheduler.FunctionSettings;
import dev.skep.scheduler.ModuleDigest;
import dev.skep.scheduler.TreeDigest;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A function as stored. Immutable.
 *
 * @param name within its tenant
 * @param currentDigest the version that runs
 * @param settings what the tenant set on it
 * @param tree the files that its runs may read if that is granted, or null for none
 * @param createdAt by the database's clock
 * @param updatedAt when its version or settings last changed
 */
public record FunctionRecord(
    FunctionName name,
    ModuleDigest currentDigest,
    FunctionSettings settings,
    @Nullable TreeDigest tree,
    Instant createdAt,
    Instant updatedAt) {}
