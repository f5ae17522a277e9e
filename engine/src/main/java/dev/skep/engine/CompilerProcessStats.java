package dev.skep.engine;

/**
 * The compiler's process, since the node began.
 *
 * @param started times that it was started
 * @param lost times that it ended unasked
 * @param pid its process id; 0 while there is none
 */
public record CompilerProcessStats(long started, long lost, long pid) {}
