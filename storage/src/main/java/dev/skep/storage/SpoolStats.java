package dev.skep.storage;

/**
 * What a spool has done since it was opened, read without stopping it: the numbers may be some
 * receipts apart.
 *
 * @param queued receipts waiting for the disk now
 * @param appended receipts made durable
 * @param failed receipts refused, for whatever reason
 * @param replayed receipts found on disk at the start
 * @param shipped receipts that are in the ledger, replayed ones included
 * @param duplicates those of them that the ledger had already
 * @param unshipped durable receipts that are not known to be in the ledger yet
 * @param syncs waits for the disk; appended receipts to one of them is the size of a group
 * @param shipFailures inserts that failed and are or were tried again
 * @param corruptRegions stretches of segments that could not be read, torn tails not counted
 * @param tornBytes bytes of a torn tail that were cut off at the start
 * @param segments segment files now
 * @param bytes of these files
 * @param lastShipLagMillis from the end of the oldest run of the last batch to its commit
 */
public record SpoolStats(
    long queued,
    long appended,
    long failed,
    long replayed,
    long shipped,
    long duplicates,
    long unshipped,
    long syncs,
    long shipFailures,
    long corruptRegions,
    long tornBytes,
    int segments,
    long bytes,
    long lastShipLagMillis) {}
