package dev.skep.engine;

/**
 * The compiler's process, since the node began.
 *
 * @param started times that it was started
 * @param lost times that it ended unasked
 * @param residentBytes that it has in memory now; 0 while there is none
 */
public record CompilerProcessStats(long started, long lost, long residentBytes) {}
