package dev.skep.engine;

import dev.skep.limits.WasiGrant;

/**
 * Something that a guest asked for and was not granted.
 *
 * @param function of WASI, the first that asked for it
 * @param grant what was missing
 */
public record RefusedCall(String function, WasiGrant grant) {}
