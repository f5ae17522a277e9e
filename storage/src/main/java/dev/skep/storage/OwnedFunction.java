package dev.skep.storage;

/**
 * A function and whose it is, as both were stored at one moment. Immutable.
 *
 * @param tenant its owner
 * @param function itself
 */
public record OwnedFunction(TenantRecord tenant, FunctionRecord function) {}
