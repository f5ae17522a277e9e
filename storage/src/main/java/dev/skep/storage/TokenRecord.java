package dev.skep.storage;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a token. Never its secret, which is not kept.
 *
 * @param tokenId names it within its tenant
 * @param label what its owner called it
 * @param createdAt by the database's clock
 * @param revokedAt null while it is good
 */
public record TokenRecord(
    String tokenId, String label, Instant createdAt, @Nullable Instant revokedAt) {}
