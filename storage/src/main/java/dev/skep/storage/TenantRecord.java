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
 * @param heldToTier1 whether its runs never run as machine code
 * @param limits what it may hold and use
 */
public record TenantRecord(
    TenantId tenant,
    Instant createdAt,
    boolean suspended,
    boolean heldToTier1,
    TenantLimits limits) {}
