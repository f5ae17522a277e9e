package dev.skep.storage;

import dev.skep.scheduler.ModuleDigest;
import java.time.Instant;

/**
 * A version of a function. Immutable.
 *
 * @param digest names it
 * @param createdAt when these bytes first became a version of this function
 * @param sizeBytes of its module
 * @param description JSON, as the uploader computed it
 */
public record VersionRecord(
    ModuleDigest digest, Instant createdAt, int sizeBytes, String description) {}
