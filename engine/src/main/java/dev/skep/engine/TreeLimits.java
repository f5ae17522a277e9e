package dev.skep.engine;

/**
 * What an uploaded tree may come to.
 *
 * @param archiveBytes of the archive
 * @param contentBytes of all files together, unpacked
 * @param entries files and directories, those counted that the archive only implies
 * @param pathBytes of one path
 * @param depth names in one path
 */
public record TreeLimits(
    int archiveBytes, int contentBytes, int entries, int pathBytes, int depth) {
  public static final TreeLimits DEFAULTS = new TreeLimits(16 << 20, 32 << 20, 10_000, 1_024, 32);
}
