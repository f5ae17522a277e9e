package dev.skep.storage;

import dev.skep.limits.TenantLimits;
import dev.skep.scheduler.TenantId;
import java.time.Instant;

/**
 * A tenant as stored. Immutable.
 *
 * @param tenant its name
 * @param createdAt by the database's clock
 * @param suspended whether its runs and changes are to be refused
 * @param limits what it may hold and use
 */
public record TenantRecord(
    TenantId tenant, Instant createdAt, boolean suspended, TenantLimits limits) {}
