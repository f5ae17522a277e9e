package dev.skep.storage;

/**
 * What a directory of artifacts holds and has done since it was opened.
 *
 * @param files there are now
 * @param bytes of them
 * @param mostBytes that there may be
 * @param hits artifacts found
 * @param misses artifacts not found, or found damaged
 * @param evictions files deleted because there was no room
 * @param corrupt files that were not what had been written, and were deleted
 * @param failures artifacts that could not be written
 */
public record ArtifactDirectoryStats(
    int files,
    long bytes,
    long mostBytes,
    long hits,
    long misses,
    long evictions,
    long corrupt,
    long failures) {}
